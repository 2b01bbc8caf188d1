"""Ladders for a terminal: a column for each who spoke, an arrow for each message. Must not judge."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.markup import escape

_TIME = 9  # columns of the time, and two blanks
_LEAST, _MOST = 18, 34  # columns from one line of life to the next
_STYLES = {"lost": "red", "won": "green", "started": "cyan"}


def print_ladder(ladder: Mapping[str, Any], console: Console) -> None:
    """What `controller.records.ladder.draw` gives."""
    columns = ladder["columns"]
    room = max(console.width, 80) - _TIME - 2 - 8
    width = max(_LEAST, min(_MOST, room // max(1, len(columns) - 1)))
    places = [_TIME + 2 + index * width for index in range(len(columns))]
    for key in ("name", "address"):
        room = console.width if console.is_terminal else 0
        _print(_heads([column[key] for column in columns], width, room), "bold" if key == "name" else "dim", console)
    for line in ladder["lines"]:
        time = f"{max(0.0, line['at']):{_TIME - 1}.3f}   "
        if line["kind"] == "note":
            _print_note(time, line, places, console)
        else:
            _print(time + _arrow(line, places)[len(time) :], _style_of(line), console)
    if ladder["source"] == "record":
        console.print()
        console.print("[dim]no SIP messages of it are kept: drawn from the record of the call[/]")


def _heads(names: list[str], width: int, room: int) -> str:
    """``room``: columns of a terminal. There the last name ends at its edge where it would not fit behind its line."""
    line = ""
    for index, name in enumerate(names):
        place = _TIME + 2 + index * width
        shown = name[: width - 1]
        if room and index == len(names) - 1:
            place = max(len(line.rstrip()) + 1, min(place, room - len(shown)))
        line = f"{line[:place]:<{place}}{shown}"
    return line.rstrip()


def _life(places: list[int]) -> list[str]:
    """A line on which nothing happens."""
    line = [" "] * (places[-1] + 1)
    for place in places:
        line[place] = "|"
    return line


def _arrow(line: Mapping[str, Any], places: list[int]) -> str:
    drawn = _life(places)
    first, last = sorted((places[line["from"]], places[line["to"]]))
    rightwards = line["to"] > line["from"]
    room = last - first - 1
    again, sdp = " (again)" if line["again"] else "", " [SDP]" if line.get("sdp") else ""
    forms = (line["text"] + sdp + again, line["text"] + again, line["text"])
    text = next((form for form in forms if len(form) <= room - 4), forms[-1][: room - 4])
    body = f" {text} ".center(room, "-")
    drawn[first + 1 : last] = body
    drawn[last - 1 if rightwards else first + 1] = ">" if rightwards else "<"
    return "".join(drawn)


def _style_of(line: Mapping[str, Any]) -> str:
    if line["again"]:
        return "dim"
    text = line["text"]
    if text[:1] in "456" and text[:3].isdigit():
        return "red"
    return "green" if text[:1] == "2" and text[:3].isdigit() else ""


def _print_note(time: str, line: Mapping[str, Any], places: list[int], console: Console) -> None:
    """Under its column, over whatever stands to the right of it; to the left where it would not fit, and in several lines."""
    drawn = _life(places)
    start = places[line["column"]]
    room = max(console.width, 80) if console.is_terminal else 10_000
    if start + 2 + len(line["text"]) > room:
        start = max(_TIME + 1, min(start, room - len(line["text"]) - 3))
    before = "".join(drawn[:start])[len(time) :] + ("|" if start in places else " ")
    style = _STYLES.get(line.get("event", ""), "dim")
    for number, part in enumerate(wrap(line["text"], max(20, room - len(time) - len(before) - 1)) or [""]):
        _print(f"{' ' * len(time) if number else time}{before} {part}", style, console)


def _print(text: str, style: str, console: Console) -> None:
    text = escape(text)
    console.print(f"[{style}]{text}[/]" if style and text else text, soft_wrap=True)
