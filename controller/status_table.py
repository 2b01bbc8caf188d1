"""The picture of `status` as tables, for people. Must not judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from controller.status_messages import print_messages
from controller.terminal import is_too_wide, make_table, print_line
from controller.wording import show_seconds, show_span

if TYPE_CHECKING:
    from controller.status import Status

_STYLES = {"up": "green", "degraded": "yellow", "suspect": "yellow", "down": "bold red", "unknown": "dim"}


def print_status(status: Status, console: Console) -> None:
    """The same for people."""
    if "trunks" in status:
        _print_calls(status, console)
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
        console.print(f"\nmqtt: {mqtt['broker']} has all{lost}")
    else:
        waits = f", {mqtt['waiting']} wait for it" if mqtt["waiting"] else ""
        why = escape(mqtt["why"]) or "not tried yet"
        console.print(f"\n[bold red]mqtt broker {mqtt['broker']} lost[/]: {why}{waits}{lost}")


def _print_calls(status: Status, console: Console) -> None:
    trunks = status["trunks"]
    total, down = len({trunk["group"] or trunk["name"] for trunk in trunks}), len(status["down"])
    calls = status["calls"]
    console.print(
        f"[bold]{total - down} of {total} trunks[/bold] usable, {calls} call{'' if calls == 1 else 's'} being"
        f" set up, version {status['version']}, on {', '.join(status['listen'])}"
    )
    table = _table_of_trunks(trunks)
    if is_too_wide(table, console):
        table = _table_of_trunks(trunks, narrow=True)
    console.print()
    console.print(table)
    if status["registrations"]:
        console.print()
        console.print(_table_of_registrations(status["registrations"]))
    if status["names"]:
        console.print()
        console.print(_table_of_names(status["names"]))
    if status["uplink"]:
        console.print(f"\n[bold red]{status['uplink']}[/]: trunks are used as written, whatever their state")
    if any(trunk["calls"] for trunk in trunks):
        console.print()
        _print_quality(trunks, console)
    if status["limits"]:
        console.print()
        console.print(_table_of_limits(status["limits"]))
    if status["certificates"]:
        console.print()
        console.print(_table_of_certificates(status["certificates"]))


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
            trunk["address"],
            trunk["code"] or "-",
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
        table.add_row(each["owner"], each["expiry"] or "-", f"[red]{each['refused']}[/]" if each["refused"] else "-")
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
            each["account"],
            each["registrar"] or "-",
            each["why"] or "-",
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
            ", ".join(name["addresses"]) or "-",
            name["why"] or "-",
        )
    return table


def _print_quality(trunks: list[dict[str, Any]], console: Console) -> None:
    """Where it is narrow the reasons of what is held back stand below, each in a line of its own."""
    table = _table_of_calls(trunks)
    if not is_too_wide(table, console):
        console.print(table)
        return
    console.print(_table_of_calls(trunks, narrow=True))
    for trunk in trunks:
        if trunk["calls"] and trunk["calls"]["gate"] != "open":
            print_line(console, f"{escape(trunk['name'])}: {escape(trunk['calls']['why'])}")


def _table_of_calls(trunks: list[dict[str, Any]], *, narrow: bool = False) -> Table:
    figures = ("come through", "answered", "ring after", "short")
    why = () if narrow else ("why",)
    table = make_table("trunk", "calls", *figures, *why, right=figures, whole=("calls", *figures))
    for trunk in trunks:
        calls = trunk["calls"]
        if not calls:
            continue
        after = calls["rings_after"]
        table.add_row(
            trunk["name"],
            "all" if calls["gate"] == "open" else f"[yellow]{calls['gate']}[/]",
            f"{calls['estimate']:.0%}",
            _percent(calls["answered"]),
            "-" if after is None else show_seconds(after),
            _percent(calls["short"]),
            *(calls["why"] for _ in why),
        )
    return table


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
