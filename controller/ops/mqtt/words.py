"""How things are, for a broker: one word and one JSON object for each trunk, provider and site.

Owns which word it is. Every name of the dialplan has its topics, whether a daemon answers or not; what a name with several
addresses is, is what the best of them is. No figure that changes by itself (such as how long something is so) stands here:
what is published is published again only when it is different. Must not do I/O.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from controller import __version__
from controller.masking import mask_numbers
from controller.ops.consumer import CALLS, MESSAGES, Picture
from controller.ops.mqtt.topics import OFFLINE, ONLINE, Topics
from controller.types import Dialplan, TargetState
from controller.types.dialplan import Site

UP, DEGRADED, DOWN = str(TargetState.UP), str(TargetState.DEGRADED), str(TargetState.DOWN)
UNKNOWN, SUSPECT = str(TargetState.UNKNOWN), str(TargetState.SUSPECT)
DRAINED = "drained"  # taken out by an operator
TRUNK, PROVIDER, SITE = "trunk", "provider", "site"

_BEST = (UP, DEGRADED, UNKNOWN, DRAINED, DOWN)  # of several addresses
_PARKED, _OPEN = "parked", "open"
#: Seconds by which the beginning of a state may seem to move without being another.
_SAME_MOMENT = 2.0

Row = Mapping[str, Any]
Words = dict[str, bytes]


class Wording:
    """Puts pictures into words. It remembers since when each thing has been as it is, and nothing else."""

    def __init__(self, dialplan: Dialplan, topics: Topics) -> None:
        self._dialplan = dialplan
        self._topics = topics
        self._since: dict[str, tuple[str, float]] = {}

    def of(self, picture: Picture) -> Words:
        """All that is retained of a picture, by topic."""
        topics, plan = self._topics, self._dialplan
        words: Words = {f"{topics.base}/version": f"{__version__} {plan.version}".encode()}
        states = self._trunks(words, picture)
        for site in plan.sites.values():
            self._say(words, picture, SITE, site.name, *_site(plan, site, states))
        if plan.trunks:
            self._daemon(words, CALLS, picture.calls)
            if picture.calls is not None:  # else nobody knows
                words[f"{topics.base}/calls/up"] = str(picture.calls["up"]).encode()
                words[f"{topics.base}/calls/setup"] = str(picture.calls["calls"]).encode()
        if plan.messaging is not None:
            self._daemon(words, MESSAGES, picture.messages)
            self._providers(words, picture)
        return words

    def _daemon(self, words: Words, name: str, status: Row | None) -> None:
        words[self._topics.daemon(name)] = OFFLINE if status is None else ONLINE

    def _trunks(self, words: Words, picture: Picture) -> dict[str, str]:
        members: dict[str, list[Row]] = {}
        for row in (picture.calls or {}).get("trunks", ()):
            members.setdefault(row["group"] or row["name"], []).append(row)
        states: dict[str, str] = {}
        for name, trunk in self._dialplan.trunks.items():
            rows = sorted(members.get(name, ()), key=lambda row: _BEST.index(_trunk_word(row)))
            best = rows[0] if rows else None
            states[name] = _trunk_word(best) if best is not None else UNKNOWN
            more: dict[str, Any] = {"carrier": trunk.carrier, "site": trunk.site}
            if best is not None:
                why = mask_numbers(best["why"])
                more |= {"code": best["code"], "why": why, "gate": _gate(best), "paged": best["paged"]}
                more["since"] = self._moment(f"{TRUNK}/{name}", states[name], picture.at - best["for"])
            if len(rows) > 1:
                more["addresses"] = {str(row["name"]): _trunk_word(row) for row in rows}
            self._say(words, picture, TRUNK, name, states[name], more)
        return states

    def _providers(self, words: Words, picture: Picture) -> None:
        assert self._dialplan.messaging is not None
        rows = {row["provider"]: row for row in (picture.messages or {}).get("providers", ())}
        for name, provider in self._dialplan.messaging.providers.items():
            row = rows.get(name)
            more: dict[str, Any] = {"channel": provider.channel.value}
            if row is not None:
                more |= {"gate": row["gate"], "why": mask_numbers(row["why"])}
            self._say(words, picture, PROVIDER, name, _provider_word(row), more)

    def _say(self, words: Words, picture: Picture, kind: str, name: str, state: str, more: Row) -> None:
        words[self._topics.of(kind, name)] = state.encode()
        since = more.get("since") or self._moment(f"{kind}/{name}", state, picture.at, told=False)
        words[self._topics.state(kind, name)] = dumped({"name": name, "state": state, **more, "since": since})

    def _moment(self, what: str, state: str, moment: float, *, told: bool = True) -> float:
        """Since when, seconds since the epoch: the same number for as long as it is the same. ``told``: the daemon says
        when it began, else ``moment`` is when we saw it."""
        known = self._since.get(what)
        if known is None or known[0] != state or (told and moment > known[1] + _SAME_MOMENT):
            known = self._since[what] = (state, round(moment, 1))
        return known[1]


def dumped(data: Mapping[str, Any]) -> bytes:
    """As JSON."""
    return json.dumps(data, separators=(",", ":"), default=str).encode()


def _gate(row: Row) -> str:
    calls = row["calls"]
    return calls["gate"] if calls is not None else _OPEN


def _trunk_word(row: Row) -> str:
    """Drained says more than whether it answers; a gate that is not open says that calls do not come through. One sign
    of life that was missed says nothing yet."""
    gate, state = _gate(row), str(row["state"])
    if gate == _PARKED:
        return DRAINED
    if state == SUSPECT:
        state = UP
    return DEGRADED if state == UP and gate != _OPEN else state


def _provider_word(row: Row | None) -> str:
    if row is None:
        return UNKNOWN
    if row["gate"] == _PARKED:
        return DRAINED
    if row["alive"] is False or row["gate"] == "held":
        return DOWN
    return UP if row["gate"] == _OPEN else DEGRADED


def _site(plan: Dialplan, site: Site, states: Mapping[str, str]) -> tuple[str, Row]:
    """A site is down when all its PBXs are, as in conditions; degraded when anything of it is not as it should be."""
    trunks = [name for name, trunk in plan.trunks.items() if trunk.site == site.name]
    members = list(dict.fromkeys((*site.pbx, *trunks)))
    return site_word([states[name] for name in site.pbx], [states[name] for name in members]), {
        "trunks": {name: states[name] for name in members}
    }


def site_word(pbxs: Sequence[str], members: Iterable[str]) -> str:
    """The word for a site by those of its PBXs, and of all its trunks."""
    if pbxs and all(state == DOWN for state in pbxs):
        return DOWN
    if all(state == UNKNOWN for state in members):
        return UNKNOWN
    return UP if all(state == UP for state in members) else DEGRADED
