from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.health.incident import DROP, HIGH, LOW, Alarm, ratio, reference, threshold


def attempts_until_alarm(p: float, p0: float, h: float, seed: int, most: int = 100_000) -> int:
    """How many attempts of a target with chance p it takes; `most` if none of them was enough."""
    dice, alarm = Random(seed), Alarm()
    for n in range(1, most):
        success = dice.random() < p
        if alarm.step(ratio(p0, success), float(success), float(not success), float(n)) >= h:
            return n
    return most


def test_six_failures_in_a_row_are_an_incident() -> None:
    alarm = Alarm()
    steps = [alarm.step(ratio(0.93, success=False), 0.0, 1.0, float(n)) for n in range(6)]
    assert steps[4] < 11.0 <= steps[5]


def test_a_fall_to_half_is_noticed_after_a_score_of_attempts() -> None:
    delays = sorted(attempts_until_alarm(0.93 * DROP, 0.93, 11.0, seed) for seed in range(200))
    assert delays[100] <= 25


def test_false_alarms_are_as_rare_as_wald_promises() -> None:
    # e^7 = 1,100 attempts at least between them, on average
    delays = [attempts_until_alarm(0.93, 0.93, 7.0, seed, most=20_000) for seed in range(40)]
    assert sum(delays) / len(delays) > 1100


def test_a_third_target_is_hardly_blamed() -> None:
    assert ratio(0.93, success=False, dead=0.86) < 0.1 * ratio(0.93, success=False)


def test_success_resets_what_was_counted_against_it() -> None:
    alarm = Alarm()
    alarm.step(ratio(0.9, success=False), 0.0, 1.0, 5.0)
    assert (alarm.bad, alarm.since) == (1.0, 5.0)
    for n in range(4):
        alarm.step(ratio(0.9, success=True), 1.0, 0.0, 6.0 + n)
    assert (alarm.g, alarm.good, alarm.bad) == (0.0, 0.0, 0.0)


def test_the_threshold_follows_the_traffic_within_bounds() -> None:
    assert threshold(0.0) == LOW
    assert threshold(1e9) == HIGH
    assert LOW < threshold(1000.0) < HIGH
    assert threshold(1000.0, wide=True) > threshold(1000.0)
    assert threshold(1000.0, hours=100.0) > threshold(1000.0, hours=10.0)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.booleans())
def test_failures_count_against_and_successes_for(estimate: float, dead: float, success: bool) -> None:
    change = ratio(reference(estimate), success, dead)
    assert change < 0 if success else change >= 0


@given(st.lists(st.booleans(), max_size=100), st.floats(0.6, 0.97))
def test_the_sum_is_never_negative_and_dump_restores_it(outcomes: list[bool], p0: float) -> None:
    alarm = Alarm()
    for n, success in enumerate(outcomes):
        assert alarm.step(ratio(p0, success), float(success), float(not success), float(n)) >= 0.0
    again = Alarm()
    again.load(alarm.dump())
    assert again.step(1.0, 0.0, 1.0, 999.0) == pytest.approx(alarm.step(1.0, 0.0, 1.0, 999.0))
