"""What is said about a call, and how it is found out.

Owns the shape of an explanation. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from controller.explain.course import foresee
from controller.explain.play import Step
from controller.health.score import Scores
from controller.rules.conditions import is_open, show_moment
from controller.rules.expand import common_name
from controller.rules.identity import shown_number
from controller.rules.match import match_route
from controller.rules.numbers import write_number
from controller.rules.order import arrange
from controller.rules.quality import Quality, trunk_targets
from controller.rules.usage import Usage
from controller.types import (
    Chain,
    Decided,
    Dialplan,
    HealthView,
    Mode,
    Offer,
    Path,
    Plan,
    Route,
    TargetState,
)
from controller.wording import address_of, called_as

NO_ROUTE_STATUS = 404


@dataclass(frozen=True, slots=True)
class Way:
    """A path of the chain; ``skipped`` says why it is left out, ``demoted`` why the others of its target go first, "" if
    it is not so. ``barred``: it is not even tried as the last."""

    path: str
    address: str
    skipped: str
    demoted: str = ""
    barred: bool = False
    at: str = ""  # where the name of its trunk leads, if that is known
    shows: str = ""  # the number of ours that is shown as the caller's, as the trunk writes it; "": the caller's own


@dataclass(frozen=True, slots=True)
class Who:
    """A target of a stage."""

    endpoint: str
    live: bool
    ways: tuple[Way, ...]
    quality: str  # of its trunks, where that decides on the order


@dataclass(frozen=True, slots=True)
class Turn:
    """A stage of the chain; ``skipped`` says why it is left out as a whole. Times in seconds."""

    number: int
    where: str
    mode: str
    ring: float
    no_reply: float
    no_progress: float
    stagger: float | None  # hybrid only
    hedge: float | str | None
    order: str
    skipped: str
    targets: tuple[Who, ...]
    waits: tuple[
        str, ...
    ] = ()  # for one of these to happen: busy, no-answer; a trunk, or anything ("true"), being full


@dataclass(frozen=True, slots=True)
class Explanation:
    """All there is to say about one call."""

    did: str
    caller: str
    trunk: str  # from which the call comes; "" for an unknown address
    moment: float
    down: tuple[str, ...]
    degraded: tuple[str, ...]
    version: str
    rule: str  # as written; "" if nobody owns the number
    where: str  # file:line of the rule
    chain: str
    hours: dict[str, str]  # each calendar that the chain asks -> open or closed, and the local time
    stages: tuple[Turn, ...]
    order: tuple[str, ...]  # of the attempts when each of them fails at once
    worst: tuple[Step, ...]  # every way but the last makes the caller wait, then it rings, and nobody answers
    live_after: float | None  # seconds until somebody who always answers is rung, at the worst
    over_after: float  # seconds until the caller is told that nobody answered, at the worst
    status: int  # what the caller is told then
    panic: bool
    full: tuple[str, ...] = ()  # trunks, and the number or its tenant, that have no room
    refused: str = ""  # why nobody may be tried at all, or only stages for overflow
    silent: tuple[Step, ...] = ()  # the attempts when nothing is heard of anybody: hedges bring the next one


def explain(
    dialplan: Dialplan,
    offer: Offer,
    view: HealthView,
    quality: Quality | None = None,
    usage: Usage | None = None,
    now: float = 0.0,
    *,
    route: Route | None = None,
) -> Explanation:
    """Say what would become of an offer. Without ``quality`` nothing is known of what calls came to, without ``usage`` no
    other calls are up; both stay as they are. ``now`` is that of the usage. ``route``: the one that it takes, where the question
    is about that and not about a number."""
    if quality is None:
        quality = Quality(Scores(trunk_targets(dialplan)), 0.0)
    down, degraded = (
        tuple(sorted(name for name, health in view.trunks.items() if health.state is state))
        for state in (TargetState.DOWN, TargetState.DEGRADED)
    )
    about = (offer.did, offer.caller, offer.trunk, offer.moment, down, degraded, dialplan.version)
    route = match_route(dialplan, offer) if route is None else route
    if route is None:
        return Explanation(*about, "", "", "", {}, (), (), (), None, 0.0, NO_ROUTE_STATUS, panic=False)
    chain = dialplan.chains[route.chain]
    usage = Usage(dialplan) if usage is None else usage
    course = foresee(dialplan, route, offer, view, quality, usage, now, silence=True)
    plan, full, worst, order = course.plan, course.full, course.worst, course.order
    live = {target.endpoint for stage in plan.stages for target in stage.targets if target.live}
    endpoints = {path.name: path.endpoint for stage in plan.stages for t in stage.targets for path in t.paths}
    return Explanation(
        *about,
        rule=_rule(route),
        where=route.where,
        chain=chain.name,
        hours=dict(_hours(dialplan, chain, offer)),
        stages=tuple(_turns(dialplan, arrange(dialplan, chain, offer), plan, offer)),
        order=tuple(step.path for step in order),
        worst=worst,
        live_after=next((step.at for step in worst if step.rings and endpoints[step.path] in live), None),
        over_after=course.over_after,
        status=course.status,
        panic=plan.panic,
        full=(
            *sorted({common_name(name) for name in full.trunks}),
            *(word for word in full.entry if word not in full.trunks),
        ),
        refused=plan.refusal.why if plan.refusal is not None and (full.refusal is not None or not order) else "",
        silent=course.silent,
    )


def _rule(route: Route) -> str:
    if route.outbound:
        return f"outbound {route.did or '*'}"
    return f"prefix {route.did}" if route.prefix else f"did {route.did}"


def _hours(dialplan: Dialplan, chain: Chain, offer: Offer) -> Iterator[tuple[str, str]]:
    for stage in chain.stages:
        for name in (stage.when.hours, stage.when.not_hours) if stage.when else ():
            if name:
                hours = dialplan.hours[name]
                word = "open" if is_open(hours, offer.moment) else "closed"
                yield name, f"{word}, {show_moment(hours, offer.moment)}"


def _turns(dialplan: Dialplan, chain: Chain, plan: Plan, offer: Offer) -> Iterator[Turn]:
    left_out = {(skipped.stage, skipped.what): skipped for skipped in plan.skipped}
    why = {place: skipped.why for place, skipped in left_out.items()}
    waiting = {stage.where: (*stage.after, *stage.overflow) for stage in plan.stages}
    behind = {(demoted.stage, demoted.what): demoted.why for demoted in plan.demoted}
    decided = {(found.stage, found.what): found for found in plan.decisions}
    for number, stage in enumerate(chain.stages, 1):
        targets = tuple(
            Who(
                target.endpoint,
                target.live,
                tuple(
                    Way(
                        path.name,
                        called_as(path.address, trunk := dialplan.trunks[path.trunk]),
                        why.get((number, path.name), ""),
                        behind.get((number, path.name), ""),
                        barred=(number, path.name) in left_out and left_out[number, path.name].barred,
                        at=address_of(trunk) if trunk.domain else "",
                        shows=write_number(trunk.format, shown_number(dialplan, offer, trunk)),
                    )
                    for path in _in_order(target.paths, decided.get((number, target.endpoint)))
                ),
                found.why if (found := decided.get((number, target.endpoint))) is not None else "",
            )
            for target in stage.targets
        )
        yield Turn(
            number,
            stage.where,
            stage.mode.value,
            stage.ring,
            stage.no_reply,
            stage.no_progress,
            stage.stagger if stage.mode is Mode.HYBRID else None,
            stage.hedge,
            stage.order.value,
            why.get((number, f"stage {number}"), ""),
            targets,
            waiting.get(stage.where, ()),
        )


def _in_order(paths: tuple[Path, ...], decided: Decided | None) -> list[Path]:
    """Paths as they will be tried; those that will not, last."""
    place = {trunk: index for index, trunk in enumerate(decided.order)} if decided is not None else {}
    return sorted(paths, key=lambda path: place.get(path.trunk, len(place)))


def to_data(found: Explanation) -> dict[str, Any]:
    """The explanation as plain data, times in seconds."""
    return asdict(found)
