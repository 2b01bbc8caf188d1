"""Bars, lines and rates of `callward stats`."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from controller.stats_table import bar, percent, print_patterns, print_places, sparkline


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


def test_places_keep_their_columns_whole_in_a_terminal_of_80() -> None:
    row: dict[str, Any] = {"country": "DE", "cascades": 123_456, "completion_rate": 1.0, "fallback_rate": 0.999}
    row |= {"seconds": {"p50": 12.3}, "cost_per_verified": 0.1234}
    out = io.StringIO()
    print_places({"countries": [row], "operators": [{**row, "operator": "vodafone"}]}, Console(file=out, width=80))
    _, head, country, operator = [line.rstrip() for line in out.getvalue().splitlines()]
    assert head.endswith("fell back  median  per code")
    assert country.endswith("0.1234")
    assert operator.split()[0] == "vodafone"


def test_patterns_keep_their_columns_whatever_names_are_like() -> None:
    """Hours as a line of the day, UTC; bursts and sources where there is more than one; 80 columns."""
    row = {"cascades": 1_234_567, "completion_rate": 0.5, "fallback_rate": 1.0}
    route = {"provider": "a-provider-with-a-long-name", "sends": 2, "delivered": 1, "delivery_rate": 0.5}
    source = "acme/a-very-long-use-case-name-of-somebody"
    patterns = {
        "hours": [{"hour": hour, **row, "routes": [route]} for hour in range(24)],
        "bursts": [{"burst": each, **row, "routes": []} for each in ("none", "all", "source")],
        "sources": [{"source": each, **row, "routes": []} for each in (source, "acme/login")],
    }
    shown = io.StringIO()
    print_patterns(patterns, Console(width=80, file=shown))
    lines = shown.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("a-provid… ") for line in lines)
    assert sum(line.endswith("100.0 % fell back") for line in lines) == 5
    nothing = io.StringIO()
    print_patterns({name: rows[:1] for name, rows in patterns.items()}, Console(width=80, file=nothing))
    assert nothing.getvalue() == ""  # what does not differ is not shown
