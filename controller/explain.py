"""What would become of a call: the route, the plan and the order of a fresh run, said to people.

Owns the shape of an explanation and its output. It decides nothing: `match_route`, `make_plan` and `Run` are the very
functions that carry calls, and the order of attempts is what a run does when it is told that each of them fails.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from rich.console import Console

from controller.config.duration import show_duration
from controller.health.groups import add_groups, find_groups
from controller.health.score import Scores
from controller.rules.conditions import is_open, show_moment
from controller.rules.match import match_route
from controller.rules.order import arrange
from controller.rules.plan import make_plan
from controller.rules.quality import Quality, trunk_targets
from controller.rules.run import Run
from controller.types import (
    TRANSPORT_ERROR,
    AttemptFailed,
    AttemptProgressed,
    Chain,
    DeadlineReached,
    Decided,
    Dialplan,
    HealthView,
    Milestone,
    Mode,
    Offer,
    Order,
    Path,
    Plan,
    Route,
    RunEvent,
    StartAttempt,
    TargetState,
    TrunkHealth,
)

NO_ROUTE_STATUS = 404
NOBODY_STATUS = 480  # what the caller gets when phones rang and nobody answered, or nobody was to be rung

# --------------------------------------------------------------------------- data


@dataclass(frozen=True, slots=True)
class Way:
    """A path of the chain; ``skipped`` says why it is left out, ``demoted`` why the others of its target go first, "" if
    it is not so."""

    path: str
    address: str
    skipped: str
    demoted: str = ""


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


@dataclass(frozen=True, slots=True)
class Step:
    """An attempt: ``at`` seconds after the call came in. ``rings``: somebody's phone does, but nobody answers."""

    at: float
    path: str
    rings: bool


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


# --------------------------------------------------------------------------- explaining


def explain(dialplan: Dialplan, offer: Offer, view: HealthView, quality: Quality | None = None) -> Explanation:
    """Say what would become of an offer. Without ``quality`` nothing is known of what calls came to."""
    if quality is None:
        quality = Quality(Scores(trunk_targets(dialplan)), 0.0)
    down, degraded = (
        tuple(sorted(name for name, health in view.trunks.items() if health.state is state))
        for state in (TargetState.DOWN, TargetState.DEGRADED)
    )
    about = (offer.did, offer.caller, offer.trunk, offer.moment, down, degraded, dialplan.version)
    route = match_route(dialplan, offer)
    if route is None:
        return Explanation(*about, "", "", "", {}, (), (), (), None, 0.0, NO_ROUTE_STATUS, panic=False)
    chain = dialplan.chains[route.chain]
    plan = make_plan(dialplan, chain, view, offer, quality)
    worst, over_after = _play(plan, _make_wait)
    live = {target.endpoint for stage in plan.stages for target in stage.targets if target.live}
    endpoints = {path.name: path.endpoint for stage in plan.stages for t in stage.targets for path in t.paths}
    return Explanation(
        *about,
        rule=_rule(route),
        where=route.where,
        chain=chain.name,
        hours=dict(_hours(dialplan, chain, offer)),
        stages=tuple(_turns(arrange(dialplan, chain, offer), plan)),
        order=tuple(step.path for step in _play(plan, _fail)[0]),
        worst=tuple(worst),
        live_after=next((step.at for step in worst if step.rings and endpoints[step.path] in live), None),
        over_after=over_after,
        status=NOBODY_STATUS,
        panic=plan.panic,
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


def _turns(chain: Chain, plan: Plan) -> Iterator[Turn]:
    why = {(skipped.stage, skipped.what): skipped.why for skipped in plan.skipped}
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
                        path.address,
                        why.get((number, path.name), ""),
                        behind.get((number, path.name), ""),
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
        )


def _in_order(paths: tuple[Path, ...], decided: Decided | None) -> list[Path]:
    """Paths as they will be tried; those that will not, last."""
    place = {trunk: index for index, trunk in enumerate(decided.order)} if decided is not None else {}
    return sorted(paths, key=lambda path: place.get(path.trunk, len(place)))


# --------------------------------------------------------------------------- playing a fresh run

_Answer = Callable[[Run, StartAttempt], list[RunEvent]]


def _fail(_run: Run, command: StartAttempt) -> list[RunEvent]:
    return [AttemptFailed(command.attempt, TRANSPORT_ERROR)]


