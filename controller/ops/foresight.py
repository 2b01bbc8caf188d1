"""What would become of calls now: each chain with the path that a call would take, and answers to questions.

Owns how a picture of the daemon becomes what the functions that route are asked with, and that an answer is kept for as long as
nothing changes. The functions are those of `controller.explain`, and so the ones that carry calls. They take a thread: a large
dialplan takes a moment. Must not decide anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from controller.explain import Explanation, assume_down, assume_full, check_trunk, explain, parse_moment, to_data
from controller.explain.assumed import Assumed, read_things
from controller.explain.what_if import WhatIf, subjects_of
from controller.health.score import Scores
from controller.ops.consumer import Picture
from controller.resolver.store import last_addresses
from controller.rules.expand import common_name, expand
from controller.rules.numbers import read_number
from controller.rules.quality import Quality, trunk_targets
from controller.types import Dialplan, HealthView, Offer, Route, TargetState

ASKED = "explain"
#: Of the numbers that lead to a chain, so many are named.
NAMED = 50
#: Calls go elsewhere first while a trunk is in one of these.
_OUT = frozenset(("parked", "held"))


class Foresight:
    """Asks what calls would do, by a dialplan and the picture of a moment."""

    def __init__(self, dialplan: Dialplan, state_dir: Path) -> None:
        self._dialplan, self._state_dir = dialplan, state_dir
        self.ours = frozenset(dialplan.routes)  # numbers
        self._kept: tuple[object, list[dict[str, Any]]] | None = None

    def chains(self, picture: Picture) -> list[dict[str, Any]]:
        """Every chain that calls lead to, as it is now; those outward last. Blocks for a moment."""
        key = (_states(picture), int(picture.at // 60))  # hours open and close by the minute
        if self._kept is None or self._kept[0] != key:
            self._kept = (key, self._look(picture))
        return self._kept[1]

    def explain(self, question: Mapping[str, Any], picture: Picture) -> dict[str, Any]:
        """One call. ``question``: did, caller, from_trunk, at, down, degraded, full, live (as things are now, too).

        Raises `QuestionError`.
        """
        dialplan = self._expanded()
        live = picture if question["live"] else Picture(picture.at)
        view = _view(dialplan, live, question["down"], question["degraded"])
        trunk = check_trunk(dialplan, question["from_trunk"])
        usage = assume_full(dialplan, question["full"])
        moment = parse_moment(dialplan, question["at"]) if question["at"] else picture.at
        form = dialplan.trunks[trunk].format if trunk else None  # as the plane reads what comes from there
        did, caller = read_number(form, question["did"], called=True), read_number(form, question["caller"])
        offer = Offer(ASKED, did, caller, moment, trunk)
        return to_data(explain(dialplan, offer, view, _quality(dialplan, live), usage))

    def what_if(self, down: Iterable[str], at: str, now: float, *, each: bool) -> list[dict[str, Any]]:
        """What changes for every route and cascade if these are down ("carrier:a"), against all being well; ``each``: every
        single thing in turn, the worst first. Raises `QuestionError`."""
        dialplan = self._expanded()
        asked = WhatIf(dialplan, parse_moment(dialplan, at) if at else now)
        found = asked.compare_all() if each else [asked.compare(Assumed(read_things(dialplan, down)))]
        return [answer.to_data() for answer in found]

    def _look(self, picture: Picture) -> list[dict[str, Any]]:
        dialplan = self._expanded()
        view, quality = _view(dialplan, picture), _quality(dialplan, picture)
        found: dict[str, dict[str, Any]] = {}
        for name, route, trunk in routes_in(dialplan):
            row = found.get(route.chain)
            if row is None:
                offer = Offer(ASKED, route.did, "", picture.at, trunk)
                row = found[route.chain] = _show(explain(dialplan, offer, view, quality, route=route))
                row["outbound"] = route.outbound
            row["count"] += 1
            if len(row["dids"]) < NAMED:
                row["dids"].append(name)
        return list(found.values())

    def _expanded(self) -> Dialplan:
        return expand(self._dialplan, last_addresses(self._dialplan, self._state_dir))


def routes_in(dialplan: Dialplan) -> Iterable[tuple[str, Route, str]]:
    """Every route by what is called, and, of those outward, a trunk that may take it."""
    callers: dict[str, list[str]] = {}
    for by_trunk in dialplan.outbound.values():
        for trunk, route in by_trunk.items():
            callers.setdefault(route.chain, []).append(common_name(trunk))
    for _, route, trunk in subjects_of(dialplan):
        if route.outbound:
            dialled = f"{route.did}…" if route.did else "any number"
            yield f"{dialled} from {', '.join(dict.fromkeys(callers[route.chain]))}", route, trunk
        elif route.prefix:
            yield f"{route.did}…", route, trunk
        else:
            yield "any other number" if route is dialplan.default else route.did, route, trunk


def _states(picture: Picture) -> tuple[tuple[str, str, str], ...]:
    trunks = picture.calls["trunks"] if picture.calls is not None else ()
    return tuple((each["name"], each["state"], (each["calls"] or {}).get("gate", "open")) for each in trunks)


def _view(dialplan: Dialplan, picture: Picture, down: Iterable[str] = (), degraded: Iterable[str] = ()) -> HealthView:
    states = {name: state for name, state, _ in _states(picture) if name in dialplan.trunks}
    view = assume_down(
        dialplan,
        [*down, *(name for name, state in states.items() if state == TargetState.DOWN)],
        [*degraded, *(name for name, state in states.items() if state == TargetState.DEGRADED)],
    )
    codes = {each["name"]: each["code"] for each in (picture.calls or {"trunks": ()})["trunks"]}
    trunks = {
        name: replace(health, code=codes[name]) if states.get(name) == health.state else health
        for name, health in view.trunks.items()
    }
    return replace(view, trunks=trunks)


def _quality(dialplan: Dialplan, picture: Picture) -> Quality:
    """What calls say of trunks, as far as it takes one out: the rest is not in a picture."""
    scores = Scores(trunk_targets(dialplan))
    trunks = picture.calls["trunks"] if picture.calls is not None else ()
    for each in trunks:
        if each["calls"] and each["calls"]["gate"] in _OUT and each["name"] in dialplan.trunks:
            scores.park(each["name"], 0.0, each["calls"]["why"])
    return Quality(scores, 0.0)


def _show(found: Explanation) -> dict[str, Any]:
    """A chain, without numbers."""
    return {
        "chain": found.chain,
        "where": found.where,
        "count": 0,
        "dids": [],
        "order": list(found.order),
        "live_after": found.live_after,
        "over_after": found.over_after,
        "status": found.status,
        "panic": found.panic,
        "refused": found.refused,
        "hours": found.hours,
        "stages": [
            {
                "number": turn.number,
                "mode": turn.mode,
                "ring": turn.ring,
                "order": turn.order,
                "skipped": turn.skipped,
                "waits": list(turn.waits),
                "targets": [
                    {
                        "endpoint": who.endpoint,
                        "live": who.live,
                        "ways": [
                            {"path": way.path, "skipped": way.skipped, "demoted": way.demoted, "barred": way.barred}
                            for way in who.ways
                        ],
                    }
                    for who in turn.targets
                ],
            }
            for turn in found.stages
        ],
    }
