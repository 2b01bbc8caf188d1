import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config.diagnostics import Mistake
from controller.config.duration import parse_duration, show_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("20s", 20.0), ("2m", 120.0), ("1h", 3600.0), ("1.5s", 1.5), ("0.25s", 0.25), ("1ms", 0.001)],
)
def test_number_and_unit_are_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("5", "write 5s or 5000ms"),
        ("0.5", "write 0.5s or 500ms"),
        ("250000", "write 250000ms, or another unit"),
        ("5 s", "write 5s"),
        ("5S", "write 5s"),
        ("5sec", "write 5s"),
        ("10 minutes", "write 10m"),
        ("-5s", "write a number above 0 with its unit"),
        ("0s", "write at least 1ms"),
        ("61m", "write at most 1h"),
        ("22:30:00", "write a number and one unit: 500ms, 20s, 2m or 1h"),
        ("1m30s", "write a number and one unit: 500ms, 20s, 2m or 1h"),
        ("٥s", "write a number and one unit: 500ms, 20s, 2m or 1h"),
        ("1e3s", "write a number and one unit: 500ms, 20s, 2m or 1h"),
        ("infs", "write a number and one unit: 500ms, 20s, 2m or 1h"),
        ("", "write a number and one unit: 500ms, 20s, 2m or 1h"),
    ],
)
def test_anything_else_is_a_mistake_with_a_way_out(text: str, hint: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse_duration(text)
    assert caught.value.hint == hint


def test_bounds_belong_to_the_range() -> None:
    assert parse_duration("50ms", shortest=0.05) == 0.05
    assert parse_duration("1m", longest=60.0) == 60.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.05, "50ms"),
        (0.8, "800ms"),
        (1.0, "1s"),
        (1.6, "1.6s"),
        (60.0, "60s"),
        (90.0, "90s"),
        (120.0, "2m"),
        (3600.0, "1h"),
        (0.0, "0ms"),
    ],
)
def test_seconds_are_written_as_people_do(seconds: float, text: str) -> None:
    assert show_duration(seconds) == text


@given(st.integers(min_value=1, max_value=3_600_000))
def test_what_is_written_is_read_back(milliseconds: int) -> None:
    assert parse_duration(show_duration(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)


@given(st.text())
def test_any_text_is_a_duration_or_a_mistake(text: str) -> None:
    with contextlib.suppress(Mistake):
        assert 0.001 <= parse_duration(text) <= 3600.0
