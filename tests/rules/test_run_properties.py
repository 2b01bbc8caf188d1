"""The promises of a run, against random plans and random events: what they are, the referee says.

Hypothesis looks for the shortest sequence that breaks one; the random walks are many more and longer.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from controller.rules.attempt import AttemptState
from controller.rules.run import Run
from controller.types import (
    ANYTHING,
    BUSY,
    EXHAUSTED,
    FULL,
    HEDGE_RELEASED,
    NO_ANSWER,
    NO_REPLY,
    STOPPED,
    TRANSPORT_ERROR,
    TRUNK_DOWN,
    UNANSWERED,
    WITHDRAWN,
    AttemptFailed,
    AttemptProgressed,
    DeadlineReached,
    Milestone,
    Mode,
    OfferWithdrawn,
    Path,
    Plan,
    RunEvent,
    Stage,
    Target,
    TrunkLost,
    Verdict,
)
from tests.rules.referee import Referee

TRUNKS = ("t1", "t2", "t3", "t4")
CAUSES = ("486", "503", "482", "488", "603", "408", "302", TRANSPORT_ERROR, "SOMETHING_NEW", FULL)
MILESTONES = (Milestone.ACCEPTED, Milestone.ALERTING, Milestone.ANSWERED, Milestone.CONFIRMED)
OVERRIDDEN = ("486", "488", "482", NO_ANSWER, NO_REPLY, TRUNK_DOWN)
#: What stages but the first wait for: mostly nothing.
AFTER = ((), (), (), (), (), (), (BUSY,), (UNANSWERED,), (BUSY, UNANSWERED))
OVERFLOW = ((), (), (), (), (), (), (ANYTHING,), ("t1", "t2"))
STARTS = (0.0, 86_399.9, 1_763_700_000.0)  # calls pass monotonic seconds, messages those since the epoch
# Few values, so that deadlines fall together.
RINGS = (2.0, 5.0, 10.0, 25.0)
HEDGES = ("auto", "auto", 0.25, 1.0, 3.0, None)
#: How long after the last event the next one comes, or when: see `moment`.
WAITS: tuple[float | str, ...] = (0.0, 0.0, 0.0, 0.05, 0.1, 1.0, "at the deadline", "at the deadline", "after a stall")


def make_plan(choose: Any) -> Plan:
    """A random plan; ``choose(options)`` picks one."""
    stages = []
    for i in range(choose((1, 2, 3))):
        targets = []
        for j in range(choose((1, 2, 3))):
            endpoint = f"e{i}{j}"
            first, count = choose((0, 1, 2, 3)), choose((1, 1, 2, 3))
            trunks = [TRUNKS[(first + k) % len(TRUNKS)] for k in range(count)]
            cancellable = choose((True, True, True, False))
            paths = [Path(f"{endpoint} via {trunk}", endpoint, trunk, "", cancellable) for trunk in trunks]
            targets.append(Target(endpoint, tuple(paths)))
        stages.append(
            Stage(
                tuple(targets),
                mode=choose(tuple(Mode)),
                ring=choose(RINGS),
                no_reply=choose((0.5, 2.0)),
                no_progress=choose((2.0, 8.0)),
                stagger=choose((1.0, 5.0)),
                hedge=choose(HEDGES),
                after=choose(AFTER) if i else (),
                overflow=choose(OVERFLOW) if i else (),
            )
        )
    overrides = {choose(OVERRIDDEN): choose(tuple(Verdict))} if choose((False, False, True)) else {}
    hedges = {"t1": 0.4} if choose((False, True)) else {}
    until = choose((Milestone.ANSWERED, Milestone.ANSWERED, Milestone.CONFIRMED))
    return Plan("random", tuple(stages), hedges, overrides, until)


def moment(referee: Referee, wait: float | str) -> float:
    """When the next event comes. Once the run is over it has no deadline, so the clock stands still."""
    if not isinstance(wait, str):
        return referee.now + wait
    if referee.finish is not None:
        return referee.now
    return referee.run.deadline() + (7.5 if wait == "after a stall" else 0.0)


class RunMachine(RuleBasedStateMachine):
    """Random events for one run of a random plan."""

    referee: Referee

    @initialize(data=st.data(), start=st.sampled_from(STARTS))
    def begin(self, data: st.DataObject, start: float) -> None:
        self.referee = Referee(make_plan(lambda options: data.draw(st.sampled_from(options))))
        self.last: RunEvent = DeadlineReached()
        self.referee.begin(start)

    def hand_in(self, event: RunEvent, wait: float | str = 0.0) -> None:
        self.last = event
        self.referee.handle(event, moment(self.referee, wait))

    def known(self, number: int) -> int:
        return 1 + number % len(self.referee.seen)

    @rule(number=st.integers(0, 11), milestone=st.sampled_from(MILESTONES), wait=st.sampled_from(WAITS))
    def progress(self, number: int, milestone: Milestone, wait: float | str) -> None:
        self.hand_in(AttemptProgressed(self.known(number), milestone), wait)

    @rule(number=st.integers(0, 11), cause=st.sampled_from(CAUSES), wait=st.sampled_from(WAITS))
    def fail(self, number: int, cause: str, wait: float | str) -> None:
        self.hand_in(AttemptFailed(self.known(number), cause), wait)

    @rule(trunk=st.sampled_from(TRUNKS), wait=st.sampled_from(WAITS))
    def lose_trunk(self, trunk: str, wait: float | str) -> None:
        self.hand_in(TrunkLost(trunk), wait)

    @rule()
    def repeat(self) -> None:
        self.hand_in(self.last)

    @rule(wait=st.sampled_from(("at the deadline", 0.0, 0.01, 1.0, "after a stall")))
    def look_at_the_clock(self, wait: float | str) -> None:
        self.hand_in(DeadlineReached(), wait)

    @precondition(lambda self: len(self.referee.seen) > 3)
    @rule()
    def withdraw(self) -> None:
        self.hand_in(OfferWithdrawn())

    def teardown(self) -> None:
        if hasattr(self, "referee"):
            assert self.referee.play_out() <= most_deadlines(self.referee)


def most_deadlines(referee: Referee) -> int:
    """Nothing is due more often than this: of each attempt hedge, no_reply, no_progress and ring, and one join each.

    Each path is tried thrice at most (`MAX_TRIALS`), but only events, never deadlines, bring it another try.
    """
    paths = sum(len(target.paths) for stage in referee.plan.stages for target in stage.targets)
    return 5 * (len(referee.seen) + paths)


RunMachine.TestCase.settings = settings(max_examples=max(150, settings().max_examples))
test_promises = RunMachine.TestCase


def random_event(dice: random.Random, run: Run, *, full: bool) -> RunEvent:
    """Weighted so that runs live long and much of what happens is silence, late life and broken trunks; or full ones."""
    doubted = [n for n, a in run.attempts.items() if a.state is AttemptState.OPEN and a.doubted]
    if doubted and dice.random() < 0.25:
        return AttemptProgressed(dice.choice(doubted), dice.choice((Milestone.ACCEPTED, Milestone.ALERTING)))
    number = dice.choice([n for n, a in run.attempts.items() if a.state is AttemptState.OPEN] or [1])
    if dice.random() < 0.2:
        number = dice.randint(1, len(run.attempts))
    if full and dice.random() < 0.9:
        return AttemptFailed(number, FULL)
    kind = dice.random()
    if kind < 0.35:
        return AttemptProgressed(number, dice.choices(MILESTONES, (60, 20, 12, 8))[0])
    if kind < 0.6:
        return AttemptFailed(number, dice.choices(CAUSES, (20, 50, 8, 2, 8, 8, 8, 8, 8, 12))[0])
    if kind < 0.65:
        return TrunkLost(dice.choice(TRUNKS))
    return OfferWithdrawn() if kind < 0.653 else DeadlineReached()


def walk(seed: int, *, twin: bool = False) -> Referee:
    """One run of a random plan with random events."""
    dice = random.Random(seed)
    referee = Referee(make_plan(dice.choice), twin=twin)
    referee.begin(dice.choice(STARTS))
    full = dice.random() < 0.06
    try:
        for _ in range(dice.randrange(60)):
            wait = dice.choices(WAITS, (5, 5, 5, 5, 5, 1, 4, 4, 1))[0]
            referee.handle(random_event(dice, referee.run, full=full), moment(referee, wait))
        referee.play_out()
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}\n{referee.explain()}") from error
    return referee


def test_random_walks_keep_every_promise() -> None:
    seen: Counter[str] = Counter()
    for seed in range(3000):
        referee = walk(seed, twin=seed % 10 == 0)
        assert referee.finish is not None
        seen[referee.finish.cause or "won"] += 1
        seen["won late"] += referee.won_late
        stages = {attempt.stage for attempt in referee.run.attempts.values()}
        seen["waited for"] += any(referee.plan.stages[i].after or referee.plan.stages[i].overflow for i in stages)
        seen["released"] += any(each.cancelled == HEDGE_RELEASED for each in referee.seen.values())
    # The walks are worth something only if they see all of it.
    assert (
        min(seen[kind] for kind in ("won", "won late", "released", "waited for", EXHAUSTED, STOPPED, WITHDRAWN, FULL))
        > 30
    ), seen


@pytest.mark.long
def test_many_more_random_walks() -> None:
    for seed in range(10_000, 1_000_000):
        walk(seed, twin=seed % 100 == 0)


def test_the_same_events_bring_the_same_commands() -> None:
    for seed in range(50):
        assert walk(seed).story == walk(seed).story
