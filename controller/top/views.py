"""The four views: which rows each has, what stands above them, and what there is to see behind a row.

Owns what is in a view and in which order. Must not know widgets but the form of their rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import partial

from rich.text import Text

from controller.ops.board import Row
from controller.ops.consumer import MESSAGES
from controller.top import rows
from controller.top.listing import Item
from controller.top.seen import Entry, Seen, Told
from controller.top.words import Said, ended, failover, outcome, percent, seconds, time_of

HOUR = 3600.0  # seconds


class View(IntEnum):
    """As they are numbered by keys."""

    TRUNKS = 1
    CALLS = 2
    CASCADES = 3
    TIMELINE = 4

    @property
    def title(self) -> str:
        """As tabs have it."""
        return self.name.capitalize()


Found = tuple[Text, list[Item]]


def show(view: View, seen: Seen, wanted: str, now: float, width: int) -> Found:
    """The line above the rows, and the rows with all these words in them."""
    return _VIEWS[view](seen, partial(_has, wanted.casefold().split()), now, width)


def explain(key: str, seen: Seen) -> str:
    """Of a row by its key, what its columns have no room for."""
    kind, _, name = key.partition(":")
    if kind in ("trunk", "provider"):
        row = seen.row(key)
        return f"{name}: {rows.reason(row) or row['state']}" if row is not None else ""
    if kind == "ringing":
        call = seen.ringing(name)
        return ", ".join(rows.tried(call)) if call is not None else ""
    if kind == "call":
        told = next((told for told in seen.calls() if told.key == name), None)
        if told is None:
            return ""
        said, way = outcome(told.data), failover(told.data)
        return f"{said.who}: {way.text if way is not None else said.text}"
    if kind == "cascade":
        found = seen.cascade(name)
        said = ended(found.data) if found is not None else Said("", "", "")
        return f"{said.who}: {said.text}" if said.who else ""
    entry = next((entry for entry in seen.timeline() if entry.key == name), None)
    return f"{entry.said.who}: {entry.said.text}" if entry is not None else ""


def _has(words: Sequence[str], *texts: str) -> bool:
    text = " ".join(texts).casefold()
    return all(word in text for word in words)


Fits = Callable[..., bool]


def _trunks(seen: Seen, fits: Fits, now: float, width: int) -> Found:
    height = 1 if width >= rows.WIDE else 2
    trunks = [row for row in seen.of_kind("trunk") if _fits_row(fits, row)]
    providers = [row for row in seen.of_kind("provider") if _fits_row(fits, row)]
    items = [Item(f"trunk:{row['name']}", partial(rows.trunk, row, now), height) for row in trunks]
    if not providers:
        return rows.head_of_trunks(width), items
    if items:
        items += [_text(Text()), Item("", lambda columns: [rows.head_of_providers(columns)])]
    items += [Item(f"provider:{row['provider']}", partial(rows.provider, row, now), height) for row in providers]
    return (rows.head_of_trunks if trunks else rows.head_of_providers)(width), items


def _fits_row(fits: Fits, row: Row) -> bool:
    words = ("name", "state", "carrier", "site", "address", "code", "channel", "gate")
    return fits(*(str(row.get(word) or "") for word in words), rows.reason(row))


def _calls(seen: Seen, fits: Fits, now: float, width: int) -> Found:
    more, up, number = seen.live["more"], seen.live["up"], rows.WHOLE if seen.whole else rows.MASKED
    by: dict[str, int] = {}
    for each in up:
        by[each["trunk"]] = by.get(each["trunk"], 0) + 1
    shares = ", ".join(f"{count} by {name}" for name, count in sorted(by.items(), key=lambda pair: -pair[1]))
    count = len(seen.live["ringing"]) + more["ringing"]
    total = f"{count} ring now, {len(up) + more['up']} up{': ' + shares if shares else ''}"
    items = []
    if minutes := seen.figures.get("calls"):
        items += [
            _hour("answered", [minute[0] for minute in minutes], "green"),
            _hour("missed", [minute[1] for minute in minutes], "red"),
            _text(Text()),
        ]
    items.append(Item("", lambda columns: [rows.head_of_calls(number, columns)]))
    items += [
        Item(f"ringing:{row['id']}", partial(rows.ringing, row, now, number))
        for row in seen.live["ringing"]
        if fits(row["did"], row["caller"] or "", row["chain"], "rings", *(each["path"] for each in row["attempts"]))
    ]
    items += [
        Item(f"call:{told.key}", partial(rows.call, told, now, number))
        for told in seen.calls()
        if _fits_call(fits, told)
    ]
    return Text(total, "dim"), items


def _fits_call(fits: Fits, told: Told) -> bool:
    data, said = told.data, outcome(told.data)
    paths = (each["path"] for each in data["attempts"])
    return fits(
        data["did"], data["caller"] or "", data["chain"] or "", str(data["status"]), said.who, said.text, *paths
    )


def _cascades(seen: Seen, fits: Fits, now: float, width: int) -> Found:
    figures = seen.figures
    if not figures or not (seen.head.get("messages") or seen.cascades() or MESSAGES in seen.gone):
        return Text("this daemon sends no messages" if seen.is_known else "", "dim"), []
    since = f"since {time_of(seen.begun)}" if now - seen.begun < HOUR else "last hour"
    said = f"{since}: {figures['ended']} ended, {percent(figures['rate'])} completed"
    items: list[Item] = []
    if figures["completed"]:
        times = f"half within {seconds(figures['median'])}, 95 % within {seconds(figures['p95'])}"
        cost = f"{percent(figures['fallback'])} by a fallback, {figures['each']:.4f} each"
        items.append(_text(Text(f"{times}, {cost}", no_wrap=True)))
    items += [
        _hour("completed", [minute[0] for minute in figures["cascades"]], "green"),
        _hour("not", [minute[1] for minute in figures["cascades"]], "red"),
        _text(Text()),
    ]
    items.append(Item("", lambda columns: [rows.head_of_cascades(columns)]))
    items += [
        Item(f"cascade:{told.key}", partial(rows.cascade, told, now))
        for told in seen.cascades()
        if _fits_cascade(fits, told)
    ]
    return Text(said, "dim"), items


def _fits_cascade(fits: Fits, told: Told) -> bool:
    data = told.data
    names = ("cascade", "tenant", "country", "operator", "status", "reason", "use_case")
    return fits(*(str(data[name]) for name in names), *data["sends"])


def _timeline(seen: Seen, fits: Fits, now: float, width: int) -> Found:
    items = [
        Item(f"event:{entry.key}", partial(rows.event, entry, now))
        for entry in seen.timeline()
        if _fits_event(fits, entry)
    ]
    return rows.head_of_timeline(width), items


def _fits_event(fits: Fits, entry: Entry) -> bool:
    return fits(entry.kind, *entry.said)


def _text(text: Text) -> Item:
    return Item("", lambda _: [text])


def _hour(what: str, values: Sequence[float], style: str) -> Item:
    """A plot of sixty minutes, and the sum."""

    def draw(_: int) -> list[Text]:
        text = Text(no_wrap=True, end="")
        text.append(f"{what:<10}", "dim")
        text.append_text(rows.plot(values, style))
        text.append(f" {sum(values)}")
        return [text]

    return Item("", draw)


_VIEWS = {View.TRUNKS: _trunks, View.CALLS: _calls, View.CASCADES: _cascades, View.TIMELINE: _timeline}
