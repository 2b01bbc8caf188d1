"""The figures of messages for people: numbers, bars and lines in a terminal of 80 columns.

Owns the picture. Must not compute: that is `messages.figures`.
"""

from __future__ import annotations

from typing import Any

from rich.console import Console

from controller.terminal import make_table
from controller.wording import show_seconds

_LEVELS = "▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉"
_BAR = 12  # columns
MOST_ROWS = 12  # of a table by country or operator


def print_stats(found: dict[str, Any], console: Console) -> None:
    """What ``GET /v1/stats`` gives."""
    whole = found["all"]
    span = _span(found["until"] - found["since"])
    if not whole["cascades"]:
        console.print(f"no cascade was over in the last {span}")
        return
    console.print(f"[bold]{_many(whole['cascades'], 'cascade')}[/bold] of the last {span}: {_statuses(whole)}")
    console.print(
        f"[bold]{percent(whole['completion_rate'])} completed[/bold], {percent(whole['verification_rate'])} verified,"
        f" {percent(whole['fallback_rate'])} fell back to another way"
    )
    console.print(_times(whole))
    console.print(
        f"cost {_money(whole['cost'])}: {_money(whole['cost_per_completed'])} per completed one,"
        f" {_money(whole['cost_per_verified'])} per verified code"
    )
    _print_trend(found, console)
    _print_routes(found["routes"], console)
    print_places(found, console)
    print_patterns(found["patterns"], console)
    _print_failures(found, console)


