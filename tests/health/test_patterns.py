"""Patterns: what differs by the hour, in bursts and by who asks, and what that does to estimates and orders."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.health.choice import Candidate, Ordering, Record, replay
from controller.health.outcomes import Outcome, OutcomeClass
from controller.health.patterns import LEAST_SHIFT, MOST_VALUES, Pattern, Patterns
from controller.health.score import Scores, Target

BEST = Ordering("standard", value=0.5, explore=0.0)
US = ("US",)
CHEAP_FIRST = [Candidate("cheap", 0.01), Candidate("dear", 0.02)]


def test_a_nightly_dip_is_learnt_and_belongs_to_its_hour() -> None:
    pattern = Pattern()
    for day in range(5):
        for hour in range(24):
            for i in range(50):
                good = i % 10 < (6 if hour == 3 else 9)
                pattern.add(f"hour {hour}", float(good), float(not good), (day * 24 + hour) * 3600.0 + i * 60)
    assert pattern.shift("hour 3") < -0.8
    assert abs(pattern.shift("hour 15")) < 0.1


def test_one_cause_is_not_counted_twice() -> None:
    """Who asks at night only is a source and an hour: the stronger of the two counts."""
    patterns = Patterns()
    for n in range(600):
        night = n % 4 == 0
        under = ("source acme/night", "hour 3") if night else ("source acme/day", "hour 15")
        patterns.add(under, float(not night), float(night), n * 60.0)
    alone = [patterns.shift((each,))[0] for each in ("source acme/night", "hour 3")]
    assert min(alone) < -1.0
    assert patterns.shift(("source acme/night", "hour 3"))[0] == min(alone)
    assert patterns.shift(("source acme/unheard",)) == (0.0, "")
    assert patterns.shift(("burst all",)) == (0.0, "")


def test_who_asks_is_bounded() -> None:
    pattern = Pattern()
    for n in range(5 * MOST_VALUES):
        pattern.add(f"source t/{n}", 1.0, 0.0, float(n))
        pattern.add("source t/main", 1.0, 0.0, float(n))
    assert len(pattern.values) == MOST_VALUES
    assert "source t/main" in pattern.values


values = st.sampled_from(("hour 1", "hour 2", "burst all", "burst none", "source a/b", "source c/d"))


@given(st.lists(st.tuples(st.lists(values, unique=True), st.booleans(), st.floats(0.0, 1e6)), max_size=60))
def test_dump_and_load_change_nothing_and_no_shift_is_beyond_what_was_seen(
    play: list[tuple[list[str], bool, float]],
) -> None:
    patterns = Patterns()
    for under, good, now in play:
        patterns.add(under, float(good), float(not good), now)
        patterns.lean_on(under, 0.1)
        again = Patterns()
        again.load(json.loads(json.dumps(patterns.dump())))
        for each in under:
            assert again.shift((each,)) == patterns.shift((each,)) == patterns.shift((each,))
            shift, which = patterns.shift((each,))
            assert (shift == 0.0) == (which == "") or abs(shift) < LEAST_SHIFT
    if all(good for _, good, _ in play):
        assert patterns.shift(("hour 1", "burst all", "source a/b")) == (0.0, "")


@pytest.mark.parametrize("bad", ["source acme/login", "burst all"])
def test_a_provider_that_fails_some_is_left_by_those_alone(bad: str) -> None:
    """The cheap one carries one half of the traffic well and the other badly: each half goes where it arrives, nobody is
    out for all, and the record says why and replays."""
    scores, dice, now = Scores([Target("cheap"), Target("dear")]), Random(3), 0.0
    other = f"{bad.partition(' ')[0]} other"
    for n in range(1_500):
        now += 40.0
        under = bad if n % 2 else other
        chance = 0.55 if under == bad else 0.95
        kind = OutcomeClass.SUCCESS if dice.random() < chance else OutcomeClass.FAILURE
        scores.observe(Outcome("cheap", kind, US, circumstances=(under,)), now)
        scores.observe(Outcome("dear", OutcomeClass.SUCCESS, US, circumstances=(under,)), now)
    scores = Scores.load(json.loads(json.dumps(scores.dump())), scores.targets.values())
    firsts = {}
    for under in (bad, other):
        decision = scores.order(CHEAP_FIRST, "x", US, now + 300.0, Ordering(under, value=0.2), circumstances=(under,))
        firsts[under] = decision.order[0]
        record = Record.from_plain(json.loads(json.dumps(decision.record.plain())))
        assert replay(record) == decision.order
        assert record.circumstances[0] == under
        assert record.circumstances[1].startswith("hour ")
        assert under in record.seen[0].why
        assert record.seen[0].state == "open"
    assert firsts == {bad: "dear", other: "cheap"}
