"""The picture of `status` as tables, for people. Must not judge."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from controller.status_messages import print_messages
from controller.terminal import is_too_wide, make_table, print_line
from controller.wording import gate_in_words, show_seconds, show_span

if TYPE_CHECKING:
    from controller.status import Status

_BESIDE = 6  # lines of the terminal that are no rows of a table
_STYLES = {"up": "green", "degraded": "yellow", "suspect": "yellow", "down": "bold red", "unknown": "dim"}


def print_status(status: Status, console: Console, *, whole: bool = False) -> None:
    """The same for people. On a terminal that has not as many lines what is well is counted only, unless it is wanted ``whole``."""
    if "trunks" in status:
        room = console.height - _BESIDE if console.is_terminal and not whole else None
        _print_calls(status, console, room)
    if (messages := status.get("messages")) is not None:
        if "trunks" in status:
            console.print()
        print_messages(messages, console)
    if (alerts := status.get("alerts")) is not None:
        _print_alerts(alerts, console)
    if (mqtt := status.get("mqtt")) is not None:
        _print_mqtt(mqtt, console)


def _print_alerts(alerts: dict[str, Any], console: Console) -> None:
    for title in alerts["open"]:
        console.print(f"\n[bold red]alert[/]: {escape(title)}")
    if count := alerts["undelivered"]:
        console.print(f"\n[bold red]{count} not delivered[/]: callward alerts says why")


def _print_mqtt(mqtt: dict[str, Any], console: Console) -> None:
    """One line: it is a trifle beside calls."""
    lost = f", {mqtt['lost']} events lost" if mqtt["lost"] else ""
    if mqtt["up"]:
        console.print(f"\nmqtt: {escape(mqtt['broker'])} has all{lost}")
    else:
        waits = f", {mqtt['waiting']} wait for it" if mqtt["waiting"] else ""
        why = escape(mqtt["why"]) or "not tried yet"
        console.print(f"\n[bold red]mqtt broker {escape(mqtt['broker'])} lost[/]: {why}{waits}{lost}")


def _print_calls(status: Status, console: Console, room: int | None) -> None:
    trunks = status["trunks"]
    total, down = len({trunk["group"] or trunk["name"] for trunk in trunks}), len(status["down"])
    calls = status["calls"]
    console.print(
        f"[bold]{total - down} of {total} trunks[/bold] usable, {calls} call{'' if calls == 1 else 's'} being"
        f" set up, version {status['version']}, on {escape(', '.join(status['listen']))}"
    )
    shown = _few(trunks, room, lambda trunk: trunk["state"] == "up" and not _is_held(trunk))
    table = _table_of_trunks(shown)
    if is_too_wide(table, console):
        table = _table_of_trunks(shown, narrow=True)
    _print_some(table, len(trunks), "trunks are up", console)
    if registrations := status["registrations"]:
        table = _table_of_registrations(_few(registrations, room, lambda each: each["bound"]))
        _print_some(table, len(registrations), "are registered", console)
    if names := status["names"]:
        table = _table_of_names(_few(names, room, lambda name: not name["stale"]))
        _print_some(table, len(names), "names are answered", console)
    if status["uplink"]:
        console.print(f"\n[bold red]{escape(status['uplink'])}[/]: trunks are used as written, whatever their state")
    if carrying := [trunk for trunk in trunks if trunk["calls"]]:
        _print_quality(carrying, console, room)
    if status["limits"]:
        console.print()
        console.print(_table_of_limits(status["limits"]))
    if status["certificates"]:
        console.print()
        console.print(_table_of_certificates(status["certificates"]))


def _is_held(trunk: dict[str, Any]) -> bool:
    """Whether calls of it tell that something is wrong."""
    return bool(trunk["calls"]) and trunk["calls"]["gate"] != "open"


def _few(rows: list[Any], room: int | None, is_well: Callable[[Any], bool]) -> list[Any]:
    """All of them where there is room."""
    return rows if room is None or len(rows) <= room else [row for row in rows if not is_well(row)]


def _print_some(table: Table, total: int, well: str, console: Console) -> None:
    """A table, and how many are left out of it."""
    console.print()
    if table.row_count:
        console.print(table)
    if left_out := total - table.row_count:
        console.print(f"[dim]{left_out} {'more ' if table.row_count else ''}{well}: --all shows them[/]")


def _table_of_trunks(trunks: list[dict[str, Any]], *, narrow: bool = False) -> Table:
    """Where it is narrow the round trips make room: a reason must not be broken."""
    trips = () if narrow else ("round trip",)
    table = make_table(
        "trunk", "state", "for", "heard", *trips, "address", "why",
        right=("for", "heard", "round trip"), whole=("state", "for", "heard", "address"),
    )  # fmt: skip
    for trunk in trunks:
        state = trunk["state"]
        trip = "-" if trunk["round_trip"] is None else f"{trunk['round_trip'] * 1000:.1f} ms"
        table.add_row(
            trunk["name"],
            f"[{_STYLES.get(state, '')}]{state}[/]",
            show_span(trunk["for"]),
            "never" if trunk["heard"] is None else show_span(trunk["heard"]),
            *(trip for _ in trips),
            escape(trunk["address"]),
            escape(trunk["code"] or "-"),
        )
    return table


def _table_of_limits(limits: list[dict[str, Any]]) -> Table:
    figures = ("calls", "of", "in", "of in", "of out", "a second")
    table = make_table("limit of", *figures, "full", right=figures, whole=figures)
    for each in limits:
        most = (each["calls"], each["most"], each["in"], each["most_in"], each["most_out"], each["cps"])
        full = f"[yellow]{each['full']}[/]" if each["full"] else "-"
        table.add_row(each["of"], *("-" if figure is None else f"{figure:g}" for figure in most), full)
    return table


def _table_of_certificates(certificates: list[dict[str, Any]]) -> Table:
    table = make_table("certificate of", "expiry", "refused", whole=("expiry",))
    for each in certificates:
        table.add_row(
            escape(each["owner"]),
            each["expiry"] or "-",
            f"[red]{escape(each['refused'])}[/]" if each["refused"] else "-",
        )
    return table


def _table_of_registrations(registrations: list[dict[str, Any]]) -> Table:
    table = make_table(
        "trunk", "registered", "for", "left", "account", "at", "why",
        right=("for", "left"), whole=("registered", "for", "left"),
    )  # fmt: skip
    for each in registrations:
        state = "[green]yes[/]" if each["bound"] else "[dim]not yet[/]" if each["for"] is None else "[bold red]no[/]"
        table.add_row(
            each["trunk"],
            state,
            "-" if each["for"] is None else show_span(each["for"]),
            "-" if each["left"] is None else show_span(each["left"]),
            escape(each["account"]),
            escape(each["registrar"] or "-"),
            escape(each["why"] or "-"),
        )
    return table


def _table_of_names(names: list[dict[str, Any]]) -> Table:
    figures = ("answered", "asked in")
    table = make_table("name", *figures, "addresses", "why", right=figures, whole=figures)
    for name in names:
        answered = "never" if name["answered"] is None else f"{show_span(name['answered'])} ago"
        table.add_row(
            name["name"],
            f"[yellow]{answered}[/]" if name["stale"] else answered,
            show_span(name["next"]),
            escape(", ".join(name["addresses"]) or "-"),
            escape(name["why"] or "-"),
        )
    return table


def _print_quality(trunks: list[dict[str, Any]], console: Console, room: int | None) -> None:
    """Where it is narrow the reasons of what is held back stand below, each in a line of its own."""
    shown = _few(trunks, room, lambda trunk: not _is_held(trunk))
    table = _table_of_calls(shown)
    is_narrow = is_too_wide(table, console)
    _print_some(_table_of_calls(shown, narrow=True) if is_narrow else table, len(trunks), "take all calls", console)
    for trunk in shown:
        if is_narrow and _is_held(trunk):
            print_line(console, f"{escape(trunk['name'])}: {escape(trunk['calls']['why'])}")


def _table_of_calls(trunks: list[dict[str, Any]], *, narrow: bool = False) -> Table:
    figures = ("come through", "answered", "ring after", "short")
    why = () if narrow else ("why",)
    table = make_table("trunk", "calls", *figures, *why, right=figures, whole=("calls", *figures))
    for trunk in trunks:
        calls = trunk["calls"]
        after = calls["rings_after"]
        table.add_row(
            trunk["name"],
            "all" if calls["gate"] == "open" else f"[yellow]{gate_in_words(calls['gate'])}[/]",
            f"{calls['estimate']:.0%}" if calls["samples"] >= 1 else "-",
            _percent(calls["answered"]),
            "-" if after is None else show_seconds(after),
            _percent(calls["short"]),
            *(escape(calls["why"]) for _ in why),
        )
    return table


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
