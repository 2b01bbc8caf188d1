from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.health.estimate import HALF_LIFE, Tally, logit, shrink, unlogit

counts = st.floats(0.0, 1e5)
chances = st.floats(0.0, 1.0)


def test_a_half_life_halves_what_was_counted() -> None:
    tally = Tally()
    tally.add(900.0, 100.0, 10.0)
    assert tally.seen(10.0 + HALF_LIFE) == pytest.approx((450.0, 50.0))
    assert tally.seen(10.0) == (900.0, 100.0)


def test_where_samples_are_few_they_are_kept_for_longer() -> None:
    few = Tally()
    few.add(5.0, 0.0, 0.0)
    assert few.seen(HALF_LIFE)[0] > 4.5


def test_rate_follows_the_traffic() -> None:
    tally = Tally()
    for i in range(20_000):
        tally.add(1.0, 0.0, i * 3.0)  # 1,200 an hour
    assert tally.rate() == pytest.approx(1200.0, rel=0.02)


@given(counts, counts, chances, st.floats(0.1, 1e4))
def test_a_shrunk_estimate_lies_between_what_was_seen_and_the_prior(
    good: float, bad: float, prior: float, kappa: float
) -> None:
    p = shrink(good, bad, prior, kappa)
    seen = good / (good + bad) if good + bad > 0 else prior
    assert min(seen, prior) - 1e-9 <= p <= max(seen, prior) + 1e-9


@given(st.lists(st.tuples(st.booleans(), st.floats(0.0, 1e5)), max_size=50))
def test_counts_are_never_negative_and_dump_restores_them(steps: list[tuple[bool, float]]) -> None:
    tally = Tally()
    for good, now in steps:  # time may stand still or step back
        tally.add(float(good), float(not good), now)
        tally.take_back(0.3, 0.3)
    assert min(tally.seen(1e6)) >= 0.0
    again = Tally()
    again.load(tally.dump())
    assert again.seen(1e6) == tally.seen(1e6)


@given(st.floats(0.001, 0.999))
def test_log_odds_come_back(p: float) -> None:
    assert unlogit(logit(p)) == pytest.approx(p)