def _make_wait(run: Run, command: StartAttempt) -> list[RunEvent]:
    """What makes the caller wait longest: a word, but no ringing; and on the last way to somebody ringing, no answer.

    What health takes for dead is believed to be.
    """
    if command.path.name in _passed_over(run.plan):
        return _fail(run, command)
    events: list[RunEvent] = [AttemptProgressed(command.attempt, Milestone.ACCEPTED)]
    if _is_last_way(run, command.attempt):
        events.append(AttemptProgressed(command.attempt, Milestone.ALERTING))
    return events


def _is_last_way(run: Run, number: int) -> bool:
    attempt = run.attempts[number]
    dead = _passed_over(run.plan)
    paths = run.plan.stages[attempt.stage].targets[attempt.target].paths
    return all(path.name in dead for path in paths[attempt.path + 1 :])


def _passed_over(plan: Plan) -> set[str]:
    """The paths over trunks that are routed around."""
    return set() if plan.panic else {skipped.what for skipped in plan.skipped}


def _play(plan: Plan, answer: _Answer) -> tuple[list[Step], float]:
    """Run a plan to its end in no time; the attempts in order, and when it was over."""
    run, now = Run(plan), 0.0
    steps: list[Step] = []
    commands = run.begin(now)
    while True:
        events: deque[RunEvent] = deque()
        while True:
            for command in commands:
                if isinstance(command, StartAttempt):
                    reply = answer(run, command)
                    events.extend(reply)
                    steps.append(Step(now, command.path.name, rings=_rings(reply)))
            if not events:
                break
            commands = run.handle(events.popleft(), now)
        if run.finished:
            return steps, now
        now = run.deadline()
        commands = run.handle(DeadlineReached(), now)


def _rings(events: Iterable[RunEvent]) -> bool:
    return any(isinstance(event, AttemptProgressed) and event.milestone is Milestone.ALERTING for event in events)


# --------------------------------------------------------------------------- questions


class QuestionError(ValueError):
    """What was asked makes no sense; the message says what to do."""


def assume_down(dialplan: Dialplan, down: Iterable[str], degraded: Iterable[str] = ()) -> HealthView:
    """A view in which these are down, or degraded: trunks, sites (their PBXs) or carriers (their trunks).

    Raises `QuestionError`.
    """
    states = dict.fromkeys(_trunks_of(dialplan, degraded), TargetState.DEGRADED)
    states |= dict.fromkeys(_trunks_of(dialplan, down), TargetState.DOWN)
    view = {name: TrunkHealth(states[name], code="ASSUMED") for name in sorted(states)}
    groups = find_groups(dialplan.trunks.values())
    add_groups(view, {name: members for name, members in groups.items() if view.keys() >= set(members)})
    return HealthView(1, view)


def _trunks_of(dialplan: Dialplan, names: Iterable[str]) -> set[str]:
    trunks: set[str] = set()
    for name in names:
        if name in dialplan.trunks:
            found: Iterable[str] = [name]
        elif name in dialplan.sites:
            found = dialplan.sites[name].pbx
        else:
            trunks_now = dialplan.trunks.values()
            found = [trunk.name for trunk in trunks_now if name and name in (trunk.group, trunk.carrier)]
            if not found:
                known = ", ".join([*dialplan.trunks, *dialplan.sites])
                raise QuestionError(f"{name!r} is neither a trunk nor a site nor a carrier; there are {known}")
        trunks.update(found)
    return trunks


def check_trunk(dialplan: Dialplan, name: str) -> str:
    """The name of a trunk, or "" for an unknown address.

    Raises `QuestionError`.
    """
    if name and not any(name in (trunk.name, trunk.group) for trunk in dialplan.trunks.values()):
        raise QuestionError(f"{name!r} is no trunk; there are {', '.join(dialplan.trunks)}")
    return name


