"""Slices of `python -m bench.detection`, in virtual time: every kind of failure is found, and nothing that lives dies."""

from __future__ import annotations

import pytest

from bench.failures import FAILURES, Failure, play
from bench.false_alarms import live, upper_bound


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_each_kind_of_failure_is_found_in_time(failure: Failure) -> None:
    times = play(failure, 20)
    found = [time for time in times if time is not None]
    assert len(found) == (len(times) if failure.dies else 0)
    assert failure.bar is None or max(found) <= failure.bar


def test_closed_port_is_found_with_the_third_packet() -> None:
    assert max(time or 0.0 for time in play(FAILURES[0], 20)) < 0.035


@pytest.mark.parametrize("jitter", [0.0, 0.2])
def test_half_a_day_on_bad_links_brings_no_false_down(jitter: float) -> None:
    tally = live(seed=1, days=0.5, jitter=jitter)
    assert tally.downs == 0
    assert tally.suspicions > 1000, "the link is bad enough"


def test_bound_of_a_count_is_that_of_poisson() -> None:
    assert [round(upper_bound(events), 2) for events in (0, 1, 3)] == [3.0, 4.74, 7.75]
