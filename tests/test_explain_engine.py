"""`explain` is what the engine does: the same random dialplans, numbers, moments, states and evidence to both.

Calls go through the switchboard, whose deadlines are kept, in three worlds: everybody refuses at once, everybody makes the
caller wait as long as may be, nobody says a word. Messages go through planner and reducer, row by row, in two.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import pytest

from controller.explain import Explanation, explain
from controller.health.outcomes import Outcome, OutcomeClass
from controller.health.score import Scores
from controller.rules.quality import Quality, trunk_targets
from controller.rules.run import Run
from controller.rules.usage import Usage
from controller.switchboard import Switchboard
from controller.types import (
    AttemptFailed,
    AttemptProgressed,
    DeadlineReached,
    Dialplan,
    HealthView,
    Milestone,
    Offer,
    RunEvent,
    StartAttempt,
)
from tests.random_dialplans import OURS, TRUNKS, busy_cases

NOW = 5000.0

# --------------------------------------------------------------------------- worlds


class Case(NamedTuple):
    """What both are asked."""

    offer: Offer
    view: HealthView
    usage: Usage
    scores: Scores


class Tried(NamedTuple):
    """An attempt: when, by which path, whether a phone rang."""

    at: float
    path: str
    rings: bool


Behaviour = Callable[[Run, StartAttempt], list[RunEvent]]


def refuse(_run: Run, command: StartAttempt) -> list[RunEvent]:
    return [AttemptFailed(command.attempt, "503")]


def keep_waiting(run: Run, command: StartAttempt) -> list[RunEvent]:
    """As the reference has it: every way but the last to somebody is heard of and never rings; on the last nobody answers.
    What is down refuses."""
    attempt = run.attempts[command.attempt]
    down = set() if run.plan.panic else {skipped.what for skipped in run.plan.skipped}
    if command.path.name in down:
        return refuse(run, command)
    ways = run.plan.stages[attempt.stage].targets[attempt.target].paths
    events: list[RunEvent] = [AttemptProgressed(command.attempt, Milestone.ACCEPTED)]
    if all(way.name in down for way in ways[attempt.path + 1 :]):
        events.append(AttemptProgressed(command.attempt, Milestone.ALERTING))
    return events


def be_silent(_run: Run, _command: StartAttempt) -> list[RunEvent]:
    return []


def drive(board: Switchboard, offer: Offer, view: HealthView, behave: Behaviour) -> tuple[list[Tried], float] | None:
    """What the switchboard starts and when it is over, in seconds after the offer; None if it wants no such offer."""
    now = NOW
    waiting = board.begin(offer, view, now)
    if waiting is None:
        return None
    run, tried = board.runs[offer.id], []
    while True:
        while waiting:
            command = waiting.pop(0)
            if isinstance(command, StartAttempt):
                events = behave(run, command)
                rings = any(isinstance(each, AttemptProgressed) and each.milestone >= 2 for each in events)
                tried.append(Tried(now - NOW, command.path.name, rings))
                for event in events:
                    waiting += board.handle(offer.id, event, now)
        if run.finished:
            return tried, now - NOW
        now = board.deadline(offer.id)
        waiting = board.handle(offer.id, DeadlineReached(), now)


# --------------------------------------------------------------------------- evidence


def troubled(dialplan: Dialplan, dice: random.Random) -> Scores:
    """What calls came to: trunks that are held after failures, on their way back, parked, or that asked for less."""
    scores = Scores(trunk_targets(dialplan))
    for name in TRUNKS:
        fate = dice.choice(["well", "well", "failing", "parked", "back", "less", "home"])
        begin = NOW - dice.choice([2.0, 20.0, 50.0, 120.0])
        for place in range(dice.choice([0, 3, 6])):
            kind = OutcomeClass.FAILURE if fate == "failing" else OutcomeClass.SUCCESS
            scores.observe(Outcome(name, kind), begin - 30.0 + place)
        if fate in {"parked", "home"}:
            scores.park(name, begin)
        if fate == "home":
            scores.home(name, begin + 1.0)
        if fate == "back":
            scores.lost(name, begin, "down")
            scores.found(name, begin + 1.0, "back")
        if fate == "less":
            scores.observe(Outcome(name, OutcomeClass.CAPACITY, retry_after=dice.choice([10.0, 60.0])), begin)
    return scores


# --------------------------------------------------------------------------- calls


WORLDS: tuple[tuple[str, Behaviour], ...] = (("order", refuse), ("worst", keep_waiting), ("silent", be_silent))


def agree(dialplan: Dialplan, case: Case, worlds: Sequence[tuple[str, Behaviour]], seen: Counter[str]) -> Explanation:
    """An explanation that holds in these worlds."""
    offer, view, usage, scores = case
    before, held = scores.dump(), dict(usage.held)
    found = explain(dialplan, offer, view, Quality(scores, NOW), usage, NOW)
    if any("canary" in target.quality for stage in found.stages for target in stage.targets):
        again = explain(dialplan, offer, view, Quality(scores, NOW), usage, NOW)
        assert again == found, "no lead is taken and no single call is spent by a question"
    assert (scores.dump()["primary"], usage.held) == (before["primary"], held), "who asks leaves no trace"
    for said, behave in worlds:
        board = Switchboard(dialplan, Scores.load(before, trunk_targets(dialplan)))
        board.usage = usage.copy()
        happened = drive(board, offer, view, behave)
        about = f"{said} {offer} {view} {found}"
        if happened is None:
            assert (found.rule, found.order, found.worst, found.status) == ("", (), (), 404), about
            seen["no route"] += 1
            return found
        tried, over = happened
        seen[said] += 1
        if behave is refuse:
            assert [each.path for each in tried] == list(found.order), about
            seen["not every way is tried"] += len(tried) < sum(1 for _ in all_ways(found))
            continue
        steps = getattr(found, said)
        assert [(each.path, each.rings) for each in tried] == [(each.path, each.rings) for each in steps], about
        assert all(abs(each.at - step.at) < 1e-6 for each, step in zip(tried, steps, strict=True)), about
        if behave is keep_waiting:
            assert abs(over - found.over_after) < 1e-6, about
        else:
            seen["hedged"] += any(0 < each.at < 2.0 for each in tried)
    return found


def all_ways(found: Explanation) -> Iterator[str]:
    return (way.path for stage in found.stages for target in stage.targets for way in target.ways)


def test_explain_says_what_the_switchboard_does_in_5000_random_cases() -> None:
    """Each of them in one of the worlds."""
    hold(busy_cases(dialplans=125, each=40), lambda number: (WORLDS[number % len(WORLDS)],), least=30)


@pytest.mark.long
def test_explain_says_what_the_switchboard_does_in_20000_random_cases_in_every_world() -> None:
    hold(busy_cases(dialplans=1000, each=20), lambda _: WORLDS, least=200)


def hold(
    cases: Iterable[tuple[Dialplan, Offer, HealthView, Usage]],
    worlds_of: Callable[[int], Sequence[tuple[str, Behaviour]]],
    least: int,
) -> None:
    """Every case agrees, and is of a kind that comes so often at least."""
    seen: Counter[str] = Counter()
    for number, (dialplan, offer, view, usage) in enumerate(cases):
        limited = bool(dialplan.tenants)
        dice = random.Random(number)
        scores = troubled(dialplan, dice) if dice.random() < 0.4 else Scores(trunk_targets(dialplan))
        found = agree(dialplan, Case(offer, view, usage, scores), worlds_of(number), seen)
        order = list(found.order)
        about = f"{offer} {view} {found}"
        if not found.rule:
            continue
        decided = [target.quality for stage in found.stages for target in stage.targets if target.quality]
        seen["quarantine decides"] += any(word in why for why in decided for word in ("held", "canary", "parked"))
        seen["a share decides"] += any(word in why for why in decided for word in ("rising", "full"))
        seen["forbidden"] += found.status == 403
        seen["a number is full"] += bool({"did", "tenant"} & set(found.full))
        seen["a trunk is full"] += any(name in TRUNKS for name in found.full)
        seen["nobody, since all is full"] += not order and found.status in (486, 503)
        ways = [way for stage in found.stages for target in stage.targets for way in target.ways]
        barred = {way.path for way in ways if way.barred}
        seen["full or dear"] += bool(barred)
        assert not {way.path for way in ways if way.barred and "costs" in way.skipped} & set(order), about
        if any(stage.waits for stage in found.stages):
            seen["waits, and its turn comes"] += any(
                way.path in order for stage in found.stages if stage.waits for t in stage.targets for way in t.ways
            )
        if limited or barred or found.refused:  # what is tried, and when, depends on what is full by then
            seen["limited"] += 1
            assert set(order) <= {way.path for way in ways}, about
            continue
        near, far = [], []
        for target in (target for stage in found.stages if not stage.skipped for target in stage.targets):
            ways = sorted(target.ways, key=lambda way: (bool(way.skipped), bool(way.demoted)))
            if found.panic:
                near += list(target.ways)
            elif not ways[0].skipped:
                near += ways
            else:
                far += ways
        left = [way.path for way in (*near, *far)]
        assert sorted(left) == sorted(order), f"every way is tried, what is skipped last: {about}"
        if all(stage.mode == "sequential" for stage in found.stages):
            assert left == order, f"in the order in which it is shown: {about}"
            seen["sequential only"] += 1
        seen["panic" if found.panic else "nobody's turn" if not order else "planned"] += 1
        seen[found.rule.split()[0]] += 1
        seen["drawn by weight"] += any(stage.order == "priority" for stage in found.stages)
        seen["by cost"] += any(stage.order == "cost" for stage in found.stages)
        if found.rule.startswith("outbound"):
            assert offer.trunk in OURS, about
            (target,) = found.stages[0].targets
            assert {way.address.split("@")[0] for way in target.ways} == {f"sip:{offer.did.replace('#', '%23')}"}, about
        elif offer.trunk in OURS:
            seen["a PBX calls us"] += 1
        ways = [way for stage in found.stages for target in stage.targets for way in target.ways]
        assert all(not (way.demoted and way.skipped) for way in ways), about
        assert {way.path.split(" via ")[1] for way in ways if way.demoted} <= set(found.degraded), about
        seen["behind the others"] += any(way.demoted for way in ways)
        seen["degraded, with none better"] += bool(found.degraded) and any(
            way.path in order and not way.demoted and way.path.split(" via ")[1] in found.degraded for way in ways
        )
        seen["stage skipped"] += any(stage.skipped for stage in found.stages)
        seen["dark site"] += any("site" in way.skipped for s in found.stages for t in s.targets for way in t.ways)
    assert min(seen.values()) > least, f"every kind of case comes: {seen}"