def parse_moment(dialplan: Dialplan, text: str) -> float:
    """A moment from ISO 8601; without an offset it is wall time of the dialplan's zone if there is one only, else UTC.

    Raises `QuestionError`.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise QuestionError(f"{text!r} is not a time: write 2026-12-24T18:30, or 2026-12-24T18:30+01:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_zone(dialplan))
    return moment.timestamp()


def _zone(dialplan: Dialplan) -> tzinfo:
    zones = {str(hours.zone): hours.zone for hours in dialplan.hours.values()}
    return next(iter(zones.values())) if len(zones) == 1 else UTC


# --------------------------------------------------------------------------- output


def to_data(found: Explanation) -> dict[str, Any]:
    """The explanation as plain data, times in seconds."""
    return asdict(found)


def print_explanation(found: Explanation, dialplan: Dialplan, console: Console) -> None:
    """The same for people."""

    def say(text: str = "") -> None:
        console.print(text, markup=False, soft_wrap=True)

    local = datetime.fromtimestamp(found.moment, _zone(dialplan))
    caller = (found.caller or "anybody") + (f" by {found.trunk}" if found.trunk else "")
    say(f"call to {found.did} from {caller} at {local:%a %Y-%m-%d %H:%M:%S} {_zone(dialplan)}")
    if found.down:
        say(f"down: {', '.join(found.down)}")
    if found.degraded:
        say(f"degraded: {', '.join(found.degraded)}")
    if not found.rule:
        say(f"no route: the caller gets {found.status}")
        callers = _who_may_dial(dialplan, found.did)
        if callers:
            say(f"as a call of a PBX it would go out: try --from-trunk {' or '.join(callers)}")
        return
    say(f"rule:  {found.rule}  ({found.where})")
    say(f"chain: {found.chain}")
    for name, word in found.hours.items():
        say(f"hours: {name} is {word}")
    if found.panic:
        say("panic: every way is down, so all are tried all the same")
    for stage in found.stages:
        say()
        _print_stage(stage, found.panic, say)
    say()
    if any(stage.order == Order.PRIORITY and not stage.skipped for stage in found.stages):
        say("trunks of one priority are drawn by weight, anew for each call: this is one draw")
    if not found.order:
        say(f"nobody's turn: the caller gets {found.status} at once")
        return
    if not found.panic and any(way.skipped for stage in found.stages for who in stage.targets for way in who.ways):
        say("what is skipped is tried all the same when nothing else is left, since it may be alive after all")
    say("if each attempt fails at once, they are made in this order:")
    for number, path in enumerate(found.order, 1):
        say(f"  {number}. {path}")
    say("if each way makes the caller wait as long as it may:")
    for step in found.worst:
        say(f"  {step.at:7.2f} s  {step.path}{'  rings' if step.rings else ''}")
    live = "nobody who always answers is rung"
    if found.live_after is not None:
        live = f"somebody who always answers is rung after {found.live_after:.2f} s at the worst"
    say(f"{live}; if nobody answers at all, the caller gets {found.status} after {found.over_after:.2f} s")


def _who_may_dial(dialplan: Dialplan, did: str) -> list[str]:
    """The trunks from which this number would be dialled outward."""
    return [name for name in dialplan.trunks if match_route(dialplan, Offer("explain", did, trunk=name)) is not None]


def _print_stage(stage: Turn, panic: bool, say: Callable[[str], None]) -> None:
    head = f"stage {stage.number}  ({stage.where})"
    if stage.skipped:
        say(f"{head}  skipped: {stage.skipped}")
        return
    hedge = show_duration(stage.hedge) if isinstance(stage.hedge, float) else stage.hedge or "off"
    each = " each" if stage.mode == Mode.SEQUENTIAL else ""
    words = [
        stage.mode,
        f"for {show_duration(stage.ring)}{each}",
        f"no_reply {show_duration(stage.no_reply)}",
        f"no_progress {show_duration(stage.no_progress)}",
        f"hedge {hedge}",
    ]
    if stage.order != Order.CONFIGURED:
        words.append(f"order {stage.order}")
    if stage.stagger is not None:
        words.append(f"stagger {show_duration(stage.stagger)}")
    say(f"{head}  {', '.join(words)}")
    for target in stage.targets:
        say(f"  {target.endpoint}{' (live)' if target.live else ''}")
        if target.quality:
            say(f"    by quality: {target.quality}")
        for way in target.ways:
            why = f"  {'tried although' if panic else 'skipped:'} {way.skipped}" if way.skipped else ""
            why = why or (f"  behind the others: {way.demoted}" if way.demoted else "")
            say(f"    {way.path}  {way.address}{why}")
