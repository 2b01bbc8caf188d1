"""What is overdue, as a property: once each, never too early, and taken back once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.health.outcomes import Outcome, OutcomeClass
from controller.health.score import Scores, Target
from controller.health.weighing import OVERDUE_WEIGHT
from controller.messages.overdue import LEAST, LISTENING, Awaited, Overdue

NOW = 1_763_700_000.0

steps = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(0, 9), st.floats(0.0, 30.0)),
        st.tuples(st.just("hear"), st.integers(0, 9), st.just(0.0)),
        st.tuples(st.just("drop"), st.integers(0, 9), st.just(0.0)),
        st.tuples(st.just("wait"), st.just(0), st.floats(0.0, 30.0)),
        st.tuples(st.just("deaf"), st.just(0), st.floats(-60.0, 60.0)),
    ),
    max_size=60,
)


@given(steps)
def test_each_is_counted_once_after_its_patience_and_taken_back_once(play: list[tuple[str, int, float]]) -> None:
    overdue, now, heard_for = Overdue(), NOW, 0.0  # seconds in which reports could have come
    waits: dict[int, float] = {}  # until so much of them
    counted: set[int] = set()
    overdue.look(now)
    for what, number, value in play:
        match what:
            case "send" if number not in waits and number not in counted:
                overdue.expect(Awaited("c", number, "a", (), 1.0, (), now), value)
                waits[number] = heard_for + max(value, LEAST)
            case "hear":
                assert overdue.heard("c", number) == (number in counted)
                waits.pop(number, None)
                counted.discard(number)
            case "drop":
                overdue.drop("c", number)
                waits.pop(number, None)
            case "wait" | "deaf":
                pieces = [0.5] * int(value * 2) if what == "wait" else [value]
                for piece in pieces:
                    now += piece
                    heard_for += piece if 0.0 <= piece <= LISTENING else 0.0
                    found = {one.attempt for one in overdue.look(now)}
                    due = {each for each, until in waits.items() if until <= heard_for + 1e-3}
                    early = {each for each, until in waits.items() if until > heard_for + 1e-3}
                    assert not found & early
                    assert {each for each, until in waits.items() if until <= heard_for - 1e-3} <= found <= due
                    for one in found:
                        overdue.count(Awaited("c", one, "a", (), 1.0, (), now))
                        counted.add(one)
                        del waits[one]


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.sampled_from(("success", "destination", "ours", "capacity"))), max_size=80
    )
)
def test_overdue_that_arrives_leaves_no_more_suspicion_than_is_still_out(play: list[tuple[int, str]]) -> None:
    """Whatever becomes of sends that were overdue, as long as it is no failure: the alarms stand no higher than what is
    still unknown explains, and at nothing once all is known."""
    scores, region, now = Scores([Target("a"), Target("b")]), ("US",), NOW
    for _ in range(40):
        scores.observe(Outcome("a", OutcomeClass.SUCCESS, region, age=1.0), now)
    out: list[int] = []
    most = OVERDUE_WEIGHT * 3.0  # of one failure, at the most that a reference allows: ln 14
    for number, became in play:
        now += 0.1
        if len(out) < 4:
            scores.observe(Outcome("a", OutcomeClass.OVERDUE, region), now)
            out.append(number)
        else:
            out.pop(number % len(out))
            scores.observe(Outcome("a", OutcomeClass(became), region, overdue=True, age=2.0), now)
        for node in (scores.nodes.all["a", "US"], scores.nodes.all["a",]):
            assert node.alarm.g <= most * len(out) + 0.2
    for _ in out:
        scores.observe(Outcome("a", OutcomeClass.DESTINATION, region, overdue=True), now)
    assert scores.nodes.all["a", "US"].alarm.g < 0.2
