from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.health.loss import MEMORY, MOST, NEVER, Loss, least_misses, misses_at

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), max_size=100)


def measured(share: float, probes: int = 2000, seed: int = 1) -> Loss:
    loss, rng = Loss(), random.Random(seed)
    for _ in range(probes):
        missed = rng.random() < share
        loss.add(not missed, missed)
    return loss


@pytest.mark.parametrize(("share", "needed"), [(0.0, 7), (0.0975, 12), (0.19, 16), (0.36, 27), (0.6, MOST)])
def test_misses_follow_the_loss(share: float, needed: int) -> None:
    assert misses_at(share) == needed


def test_untried_trunk_gets_the_benefit_of_the_doubt() -> None:
    assert misses_at(0.0) < Loss().misses_needed() <= 16


@pytest.mark.parametrize("share", [0.0975, 0.19, 0.36])
def test_chance_of_a_row_is_never_underrated_by_what_was_measured(share: float) -> None:
    needed = sorted(measured(share, seed=seed).misses_needed() for seed in range(50))
    assert needed[25] == pytest.approx(misses_at(share), abs=2)
    assert share ** needed[25] < NEVER


def test_memory_is_short() -> None:
    loss = measured(0.36)
    for _ in range(int(3 * MEMORY)):
        loss.add(1, 0)
    assert loss.share < 0.36 * 0.06


def test_loss_seen_within_a_row_counts_at_once() -> None:
    """The step from a clean path to a lossy one: thirty misses of a hundred are believed before they are forgotten."""
    loss = measured(0.0)
    before = loss.misses_needed()
    for _ in range(10):
        loss.add(2, 1)
    assert loss.misses_needed() > before


@given(ROWS)
def test_figures_stay_within_reason(rows: list[tuple[int, int]]) -> None:
    loss = Loss()
    for answered, missed in rows:
        loss.add(answered, missed)
        assert 0.0 <= loss.share <= 1.0
        assert loss._answered + loss._missed <= MEMORY + 33
        assert 1 <= loss.misses_needed() <= MOST


@given(ROWS)
def test_a_miss_never_makes_surer_and_an_answer_never_less_sure(rows: list[tuple[int, int]]) -> None:
    loss = Loss()
    for row in rows:
        loss.add(*row)
    worse, better = Loss(), Loss()
    for other, last in ((worse, (0, 1)), (better, (1, 0))):
        for row in [*rows, last]:
            other.add(*row)
    assert better.share <= loss.share <= worse.share
    assert better.misses_needed() <= worse.misses_needed()


def test_least_misses_span_the_silence() -> None:
    assert [least_misses(burst, 0.45) for burst in (0.01, 0.03, 0.05, 0.2)] == [46, 16, 10, 8]
