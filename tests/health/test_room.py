from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.health.room import FULL_FOR, LEAST_ROOM, LONGEST_WAIT, Room


def test_each_second_of_refusals_halves_the_share_and_it_comes_back_slowly() -> None:
    room = Room(0.0)
    for n in range(4):  # within one second
        room.refused(n * 0.1, 0.0)
    assert room.now(0.3) == pytest.approx(0.5, abs=0.02)
    room.refused(1.0, 0.0)
    assert room.now(1.0) == pytest.approx(0.275, abs=0.01)
    assert room.now(30.0) == 1.0


def test_full_for_long_is_told_once_it_has_lasted() -> None:
    room = Room(0.0)
    assert [room.refused(float(n), 0.0) for n in range(13)].index(True) == FULL_FOR + 1
    assert not room.refused(100.0, 0.0)  # it had recovered: a new spell


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(allow_nan=True, allow_infinity=True)), max_size=30))
def test_no_retry_after_shuts_it_for_longer_than_the_cap(steps: list[tuple[float, float]]) -> None:
    room, now = Room(0.0), 0.0
    for later, retry_after in steps:
        now += later
        room.refused(now, retry_after)
        assert 0.0 <= room.now(now) <= 1.0
        assert room.now(now + LONGEST_WAIT) >= LEAST_ROOM


@pytest.mark.parametrize(
    ("asked", "longest", "shut"), [(3600.0, 300.0, 300.0), (30.0, 300.0, 30.0), (3600.0, 20.0, 20.0)]
)
def test_how_long_it_is_believed_is_for_others_to_say(asked: float, longest: float, shut: float) -> None:
    room = Room(0.0)
    room.refused(0.0, asked, longest)
    assert room.now(shut - 0.1) == 0.0
    assert room.now(shut + 0.1) > 0.0
