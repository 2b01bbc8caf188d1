from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.timing import Deadlines, Timing


def test_the_defaults_are_those_of_rfc_3261_table_4() -> None:
    timing = Timing()
    assert (timing.t1, timing.t2, timing.t4, timing.t1x64) == (0.5, 4.0, 5.0, 32.0)
    assert timing.timer_d >= 32.0  # §17.1.1.2
    assert timing.timer_c > 180.0  # §16.6 step 11


class Recorder:
    """Notes what was called, when, with what."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, object]] = []

    def __call__(self, now: float, what: object = None) -> None:
        self.calls.append((now, what))


def test_a_deadline_fires_once_when_its_time_has_come() -> None:
    deadlines, called = Deadlines(), Recorder()
    deadlines.arm(2.0, called, "a")
    deadlines.fire_due(1.9)
    assert called.calls == []
    deadlines.fire_due(2.0)
    deadlines.fire_due(3.0)
    assert called.calls == [(2.0, "a")]


def test_deadlines_fire_in_order_of_time_and_then_of_arming() -> None:
    deadlines, called = Deadlines(), Recorder()
    for when, what in ((3.0, "c"), (1.0, "a"), (2.0, "b1"), (2.0, "b2")):
        deadlines.arm(when, called, what)
    deadlines.fire_due(9.0)
    assert [what for _, what in called.calls] == ["a", "b1", "b2", "c"]


def test_a_cancelled_deadline_never_fires_and_is_never_the_next() -> None:
    deadlines, called = Deadlines(), Recorder()
    ticket = deadlines.arm(1.0, called)
    deadlines.arm(2.0, called)
    deadlines.cancel(ticket)
    deadlines.cancel(ticket)
    assert len(deadlines) == 1
    assert deadlines.next_deadline() == 2.0
    deadlines.fire_due(1.5)
    assert called.calls == []


def test_cancelling_what_has_fired_is_harmless() -> None:
    deadlines, called = Deadlines(), Recorder()
    ticket = deadlines.arm(1.0, called)
    deadlines.fire_due(1.0)
    deadlines.cancel(ticket)
    assert (len(deadlines), deadlines.next_deadline()) == (0, inf)


def test_what_a_handler_arms_for_now_fires_in_the_same_turn() -> None:
    deadlines, called = Deadlines(), Recorder()

    def arm_again(now: float) -> None:
        deadlines.arm(now, called, "then")

    deadlines.arm(1.0, arm_again)
    deadlines.fire_due(5.0)
    assert called.calls == [(5.0, "then")]


def test_a_handler_may_cancel_one_that_is_due_as_well() -> None:
    deadlines, called = Deadlines(), Recorder()
    deadlines.arm(1.0, lambda _: deadlines.cancel(second))
    second = deadlines.arm(1.0, called)
    deadlines.fire_due(1.0)
    assert called.calls == []


def test_a_handler_that_fails_takes_no_other_deadline_with_it() -> None:
    deadlines, called = Deadlines(), Recorder()

    def fail(now: float) -> None:
        raise RuntimeError

    deadlines.arm(1.0, fail)
    deadlines.arm(1.0, called)
    with pytest.raises(RuntimeError):
        deadlines.fire_due(1.0)
    deadlines.fire_due(1.0)
    assert len(called.calls) == 1


def test_nothing_armed_is_never() -> None:
    assert Deadlines().next_deadline() == inf


def test_handlers_need_no_order() -> None:
    """Two deadlines of the same instant must not be compared by what they call."""
    deadlines = Deadlines()
    for _ in range(3):
        deadlines.arm(1.0, Recorder(), object())
    assert len(deadlines) == 3


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("arm"), st.integers(0, 50)),
            st.tuples(st.just("cancel"), st.integers(0, 50)),
            st.tuples(st.just("fire"), st.integers(0, 50)),
        )
    )
)
def test_it_is_a_sorted_list_whatever_is_done(steps: list[tuple[str, int]]) -> None:
    deadlines, called = Deadlines(), Recorder()
    tickets: list[list[object]] = []
    alive: dict[int, float] = {}
    for step, number in steps:
        if step == "arm":
            alive[len(tickets)] = float(number)
            tickets.append(deadlines.arm(float(number), called, len(tickets)))
        elif step == "cancel" and tickets:
            alive.pop(number % len(tickets), None)
            deadlines.cancel(tickets[number % len(tickets)])
        elif step == "fire":
            called.calls.clear()
            deadlines.fire_due(float(number))
            due = sorted((when, index) for index, when in alive.items() if when <= number)
            assert [what for _, what in called.calls] == [index for _, index in due]
            for _, index in due:
                del alive[index]
        assert len(deadlines) == len(alive)
        assert deadlines.next_deadline() == min(alive.values(), default=inf)
