"""What if something is down: every route of a dialplan, as it is while all is well and as it would be then.

Owns the comparison, and that 10,000 numbers take no longer than the shapes of their chains: numbers of one shape (`shape`),
tenant and limit have one outlook, and a chain that none of the trunks concerns keeps the one it had. Must not decide anything: `outlook` asks the
functions that route, `message_outlook` those that plan cascades.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from controller.explain.assumed import Assumed, single_failures
from controller.explain.message_outlook import CascadeDifference, CascadeSurvey
from controller.explain.outlook import Outlook, Reach, look_at
from controller.explain.shape import Shapes, say_of
from controller.health.score import Scores
from controller.rules.expand import common_name
from controller.rules.gate import prepare
from controller.rules.quality import Quality, trunk_targets
from controller.rules.usage import Usage
from controller.types import Chain, Dialplan, HealthView, Limits, Offer, Route, Trunk

#: Calls are asked about by this id, so that what is drawn by weight is drawn alike for all.
ASKED = "explain"


class Subject(NamedTuple):
    """A route, as people call it: "+15557000", "prefix +1555", "outbound +1"."""

    name: str
    route: Route
    trunk: str  # calls outward come from there; "" for all others


class _Kind(NamedTuple):
    """Routes of one kind have one outlook."""

    chain: str
    tenant: str
    limits: Limits | None
    outbound: bool
    trunk: str


@dataclass(frozen=True, slots=True)
class Change:
    """Routes that fare alike: with all being well, and then."""

    chain: str
    stages: int  # of the chain
    routes: tuple[str, ...]
    before: Outlook
    after: Outlook


@dataclass(frozen=True, slots=True)
class Counts:
    """How many routes would be how."""

    routes: int
    changed: int
    unreachable: int  # nobody is rung, and somebody was
    voicemail: int  # nobody but a voicemail is rung, and somebody was
    not_live: int  # nobody is left who always answers, and somebody was
    slower: float  # seconds that a caller waits longer, at the worst, of all that reach anybody


@dataclass(frozen=True, slots=True)
class Difference:
    """The answer, of calls."""

    counts: Counts
    changes: tuple[Change, ...]
    unreachable: tuple[str, ...]
    voicemail: tuple[str, ...]
    not_live: tuple[str, ...]
    never: tuple[str, ...]  # that nobody is rung for while all is well either, at this moment: hours, conditions


class Survey:
    """All routes of a dialplan at one moment, for one caller. Ask it as often as you like: what is common is kept."""

    def __init__(self, dialplan: Dialplan, moment: float, caller: str = "") -> None:
        self.dialplan, self.moment, self.caller = dialplan, moment, caller
        prepare(dialplan)
        self._kinds: dict[_Kind, tuple[Route, list[str]]] = {}
        for name, route, trunk in subjects_of(dialplan):
            kind = _Kind(route.chain, route.tenant, route.limits, route.outbound, trunk)
            self._kinds.setdefault(kind, (route, []))[1].append(name)
        self._first = self._find_alike()  # for each kind the one that is asked about in its place
        self._ties = {kind: ties_of(dialplan, dialplan.chains[kind.chain]) for kind in self._first.values()}
        self._room = Usage(dialplan)
        self._quality = Quality(Scores(trunk_targets(dialplan)), 0.0)  # nothing is known of any trunk
        self._well = {kind: self._look(kind, HealthView(), self._room) for kind in self._ties}

    def well(self) -> Iterator[tuple[str, Outlook]]:
        """The outlook of each route while all is well."""
        for kind, (_, names) in self._kinds.items():
            outlook = self._say_of(kind, self._well[self._first[kind]])
            for name in names:
                yield name, outlook

    def compare(self, assumed: Assumed) -> Difference:
        """What would be otherwise. Raises `QuestionError`."""
        view = assumed.view(self.dialplan)
        usage = assumed.usage(self.dialplan) if assumed.full else self._room
        changes: list[Change] = []
        unreachable: list[str] = []
        voicemail: list[str] = []
        not_live: list[str] = []
        never: list[str] = []
        total = changed = 0
        slower = 0.0
        then = {
            kind: self._look(kind, view, usage)
            if assumed.full or not ties.isdisjoint(view.trunks)
            else self._well[kind]
            for kind, ties in self._ties.items()
        }
        for kind, (_, names) in self._kinds.items():
            before, after = self._well[self._first[kind]], then[self._first[kind]]
            total += len(names)
            if after != before:
                changed += len(names)
                stages = len(self.dialplan.chains[kind.chain].stages)
                told = self._say_of(kind, before), self._say_of(kind, after)
                changes.append(Change(kind.chain, stages, tuple(names), *told))
            if after.reach is Reach.NOBODY:
                (never if before.reach is Reach.NOBODY else unreachable).extend(names)
                continue
            slower = max(slower, after.wait - before.wait)
            if after.reach is Reach.VOICEMAIL and before.reach is not Reach.VOICEMAIL:
                voicemail += names
            elif before.live and not after.live:
                not_live += names
        counts = Counts(total, changed, len(unreachable), len(voicemail), len(not_live), slower)
        return Difference(counts, tuple(changes), tuple(unreachable), tuple(voicemail), tuple(not_live), tuple(never))

    def _find_alike(self) -> dict[_Kind, _Kind]:
        shapes = Shapes()
        numbers: dict[str, int] = {}
        first: dict[tuple[object, ...], _Kind] = {}
        found: dict[_Kind, _Kind] = {}
        for kind, (route, _) in self._kinds.items():
            if kind.chain not in numbers:
                numbers[kind.chain] = shapes.number(self.dialplan.chains[kind.chain])
            dialled = route.did if route.outbound else ""  # what is dialled outward becomes who is rung
            found[kind] = first.setdefault((numbers[kind.chain], dialled, *kind[1:]), kind)
        return found

    def _say_of(self, kind: _Kind, outlook: Outlook) -> Outlook:
        """The outlook that was found for the first of its like."""
        chains = self.dialplan.chains
        return say_of(outlook, chains[self._first[kind].chain], chains[kind.chain])

    def _look(self, kind: _Kind, view: HealthView, usage: Usage) -> Outlook:
        route, _ = self._kinds[kind]
        offer = Offer(ASKED, route.did, self.caller, self.moment, kind.trunk)
        return look_at(self.dialplan, route, offer, view, self._quality, usage)


def subjects_of(dialplan: Dialplan) -> Iterator[Subject]:
    """Every route once. An outbound one without its tolls: it is asked about for numbers that it may be used for."""
    for did, route in dialplan.routes.items():
        yield Subject(did, route, "")
    for prefix, route in dialplan.prefixes.items():
        yield Subject(f"prefix {prefix}", route, "")
    if dialplan.default is not None:
        yield Subject("any other number", dialplan.default, "")
    seen: set[str] = set()
    for by_trunk in dialplan.outbound.values():
        for trunk, route in by_trunk.items():
            if route.chain not in seen:
                seen.add(route.chain)
                yield Subject(route.chain, replace(route, tolls=None), trunk)


def ties_of(dialplan: Dialplan, chain: Chain) -> frozenset[str]:
    """The trunks whose health a plan of this chain depends on: no other one changes it."""
    trunks: set[str] = set()
    sites: set[str] = set()
    for stage in chain.stages:
        if stage.when is not None:
            trunks.update(name for name, _ in stage.when.trunks)
            sites.update(name for name, _ in stage.when.sites)
        for target in stage.targets:
            for path in target.paths:
                trunk: Trunk = dialplan.trunks[path.trunk]
                trunks.update((trunk.name, common_name(trunk.name)))
                if trunk.site:
                    sites.add(trunk.site)
    for name in sites:
        trunks.update(dialplan.sites[name].pbx)
    return frozenset(trunks)


class WhatIf:
    """Calls and messages of a dialplan, asked together."""

    def __init__(self, dialplan: Dialplan, moment: float, caller: str = "", tenant: str = "") -> None:
        self.dialplan = dialplan
        self.calls = Survey(dialplan, moment, caller)
        self.cascades = CascadeSurvey(dialplan, moment, tenant)

    def compare(self, assumed: Assumed) -> Answer:
        """What would be otherwise. Raises `QuestionError`."""
        return Answer(assumed, self.calls.compare(assumed), self.cascades.compare(assumed))

    def compare_all(self) -> list[Answer]:
        """Each single thing down in turn; what hurts most comes first, of equals the widest."""
        found = [self.compare(Assumed((thing,))) for thing in single_failures(self.dialplan)]
        return sorted(found, key=_hurt, reverse=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """What would be otherwise if this were so."""

    assumed: Assumed
    calls: Difference
    cascades: CascadeDifference

    @property
    def is_bad(self) -> bool:
        """Whether somebody can no longer be reached."""
        return bool(self.calls.unreachable or self.cascades.unreachable)

    def to_data(self) -> dict[str, Any]:
        """The same as plain data, times in seconds."""
        assumed = self.assumed
        return {
            "down": [str(thing) for thing in assumed.down],
            "degraded": [str(thing) for thing in assumed.degraded],
            "full": list(assumed.full),
            "calls": asdict(self.calls),
            "cascades": {
                "asked": self.cascades.asked,
                "changes": [asdict(change) for change in self.cascades.changes],
                "unreachable": [subject._asdict() for subject in self.cascades.unreachable],
            },
        }


def _hurt(answer: Answer) -> tuple[float, ...]:
    counts = answer.calls.counts
    return (
        counts.unreachable + len(answer.cascades.unreachable),
        counts.voicemail,
        counts.not_live,
        counts.changed + sum(len(change.countries) for change in answer.cascades.changes),
        counts.slower,
    )
