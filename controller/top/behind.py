"""What is behind a row: its title, and a look at it that can be repeated for as long as somebody looks.

Owns which sheet belongs to which row, and what has to be fetched for it. Must not draw.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from rich.text import Text

from controller.records.rows import call_id_in
from controller.records.showing import show_call
from controller.top import sheets
from controller.top.link import Link
from controller.top.seen import Entry, Seen

_FORGOTTEN = "too much has happened since: it is not remembered any more"
Look = Callable[[int], Awaitable[Text]]


class Behind:
    """Sheets by the keys of rows."""

    def __init__(self, seen: Seen, link: Link, now: Callable[[], float]) -> None:
        self._seen, self._link, self._now = seen, link, now

    def find(self, key: str) -> tuple[str, Look]:
        """A title, and the look."""
        kind, _, name = key.partition(":")
        if kind in ("trunk", "provider"):
            return f"{kind} {name}", partial(self._row, key)
        if kind in ("call", "ringing"):
            return "call", partial(self._call, name if kind == "ringing" else self._call_of(name))
        if kind == "cascade":
            return f"cascade {name}", partial(self._cascade, name)
        entry = next((entry for entry in self._seen.timeline() if entry.key == name), None)
        if entry is not None and entry.told.call:
            return "call", partial(self._call, entry.told.call)
        return entry.kind if entry is not None else "gone", partial(self._event, entry)

    def _call_of(self, key: str) -> str:
        return next((told.call for told in self._seen.calls() if told.key == key), "")

    async def _row(self, key: str, width: int) -> Text:
        row, now = self._seen.row(key), self._now()
        if row is None:
            return Text("it is not in the dialplan any more")
        draw = sheets.trunk if row["kind"] == "trunk" else sheets.provider
        return draw(row, self._seen, now, width)

    async def _call(self, call_id: str, width: int) -> Text:
        """Under way as long as it is, then its ladder: from what is kept of it, or else from its record alone."""
        kept = await self._link.kept(call_id)
        if kept is not None and kept["record"] is not None:
            return sheets.call(show_call(kept, whole=self._seen.whole), width)
        told = self._seen.call(call_id)
        if told is not None:
            found: dict[str, Any] = {
                "id": None,
                "call": call_id_in(str(told.data["call"])),
                "record": told.data,
                "messages": [],
            }
            return sheets.call(show_call(found, whole=True), width)  # masked already where it has to be
        row = self._seen.ringing(call_id)
        return (
            Text("it is over, and its end was not heard here")
            if row is None
            else sheets.ringing(row, self._now(), width)
        )

    async def _cascade(self, name: str, width: int) -> Text:
        """Its ladder, where the daemon for messages has it; else what its end told."""
        found = await self._link.cascade(name)
        if found is not None:
            return sheets.cascade_ladder(found, width)
        told = self._seen.cascade(name)
        return Text(_FORGOTTEN) if told is None else sheets.cascade(told, self._now(), width)

    async def _event(self, entry: Entry | None, width: int) -> Text:
        return Text(_FORGOTTEN) if entry is None else sheets.event(entry, self._now(), width)
