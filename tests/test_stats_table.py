"""Bars, lines and rates of `callward stats`."""

from __future__ import annotations

import pytest

from controller.stats_table import bar, percent, sparkline


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""),
        ([None, None], "  "),
        ([1.0, None, 2.0], "▁ █"),
        ([0.0, 0.5, 1.0], "▁▅█"),
        ([3.0, 3.0], "██"),
    ],
)
def test_a_line_goes_from_the_least_to_the_most(values: list[float | None], line: str) -> None:
    assert sparkline(values) == line


@pytest.mark.parametrize(
    ("part", "shown"), [(0.0, "    "), (1.0, "████"), (0.5, "██  "), (0.03125, "▏   "), (7.0, "████"), (-1.0, "    ")]
)
def test_a_bar_is_as_long_as_its_part(part: float, shown: str) -> None:
    assert bar(part, 4) == shown


@pytest.mark.parametrize(
    ("rate", "text"),
    [(None, "-"), (0.0, "0.0 %"), (1.0, "100.0 %"), (0.9999, "99.9 %"), (0.0001, "0.1 %"), (2 / 3, "66.7 %")],
)
def test_a_rate_is_never_whole_where_something_is_missing(rate: float | None, text: str) -> None:
    assert percent(rate) == text
