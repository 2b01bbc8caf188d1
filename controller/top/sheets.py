"""All there is to say about one row: a trunk, a provider, a call, a cascade, an event.

Owns which facts stand there, and their order. Pure; ladders are drawn by what draws them for `callward ladder`.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from controller.calls_table import print_head
from controller.ladder_table import print_ladder
from controller.ops.board import Row
from controller.records.cascade_ladder import draw_cascade
from controller.top.rows import bars, reason
from controller.top.seen import Entry, Seen, Told
from controller.top.words import NONE, STYLES, ago, ended, failover, moment_of, percent, seconds, time_of
from controller.wording import cause_in_words, gate_in_words
from sip.text import clean

_TERM = 14  # columns of what a fact is called
#: Lines of what happened to a trunk lately.
LATELY = 12


def facts(rows: Sequence[tuple[str, str]], width: int) -> Text:
    """A term and what is to be said, one below the other; nothing where nothing is to be said."""
    text = Text()
    for term, said in rows:
        if said:
            text.append(f"{term:<{_TERM}}", "dim")
            text.append(f"{_hanging(said, _TERM, width)}\n")
    return text


def _hanging(said: str, indent: int, width: int) -> str:
    """From a column on, whatever does not fit in one line."""
    lines = textwrap.wrap(clean(said), max(10, width - indent), break_on_hyphens=False)
    return f"\n{' ' * indent}".join(lines)


def trunk(row: Row, seen: Seen, now: float, width: int) -> Text:
    """Why a trunk is as it is."""
    limits = row["limits"] or {}
    lines = f"{limits['calls']} of {limits['most'] or 'any number'} taken" if limits else ""
    text = facts([
        ("address", row["address"]),
        ("carrier", row["carrier"]),
        ("site", row["site"]),
        ("state", f"{row['state']} for {ago(row['since'], now)}, since {moment_of(row['since'], now)}"),
        ("why", reason(row) or NONE),
        ("code", row["code"]),
        ("round trip", seconds(row["rtt"])),
        ("loss", percent(row["loss"])),
        ("calls", gate_in_words(row["gate"])),
        ("last hour", "none answered" if row["share"] is None else f"{row['won']} call{'' if row['won'] == 1 else 's'} answered, {row['share']:.0%} of all"),
        ("of its calls", "" if row["answered"] is None else f"{percent(row['answered'])} are answered, {percent(row['short'])} are short"),
        ("rings after", seconds(row["rings_after"]) if row["rings_after"] is not None else ""),
        ("lines", f"{lines}{'; ' + limits['full'] if limits.get('full') else ''}"),
    ], width)  # fmt: skip
    _add_hour(text, row, now)
    _add_lately(text, [entry for entry in seen.timeline() if _is_about(entry, row)], now, width)
    return text


def _is_about(entry: Entry, row: Row) -> bool:
    names = {row["name"], row["group"]} - {""}
    if entry.kind == "failover":
        return any(
            each["path"].rpartition(" via ")[2] in names and each["cause"] for each in entry.told.data["attempts"]
        )
    return entry.said.who.split(" ")[0] in names


def provider(row: Row, seen: Seen, now: float, width: int) -> Text:
    """The same of a provider."""
    name = row["provider"]
    text = facts([
        ("channel", row["channel"]),
        ("state", f"{row['state']} for {ago(row['since'], now)}, since {moment_of(row['since'], now)}"),
        ("why", row["why"] or NONE),
        ("messages", gate_in_words(row["gate"])),
        ("arrive", percent(row["arrive"])),
        ("seen", f"{row['samples']} outcomes count"),
        ("waiting", f"{row['waiting']} to be sent"),
    ], width)  # fmt: skip
    _add_hour(text, row, now)
    _add_lately(text, [entry for entry in seen.timeline() if entry.said.who.split(" ")[0] == name], now, width)
    return text


def _add_hour(text: Text, row: Row, now: float) -> None:
    text.append("\nthe last hour, the worst state of each minute\n", "dim")
    text.append_text(bars(row["bars"]))
    begin = time_of(now - 59 * 60)[:5]
    text.append(f"\n{begin:<57}now\n", "dim")
    text.append("▁ up  ▂ drained  ▄ suspect  ▆ degraded  █ down  · not known\n", "dim")


def _add_lately(text: Text, entries: Sequence[Entry], now: float, width: int) -> None:
    text.append("\nlately\n", "dim")
    if not entries:
        text.append("nothing has changed while anybody looked\n")
    for entry in entries[:LATELY]:
        text.append(f"{moment_of(entry.at, now):<12}", "dim")
        text.append(f"{entry.said.state:<9}", STYLES.get(entry.said.state, ""))
        text.append(f"{_hanging(entry.said.text, 21, width)}\n")


def ringing(row: Mapping[str, Any], now: float, width: int) -> Text:
    """A call that is being set up."""
    text = facts([
        ("called", row["did"]),
        ("caller", f"{row['caller'] or 'withheld'}{' via ' + row['from_trunk'] if row['from_trunk'] else ''}"),
        ("chain", row["chain"]),
        ("came", f"{moment_of(row['moment'], now)}, {ago(row['moment'], now)} ago"),
    ], width)  # fmt: skip
    text.append("\nattempts\n", "dim")
    for each in row["attempts"]:
        how = f"over: {cause_in_words(each['cause']) or 'given up'}"
        if each["open"]:
            how = "no sign of life yet" if each["milestone"] == "none" else each["milestone"]
        text.append(f"{each['at']:8.3f} s  {each['path']}: {how}\n")
    return text


def call(shown: Mapping[str, Any], width: int) -> Text:
    """One that has its final response, as `records.showing.show_call` has it."""

    def draw(console: Console) -> None:
        print_head(shown, console)
        print_ladder(shown["ladder"], console)

    return _drawn(draw, width)


def cascade(told: Told, now: float, width: int) -> Text:
    """What is known of one without its history."""
    data, said = told.data, ended(told.data)
    over = data["ended"]
    end = "not yet" if over is None else f"{moment_of(over, now)}, after {seconds(over - data['created'])}"
    return facts([
        ("cascade", data["cascade"]),
        ("tenant", data["tenant"]),
        ("use case", data["use_case"]),
        ("country", " ".join(part for part in (data["country"], data["operator"]) if part)),
        ("begun", moment_of(data["created"], now)),
        ("ended", end),
        ("status", data["status"]),
        ("why", said.text),
        ("sent by", ", ".join(data["sends"]) or "nobody"),
        ("cost", f"{data['cost']:.4f}"),
    ], width)  # fmt: skip


def cascade_ladder(found: Mapping[str, Any], width: int) -> Text:
    """The same with every attempt, as the API explains it."""
    row = found["cascade"]

    def draw(console: Console) -> None:
        console.print(f"cascade {row['id']}: {row['status']}, begun {row['created']}", markup=False)
        console.print()
        print_ladder(draw_cascade(found), console)

    return _drawn(draw, width)


def event(entry: Entry, now: float, width: int) -> Text:
    """Something that happened, whole."""
    said = entry.said
    if entry.kind == "failover":
        said = failover(entry.told.data) or said
    return facts([
        ("when", moment_of(entry.at, now)),
        ("what", entry.kind),
        ("who", said.who),
        ("state", said.state),
        ("why", said.text),
        ("code", str(entry.told.data.get("code", ""))),
    ], width)  # fmt: skip


def _drawn(draw: Callable[[Console], None], width: int) -> Text:
    """What a command prints, on a sheet."""
    paper = io.StringIO()
    draw(Console(file=paper, width=width, force_terminal=True, color_system="standard", highlight=False, emoji=False))
    text = Text.from_ansi(paper.getvalue())
    text.no_wrap = True
    return text
