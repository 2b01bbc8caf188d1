"""The promises of a cascade, against random plans, lying providers, crashes and forged reports: the referee says what
they are. Hypothesis looks for the shortest history that breaks one; the random histories are many more and longer.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from controller.types import Milestone
from controller.types.cascades import (
    CascadeBegun,
    CascadeCancelled,
    CascadeEvent,
    CascadeStatus,
    Circumstances,
    DueReached,
    FeedbackGiven,
    Outcome,
    ReportReceived,
    SendAccepted,
    SendRefused,
    SendUnclear,
)
from tests.messages.playbook import CALM
from tests.messages.referee import PROVIDERS, Referee, begin, make_random

CAUSES = ("503", "429", "undelivered", "blocked", "not-on-channel", "rejected", "SOMETHING_NEW")
MILESTONES = (Milestone.ACCEPTED, Milestone.ALERTING, Milestone.ANSWERED, Milestone.CONFIRMED)
WAITS = (0.0, 0.0, 0.1, 1.0, 3.0, 10.0, 40.0)


class CascadeMachine(RuleBasedStateMachine):
    """Random events for one random cascade."""

    referee: Referee

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.referee = Referee(make_random(lambda options: data.draw(st.sampled_from(options))))
        self.last: CascadeEvent = CascadeBegun()
        begin(self.referee)

    def hand_in(self, event: CascadeEvent, wait: float = 0.0, circumstances: Circumstances = CALM) -> None:
        self.last = event
        self.referee.take(event, wait, circumstances)

    @rule(wait=st.sampled_from(WAITS), refuse=st.sampled_from(("", "", *CAUSES)), lose=st.booleans())
    def carry_out(self, wait: float, refuse: str, lose: bool) -> None:
        answer = self.referee.carry_out(refuse=refuse, lose=lose)
        if answer is not None:
            self.hand_in(answer, wait)

    @rule(attempt=st.integers(1, 8), milestone=st.sampled_from(MILESTONES), wait=st.sampled_from(WAITS))
    def report(self, attempt: int, milestone: Milestone, wait: float) -> None:
        self.hand_in(ReportReceived(attempt, milestone), wait)

    @rule(attempt=st.integers(1, 8), cause=st.sampled_from(CAUSES), wait=st.sampled_from(WAITS))
    def report_failure(self, attempt: int, cause: str, wait: float) -> None:
        self.hand_in(ReportReceived(attempt, None, cause), wait)

    @rule()
    def repeat(self) -> None:
        if isinstance(self.last, SendAccepted | SendUnclear | ReportReceived | FeedbackGiven | CascadeBegun):
            self.hand_in(self.last)

    @rule(outcome=st.sampled_from(tuple(Outcome)), wait=st.sampled_from(WAITS))
    def feed_back(self, outcome: Outcome, wait: float) -> None:
        self.hand_in(FeedbackGiven(outcome), wait)

    @rule(early=st.booleans(), late=st.sampled_from((0.0, 0.0, 2.0, 30.0)), avoid=st.sampled_from(("", *PROVIDERS)))
    def look_at_the_clock(self, early: bool, late: float, avoid: str) -> None:
        due = self.referee.cascade.due
        wait = 0.0 if early or due is None else max(due - self.referee.now, 0.0) + late
        self.hand_in(DueReached(), wait, Circumstances({avoid: "out"}, {}) if avoid else CALM)

    @rule(barred=st.sampled_from(PROVIDERS), refuse=st.sampled_from(("", "", "OPTED_OUT")))
    def look_in_bad_times(self, barred: str, refuse: str) -> None:
        due = self.referee.cascade.due
        wait = 0.0 if due is None else max(due - self.referee.now, 0.0)
        self.hand_in(DueReached(), wait, Circumstances({}, {barred: "full"}, refuse))

    @rule(wait=st.sampled_from((0.0, 5.0, 60.0)))
    def crash(self, wait: float) -> None:
        self.referee.crash()
        due = self.referee.cascade.due
        self.hand_in(DueReached(recovered=True), (0.0 if due is None else max(due - self.referee.now, 0.0)) + wait)

    @rule()
    def take_back(self) -> None:
        if len(self.referee.events) > 6:
            self.hand_in(CascadeCancelled())

    def teardown(self) -> None:
        if hasattr(self, "referee"):
            self.referee.play_out()
            self.referee.check_replay()


CascadeMachine.TestCase.settings = settings(max_examples=max(100, settings().max_examples))
test_promises = CascadeMachine.TestCase


def random_report(dice: random.Random, referee: Referee) -> ReportReceived:
    """About any send, mostly the latest; or about one that never was."""
    sends = referee.cascade.sends
    attempt = dice.choice(sends).attempt if sends and dice.random() < 0.9 else dice.randint(1, 12)
    if dice.random() < 0.35:
        return ReportReceived(attempt, None, dice.choice(CAUSES))
    return ReportReceived(attempt, dice.choices(MILESTONES, (5, 5, 4, 1))[0], cost=dice.choice((None, None, 0.01)))


def random_circumstances(dice: random.Random) -> Circumstances:
    if dice.random() < 0.7:
        return CALM
    avoid = {name: "out" for name in PROVIDERS if dice.random() < 0.3}
    barred = {name: "full" for name in PROVIDERS if dice.random() < 0.15}
    return Circumstances(avoid, barred, "OPTED_OUT" if dice.random() < 0.03 else "")


def history(seed: int, *, twin: bool) -> Referee:
    """One cascade: a daemon that dies at any point, providers that answer late, twice, out of order, or lie."""
    dice = random.Random(seed)
    referee = Referee(make_random(dice.choice), twin=twin)
    mail: list[CascadeEvent] = []  # what is under way to us
    try:
        begin(referee, random_circumstances(dice))
        for _ in range(dice.randrange(30)):
            happening, circumstances = dice.random(), random_circumstances(dice)
            due = referee.cascade.due
            until_due = 0.0 if due is None else max(due - referee.now, 0.0)
            if happening < 0.35:
                refuse = dice.choice(CAUSES) if dice.random() < 0.25 else ""
                answer = referee.carry_out(refuse=refuse, lose=dice.random() < 0.12)
                if answer is not None and dice.random() < 0.8:
                    referee.take(answer, dice.choice(WAITS), circumstances)
                elif answer is not None:
                    mail.append(answer)
            elif happening < 0.6:
                report = random_report(dice, referee)
                if dice.random() < 0.5:
                    mail.append(report)
                referee.take(report, dice.choice(WAITS), circumstances)
            elif happening < 0.7 and mail:
                late = mail.pop(dice.randrange(len(mail)))
                if not isinstance(late, SendRefused) or referee.handed:
                    referee.take(late, dice.choice(WAITS), circumstances)
            elif happening < 0.78:
                referee.crash()
                mail = [event for event in mail if isinstance(event, ReportReceived)]
                referee.take(DueReached(recovered=True), until_due + dice.choice((0.0, 1.0, 60.0)), circumstances)
            elif happening < 0.95:
                referee.take(DueReached(), dice.choice((until_due, until_due, until_due + 1.0, 0.0)), circumstances)
            elif happening < 0.985:
                referee.take(FeedbackGiven(dice.choice(tuple(Outcome))), 0.0, circumstances)
            else:
                referee.take(CascadeCancelled(), 0.0, circumstances)
        referee.play_out()
        referee.check_replay()
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}\n{referee.explain()}") from error
    return referee


def play(seeds: range, *, twin: bool) -> Counter[str]:
    """Many histories; what happened in them."""
    seen: Counter[str] = Counter()
    for seed in seeds:
        referee = history(seed, twin=twin or seed % 10 == 0)
        seen += referee.seen
        seen[referee.cascade.status.value] += 1
        seen["verified"] += referee.cascade.verified
    return seen


EVERYTHING = ("crash", "again", "looked up", "behind", "old failure", "late", "verified", "withdrawn")


def test_random_histories_keep_every_promise() -> None:
    seen = play(range(2_000), twin=False)
    for what in (*EVERYTHING, *(s.value for s in CascadeStatus if s is not CascadeStatus.ACTIVE)):
        assert seen[what] > 10, f"{what} hardly ever happens: {seen}"


@pytest.mark.long
def test_a_hundred_thousand_random_histories_keep_every_promise() -> None:
    seen = play(range(100_000, 220_000), twin=False)
    assert sum(seen[s.value] for s in CascadeStatus) == 120_000
    for what in EVERYTHING:
        assert seen[what] > 1_000, f"{what} hardly ever happens: {seen}"
