"""Calls for people: a list of those that are kept, those of this moment, and what stands above a ladder. Must not judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from controller.records.rows import trunk_of
from controller.terminal import is_too_wide, make_table, print_line
from controller.wording import cause_in_words, show_seconds, show_span


def print_calls(calls: Sequence[Mapping[str, Any]], console: Console) -> None:
    """What `controller.records.reading.Reader.calls` gives."""
    if not calls:
        console.print("no calls")
        return
    table = _table_of_calls(calls)
    if is_too_wide(table, console):
        table = _table_of_calls(calls, narrow=True)
    console.print(table)


def _table_of_calls(calls: Sequence[Mapping[str, Any]], *, narrow: bool = False) -> Table:
    """Where it is narrow a call has one line all the same: chains make room, and the day of those that are of the newest's."""
    chain = () if narrow else ("chain",)
    table = make_table(
        "call", "came", "from", "to", *chain, "status", "tries", "after", "by, or why nobody",
        right=("call", "came", "tries", "after"), whole=("call", "came", "from", "to", "status", "tries", "after"),
    )  # fmt: skip
    newest = moment_of(calls[0]["at"])
    for row in calls:
        came = moment_of(row["at"])
        if narrow:
            came = came[11:] if came[:10] == newest[:10] else came[5:16]
        caller = f"{row['caller'] or 'unknown'}{' via ' + row['from_trunk'] if row['from_trunk'] else ''}"
        table.add_row(
            str(row["id"]),
            came,
            escape(caller),
            escape(row["did"]),
            *(escape(row["chain"] or "-") for _ in chain),
            _status(row["status"]),
            str(row["tried"]),
            show_seconds(row["seconds"]),
            escape(row["winner"] or cause_in_words(row["cause"]) or "-"),
        )
    return table


def print_live(found: Mapping[str, Any], console: Console) -> None:
    """What `controller.under_way.collect_calls` gives."""
    if found["ringing"]:
        table = make_table("from", "to", "chain", "for", "now at", right=("for",), whole=("from", "to", "for"))
        for row in found["ringing"]:
            tried = [f"{each['path']} ({each['milestone']})" for each in row["attempts"] if each["open"]]
            table.add_row(
                escape(f"{row['caller'] or 'unknown'}{' via ' + row['from_trunk'] if row['from_trunk'] else ''}"),
                escape(row["did"]),
                escape(row["chain"] or "-"),
                show_span(row["seconds"]),
                escape(", ".join(tried) or "-"),
            )
        console.print(table)
    up: dict[str, int] = {}
    for row in found["up"]:
        up[row["trunk"]] = up.get(row["trunk"], 0) + 1
    total = len(found["up"]) + found["more"]["up"]
    by = ", ".join(f"{count} by {trunk}" for trunk, count in sorted(up.items()))
    ringing = len(found["ringing"]) + found["more"]["ringing"]
    console.print(f"{ringing} being set up, {total} up{': ' + escape(by) if by and not found['more']['up'] else ''}")


def print_head(found: Mapping[str, Any], console: Console) -> None:
    """One call, above its ladder."""
    record = found["record"]
    if record is None:
        print_line(console, f"call {escape(found['call'])}: under way, or its record is not kept")
        return
    caller = record["caller"] or "unknown"
    way = f" via {record['from_trunk']}" if record["from_trunk"] else ""
    number = f" {found['id']}" if found["id"] is not None else ""  # None: it is not kept
    print_line(console, escape(f"call{number}: {caller}{way} to {record['did']}, {moment_of(record['moment'])}"))
    end = (
        f"answered by {record['winner']}" if record["winner"] else f"nobody answered: {cause_in_words(record['cause'])}"
    )
    after = show_seconds(record["seconds"])
    tried = ", ".join(dict.fromkeys(trunk_of(each["path"]) for each in record["attempts"])) or "nobody"
    print_line(console, f"{_status(record['status'])} after {after}, {escape(end)}; tried {escape(tried)}")
    print_line(console, f"[dim]Call-ID {escape(found['call'])}, dialplan {escape(record['version'])}[/]")
    console.print()


def moment_of(at: float) -> str:
    """An instant in the time of this machine."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _status(status: int) -> str:
    style = "green" if 200 <= status < 300 else "red"
    return f"[{style}]{status}[/]"
