"""A queue that stands sheds calls, a burst does not; a calm while takes it back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.edge.pressure import HARDER, INTERVAL, MOST, PATIENCE, SOFTER, Pressure


def stand(pressure: Pressure, seconds: float, now: float = 0.0, queue: float = 0.5) -> float:
    """A queue that is never shorter, seen a hundred times a second; when it ends."""
    for _ in range(round(seconds * 100)):
        now += 0.01
        pressure.see_queue(queue, now)
    return now


def test_a_queue_that_stands_for_half_a_second_sheds_and_sheds_more() -> None:
    pressure = Pressure()
    now = stand(pressure, (PATIENCE - 2) * INTERVAL)
    assert (pressure.shed, pressure.is_felt, pressure.is_high) == (0.0, True, False)
    now = stand(pressure, 3 * INTERVAL, now)
    assert pressure.is_high
    assert HARDER <= pressure.shed <= 2 * HARDER
    now = stand(pressure, 3.0, now)
    assert pressure.shed == MOST


def test_a_burst_that_is_emptied_once_an_interval_sheds_nothing() -> None:
    pressure, now = Pressure(), 0.0
    for _ in range(50):
        now = stand(pressure, INTERVAL - 0.02, now, queue=0.9)
        now += 0.01
        pressure.see_queue(0.0, now)
    assert pressure.shed == 0.0


def test_timers_on_time_do_not_hide_a_queue() -> None:
    pressure = Pressure()
    for number in range(200):
        pressure.see_queue(0.5, number * 0.01)
        pressure.see_timer(0.0, number * 0.01)
    assert pressure.is_high


def test_a_loop_that_is_late_each_time_is_as_bad_and_one_stall_is_nothing() -> None:
    slow, stalled = Pressure(), Pressure()
    for number in range(20):
        slow.see_timer(0.3, number * 0.3)
        stalled.see_timer(1.5 if number == 5 else 0.001, number * 0.3)
    assert slow.is_high
    assert not stalled.is_felt


def test_a_calm_while_takes_it_back_and_an_idle_one_at_once() -> None:
    pressure = Pressure()
    now = stand(pressure, 1.0)
    high = pressure.shed
    now = stand(pressure, 2 * INTERVAL, now, queue=0.0)
    assert high - 3 * SOFTER <= pressure.shed < high
    pressure.see_queue(0.0, now + 60.0)
    assert (pressure.shed, pressure.is_felt, pressure.is_high) == (0.0, False, False)


@given(st.lists(st.tuples(st.floats(0.0, 0.5), st.floats(0.0, 1.0), st.booleans()), max_size=200))
def test_it_stays_within_bounds_whatever_is_seen(steps: list[tuple[float, float, bool]]) -> None:
    pressure, now = Pressure(), 0.0
    for wait, level, by_timer in steps:
        now += wait
        (pressure.see_timer if by_timer else pressure.see_queue)(level, now)
        assert 0.0 <= pressure.shed <= MOST
        assert pressure.is_high == (pressure.shed > 0)
        assert pressure.is_felt or not pressure.is_high
