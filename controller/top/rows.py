"""Rows of the lists: what a trunk, a provider, a call, a cascade or an event looks like in so many columns.

Owns the layout: all of it fits 80 columns, and where there is room the last hour stands in the row itself. What colours say is said
by words and heights as well. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from controller.ops.board import Row
from controller.top.seen import Entry, Told
from controller.top.words import (
    BARS,
    NONE,
    STYLES,
    ago,
    ended,
    moment_of,
    outcome,
    percent,
    seconds,
)
from sip.text import clean

#: From so many columns on, the last hour stands in the row of its trunk.
WIDE = 138
_LEVELS = "▁▂▃▄▅▆▇█"
Cell = tuple[str, int, str]  # text, columns (to the right where negative), style


def line(*cells: Cell, width: int) -> Text:
    """Cells beside each other, a blank between them; the last one has what is left."""
    text = Text(no_wrap=True, end="")
    for number, (said, columns, style) in enumerate(cells):
        room = max(0, width - cell_len(text.plain)) if number == len(cells) - 1 else abs(columns)
        text.append(fit(said, room, right=columns < 0), style)
        if number < len(cells) - 1:
            text.append(" ")
    text.truncate(width)
    return text


def fit(said: str, room: int, *, right: bool = False) -> str:
    """Exactly so many columns, and a sign where something is missing; nothing that a terminal obeys."""
    said = " ".join(clean(said).split())
    missing = room - cell_len(said)
    if missing < 0:
        return set_cell_size(said, room - 1) + "…" if room > 0 else ""
    return " " * missing + said if right else said + " " * missing


def bars(letters: str) -> Text:
    """Sixty minutes, the oldest first."""
    text = Text(no_wrap=True, end="")
    for letter, same in groupby(letters):
        sign, style = BARS.get(letter, BARS["."])
        text.append(sign * len(tuple(same)), style)
    return text


def plot(values: Sequence[float], style: str) -> Text:
    """Sixty figures by height; nothing is a dot."""
    most = max([*values, 1])
    signs = "".join(_LEVELS[min(7, int(value / most * 8))] if value else BARS["."][0] for value in values)
    text = Text(no_wrap=True, end="")
    for is_some, same in groupby(signs, lambda sign: sign in _LEVELS):
        text.append("".join(same), style if is_some else "dim")
    return text


# -- trunks and providers

_NAME, _STATE, _FOR, _FIGURE, _SMALL, _CALLS = 22, 8, 13, 9, 6, 14


def head_of_trunks(width: int) -> Text:
    """Above them."""
    cells = [
        ("trunk", _NAME),
        ("state", _STATE),
        ("for", -_FOR),
        ("round trip", -10),
        ("loss", -_SMALL),
        ("answered/h", -_CALLS),
    ]
    return _head(cells, width, "last hour, by the minute")


def head_of_providers(width: int) -> Text:
    """Above them."""
    cells = [
        ("provider", _NAME),
        ("state", _STATE),
        ("for", -_FOR),
        ("arrive", -10),
        ("seen", -_SMALL),
        ("waiting", -_CALLS),
    ]
    return _head(cells, width, "last hour, by the minute")


def _head(cells: Sequence[tuple[str, int]], width: int, hour: str) -> Text:
    more: list[Cell] = [(hour, 60, "dim")] if width >= WIDE else []
    return line(
        *((said, columns, "dim") for said, columns in cells), *more, ("why" if more else "", 0, "dim"), width=width
    )


def trunk(row: Row, now: float, width: int) -> list[Text]:
    """One line, or two where it is narrow."""
    won = NONE if row["share"] is None else f"{row['won']} ({row['share']:.0%})"
    figures = (seconds(row["rtt"]), percent(row["loss"]), won)
    return _with_hour(row, row["name"], figures, _in_short(row), now, width)


def _in_short(row: Row) -> str:
    """Whose a trunk is while it is well, else why it is not."""
    if row["state"] == "up":
        return f"carrier {row['carrier']}" if row["carrier"] else f"site {row['site']}" if row["site"] else ""
    return str(row["code"] if row["state"] == "down" else row["gate_why"] or row["code"])


def provider(row: Row, now: float, width: int) -> list[Text]:
    """The same of a provider."""
    figures = (percent(row["arrive"]), str(row["samples"]) if row["samples"] else NONE, str(row["waiting"] or NONE))
    return _with_hour(row, row["provider"], figures, row["channel"], now, width)


def _with_hour(row: Row, name: str, figures: tuple[str, str, str], why: str, now: float, width: int) -> list[Text]:
    state = row["state"]
    cells: list[Cell] = [
        (name, _NAME, "bold"),
        (state, _STATE, STYLES.get(state, "")),
        (ago(row["since"], now), -_FOR, ""),
        *((said, -columns, "") for said, columns in zip(figures, (10, _SMALL, _CALLS), strict=True)),
    ]
    if width < WIDE:
        hour = bars(row["bars"])
        hour.append(" " + fit(why, max(0, width - 61)), "dim")
        return [line(*cells, ("", 0, ""), width=width), hour]
    text = line(*cells, ("", 0, ""), width=_NAME + _STATE + _FOR + 10 + _SMALL + _CALLS + 6)
    text.append_text(bars(row["bars"]))
    text.append(" " + fit(reason(row) or NONE, max(0, width - cell_len(text.plain) - 1)), "dim")
    return [text]


def reason(row: Row) -> str:
    """Why a trunk or provider is as it is, in full."""
    return "; ".join(dict.fromkeys(part for part in (row["why"], row.get("gate_why", "")) if part))


# -- calls

_WHEN, _CHAIN, _WORD = 11, 12, 9
#: Columns of a number: whole, or its last digits ("withheld" fits too).
WHOLE, MASKED = 14, 8


def head_of_calls(number: int, width: int) -> Text:
    """Above them; ``number`` columns for each number, here and below."""
    cells = [("came", _WHEN), ("called", number), ("caller", number), ("chain", _CHAIN), ("after", -7)]
    return line(*((said, columns, "dim") for said, columns in cells), ("outcome", 0, "dim"), width=width)


def ringing(row: Mapping[str, Any], now: float, number: int, width: int) -> list[Text]:
    """A call that is being set up, and whom it tries."""
    text = ", ".join(tried(row))
    return [_call(row, ago(row["moment"], now), "rings", "cyan", text, now, number, width)]


def tried(row: Mapping[str, Any]) -> list[str]:
    """Whom a call that is being set up tries now."""
    ways = [each for each in row["attempts"] if each["open"]]
    said = [f"{each['path']} ({'silent' if each['milestone'] == 'none' else each['milestone']})" for each in ways]
    return said or ["nobody now"]


def call(told: Told, now: float, number: int, width: int) -> list[Text]:
    """One that has its final response."""
    said, count = outcome(told.data), len(told.data["attempts"])
    text = f"{said.text}{f' ({count} tries)' if count > 1 else ''}"
    return [_call(told.data, seconds(told.data["seconds"]), said.who, STYLES[said.state], text, now, number, width)]


def _call(
    row: Mapping[str, Any], after: str, word: str, style: str, text: str, now: float, number: int, width: int
) -> Text:
    return line(
        (moment_of(row["moment"], now), _WHEN, "dim"),
        (row["did"], number, ""),
        (row["caller"] or "withheld", number, ""),
        (row["chain"] or NONE, _CHAIN, ""),
        (after, -7, ""),
        (word, _WORD, style),
        (text, 0, ""),
        width=width,
    )


# -- cascades


def head_of_cascades(width: int) -> Text:
    """Above them."""
    cells = [("begun", _WHEN), ("cascade", 13), ("country", 7), ("took", -8), ("cost", -8), ("status", _WORD)]
    return line(*((said, columns, "dim") for said, columns in cells), ("by, or why not", 0, "dim"), width=width)


def cascade(told: Told, now: float, width: int) -> list[Text]:
    """One that is over."""
    data, said = told.data, ended(told.data)
    return [
        line(
            (moment_of(data["created"], now), _WHEN, "dim"),
            (data["cascade"], 13, ""),
            (data["country"] or NONE, 7, ""),
            (seconds((data["ended"] or now) - data["created"]), -8, ""),
            (f"{data['cost']:.4f}" if data["cost"] else NONE, -8, ""),
            (said.who, _WORD, "cyan" if data["ended"] is None else STYLES[said.state]),
            (said.text, 0, ""),
            width=width,
        )
    ]


# -- the timeline


def head_of_timeline(width: int) -> Text:
    """Above it."""
    cells = [("when", _WHEN), ("what", 9), ("who", 14), ("state", _STATE)]
    return line(*((said, columns, "dim") for said, columns in cells), ("why", 0, "dim"), width=width)


def event(entry: Entry, now: float, width: int) -> list[Text]:
    """Something that happened."""
    return [
        line(
            (moment_of(entry.at, now), _WHEN, "dim"),
            (entry.kind, 9, "dim"),
            (entry.said.who, 14, "bold"),
            (entry.said.state, _STATE, STYLES.get(entry.said.state, "")),
            (entry.said.text, 0, ""),
            width=width,
        )
    ]