def _print_trend(found: dict[str, Any], console: Console) -> None:
    trend = found["trend"]
    size = trend["seconds"]
    by_start = {bucket["start"]: bucket for bucket in trend["buckets"]}
    first = found["since"] // size * size
    starts = [first + place * size for place in range(int((found["until"] - first) // size) + 1)]
    series = [by_start.get(start) for start in starts]
    console.print(f"\n[bold]each {_span(size)}[/bold]")
    for name, key in (("cascades", "cascades"), ("completed", "completion_rate"), ("fell back", "fallback_rate")):
        values = [bucket[key] if bucket is not None else None for bucket in series]
        show = _count if key == "cascades" else percent
        _print_line(name, values, show, console)
    for name, key in (("median", "p50"), ("95 % in", "p95")):
        _print_line(name, [b["seconds"][key] if b is not None else None for b in series], _seconds, console)


def _print_line(name: str, values: list[Any], show: Any, console: Console) -> None:
    known = [value for value in values if value is not None]
    if known:
        extent = show(known[0]) if min(known) == max(known) else f"{show(min(known))} to {show(max(known))}"
        console.print(f"{name:<10}{sparkline(values)}  {extent}", highlight=False, no_wrap=True, overflow="crop")


def _print_routes(routes: list[dict[str, Any]], console: Console) -> None:
    right = ("sends", "taken", "arrived", "median", "95 %", "cost")
    table = make_table(
        "route", "channel", "sends", "taken", "arrived", "", "median", "95 %", "cost", right=right, whole=(*right, "")
    )
    for route in routes:
        seconds = route["seconds"]
        table.add_row(
            route["provider"],
            route["channel"],
            _count(route["sends"]),
            percent(route["acceptance_rate"]),
            percent(route["delivery_rate"]),
            f"[green]{bar(route['delivery_rate'] or 0.0, 6)}[/]",
            _seconds(seconds["p50"]),
            _seconds(seconds["p95"]),
            _money(route["cost_per_delivered"]),
        )
    console.print()
    console.print(table)


def print_places(found: dict[str, Any], console: Console) -> None:
    """A line for each country, and below it one for each of its networks."""
    right = ("cascades", "completed", "fell back", "median", "per code")
    table = make_table(
        "country",
        "operator",
        "cascades",
        "completed",
        "",
        "fell back",
        "median",
        "per code",
        right=right,
        whole=(*right, ""),
    )
    operators: dict[str, list[dict[str, Any]]] = {}
    for row in found["operators"]:
        operators.setdefault(row["country"], []).append(row)
    rows = [row for place in found["countries"] for row in (place, *operators.get(place["country"], ()))]
    for row in rows[:MOST_ROWS]:
        table.add_row(
            "" if "operator" in row else row["country"] or "(none)",
            row.get("operator", ""),
            _count(row["cascades"]),
            percent(row["completion_rate"]),
            f"[green]{bar(row['completion_rate'] or 0.0, 9)}[/]",
            percent(row["fallback_rate"]),
            _seconds(row["seconds"]["p50"]),
            _money(row["cost_per_verified"]),
        )
    console.print()
    console.print(table)
    if len(rows) > MOST_ROWS:
        console.print(f"and {len(rows) - MOST_ROWS} more rows: --json has all")


def print_patterns(patterns: dict[str, Any], console: Console) -> None:
    """The day, and what differs by burst and by source, where there is more than one."""
    hours = {row["hour"]: row for row in patterns["hours"]}
    if len(hours) > 1:
        console.print("\n[bold]hours of the day, UTC[/bold]")
        day = [hours.get(hour) for hour in range(24)]
        for name, key, show in (("cascades", "cascades", _count), ("completed", "completion_rate", percent)):
            _print_line(name, [None if row is None else row[key] for row in day], show, console)
        names = sorted({route["provider"] for row in patterns["hours"] for route in row["routes"]})
        for name in names[:MOST_ROWS]:
            rates = [None if row is None else _rate_of(row, name) for row in day]
            _print_line(_cut(name, 9), rates, percent, console)
    for kind, title in (("burst", "bursts"), ("source", "sources")):
        rows = patterns[f"{kind}s"]
        if len(rows) > 1:
            console.print(f"\n[bold]{title}[/bold]")
            for row in rows[:MOST_ROWS]:
                console.print(
                    f"{_cut(row[kind], 32):<32} {_count(row['cascades']):>7} {percent(row['completion_rate']):>8} completed"
                    f" {percent(row['fallback_rate']):>8} fell back",
                    highlight=False,
                    no_wrap=True,
                    overflow="crop",
                )


def _cut(name: str, width: int) -> str:
    return name if len(name) <= width else name[: width - 1] + "…"


def _rate_of(row: dict[str, Any], provider: str) -> float | None:
    return next((route["delivery_rate"] for route in row["routes"] if route["provider"] == provider), None)


def _print_failures(found: dict[str, Any], console: Console) -> None:
    for name, what in (("cascades", "cascade"), ("sends", "send")):
        cells = found["concentration"][name]
        if not cells["failures"]:
            continue
        console.print(
            f"\n[bold]{_many(cells['failures'], what)} that failed[/bold], {percent(cells['top_share'])} in one country"
            f" (concentration {cells['gini']:.2f})"
        )
        for cell in cells["top"]:
            console.print(
                f"  {cell['country'] or '(none)':<7}[red]{bar(cell['share'])}[/] {percent(cell['share']):>6} of failures,"
                f" {percent(cell['traffic']):>6} of traffic",
                highlight=False,
            )
    reasons = found["all"]["reasons"]
    if reasons:
        console.print(
            "why: " + ", ".join(f"{name} {_count(count)}" for name, count in reasons.items()), highlight=False
        )


def sparkline(values: list[float | None]) -> str:
    """A line of blocks between the least and the most; a blank where nothing was."""
    known = [value for value in values if value is not None]
    if not known:
        return " " * len(values)
    low, extent = min(known), max(known) - min(known)

    def block(value: float | None) -> str:
        if value is None:
            return " "
        return _LEVELS[-1] if not extent else _LEVELS[round((value - low) / extent * (len(_LEVELS) - 1))]

    return "".join(block(value) for value in values)


def bar(part: float, width: int = _BAR) -> str:
    """A part of one as a bar, always as wide."""
    eighths = round(min(max(part, 0.0), 1.0) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


def percent(rate: float | None) -> str:
    """A rate in words; never a whole hundred, or nothing, that is not one."""
    if rate is None:
        return "-"
    shown = round(rate * 100, 1)
    if shown == 100.0 and rate < 1.0:
        shown = 99.9
    if shown == 0.0 and rate > 0.0:
        shown = 0.1
    return f"{shown:.1f} %"


def _statuses(whole: dict[str, Any]) -> str:
    return ", ".join(f"{_count(count)} {status}" for status, count in whole["statuses"].items())


def _times(whole: dict[str, Any]) -> str:
    seconds = whole["seconds"]
    if seconds["p50"] is None:
        return "none arrived"
    return f"completed in {_seconds(seconds['p50'])} (median), 95 % in {_seconds(seconds['p95'])}, 99 % in {_seconds(seconds['p99'])}"


def _span(seconds: float) -> str:
    """A span that was asked for, or that trends have."""
    for size, name in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= (2 * size if size > 3600 else size):
            return f"{seconds / size:.3g} {name}"
    return f"{seconds:.3g} s"


def _seconds(value: float | None) -> str:
    return "-" if value is None else show_seconds(value)


def _money(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4f}" if value < 10 else f"{value:,.2f}"


def _many(value: float, what: str) -> str:
    return f"{_count(value)} {what}" if value == 1 else f"{_count(value)} {what}s"


def _count(value: float) -> str:
    return f"{int(value):,}"
