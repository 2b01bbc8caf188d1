"""Slices of `python -m bench.hedging`: impatience rings nobody twice on healthy paths, and nothing answers a call twice."""

from __future__ import annotations

import pytest

from bench.hedging import DELAYS, play


@pytest.mark.parametrize("world", range(len(DELAYS)), ids=lambda world: f"{2000 * DELAYS[world]:.0f} ms there and back")
def test_no_phone_rings_beside_another_where_nothing_is_lost(world: int) -> None:
    tally = play(seed=world, loss=0.0, calls=200)
    assert (tally.calls, tally.answered) == (200, 200)
    assert (tally.same, tally.other, tally.twice) == (0, 0, 0)


@pytest.mark.parametrize("loss", [0.05, 0.2])
def test_every_call_is_answered_once_on_bad_paths(loss: float) -> None:
    tally = play(seed=2, loss=loss, calls=200)
    assert (tally.answered, tally.twice) == (200, 0)
    assert tally.hedged > 0
