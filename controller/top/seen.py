"""What is known of the daemons: rows as the console has them, what happened lately, and what was asked for.

Owns what is remembered, and that numbers of people are masked unless somebody asked for them. Pure: times are those of events and
pictures, in seconds since the epoch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from math import inf
from typing import Any, NamedTuple

from controller.masking import mask_shown
from controller.news import TEST_CALL
from controller.ops.board import Board, Row
from controller.ops.consumer import CALLS, MESSAGES, Event, Picture
from controller.records.rows import call_id_in
from controller.top.words import RANKS, Said, failover, say, time_of

#: So many are remembered of calls, of cascades, and of all else.
REMEMBERED = 300
#: Nothing for people who operate.
_SILENT = frozenset(("fault", TEST_CALL))
_NOBODY: Mapping[str, Any] = {"ringing": (), "up": (), "more": {"ringing": 0, "up": 0}}


class Told(NamedTuple):
    """One thing that happened, kept."""

    key: str
    at: float
    kind: str
    data: Mapping[str, Any]
    call: str = ""  # the Call-ID of a call, as it was


class Entry(NamedTuple):
    """A line of the timeline."""

    key: str
    at: float
    kind: str
    said: Said
    told: Told


class Seen:
    """All that `callward top` shows."""

    def __init__(self, *, whole: bool = False) -> None:
        """``whole``: numbers of people as they are."""
        self.whole = whole
        self.live = _NOBODY  # calls of this moment, as `under_way` has them
        self._latest: dict[str, Told] = {}  # cascades as their daemon has them, by id
        self.alerts: tuple[str, ...] = ()  # titles of those that are open
        self.gone: dict[str, float] = {}  # daemons that were there, by when they went
        self.begun = inf  # since when it is known what happens
        self._board = Board()
        self._there: set[str] = set()
        self._version = ""  # of the dialplan, when messages were there last
        self._dropped = False  # there are no messages any more by the dialplan
        self._events: dict[str, deque[Told]] = {kind: deque(maxlen=REMEMBERED) for kind in ("call", "cascade", "")}

    # -- what the daemons tell

    def hear(self, event: Event) -> None:
        """Something happened."""
        if event.kind in _SILENT:
            return
        self._board.hear(event)
        kind = event.kind if event.kind in self._events else ""
        key = event.data["cascade"] if kind == "cascade" else f"{event.source}-{event.life}-{event.number}"
        call = call_id_in(str(event.data["call"])) if kind == "call" else ""
        self._events[kind].append(Told(key, event.at, event.kind, self._masked(event), call))

    def _masked(self, event: Event) -> Mapping[str, Any]:
        if self.whole:
            return event.data
        found: Mapping[str, Any] = mask_shown(event.data)
        return found

    def see(self, picture: Picture) -> None:
        """How things are."""
        self.begun = min(self.begun, picture.at)
        self._board.see(picture)
        if picture.messages is not None and picture.calls is not None:
            self._version = picture.calls["version"]
        self._dropped = self._has_dropped_messages(picture)
        for source, found in ((CALLS, picture.calls), (MESSAGES, picture.messages)):
            if found is not None:
                self._there.add(source)
                self.gone.pop(source, None)
            elif source in self._there and not (source == MESSAGES and self._dropped):
                self.gone.setdefault(source, picture.at)
            else:
                self.gone.pop(source, None)
        if CALLS in self.gone:
            self.live = _NOBODY

    def _has_dropped_messages(self, picture: Picture) -> bool:
        """A reload has taken messages out of the dialplan: their process is not gone, but done."""
        calls = picture.calls
        if picture.messages is not None or calls is None:
            return self._dropped and picture.messages is None
        return calls.get("messages") is None and calls["version"] != self._version

    def take_live(self, found: Mapping[str, Any]) -> None:
        """The calls of this moment."""
        ringing = [
            {**(row if self.whole else mask_shown(row)), "id": call_id_in(str(row["call"]))} for row in found["ringing"]
        ]
        self.live = {**found, "ringing": ringing}

    def take_cascades(self, found: Iterable[Mapping[str, Any]]) -> None:
        """The latest, as the daemon for messages lists them."""
        self._latest = {row["id"]: _cascade_of(row) for row in found}

    # -- what is shown

    @property
    def head(self) -> Row:
        """The row about everything; empty before the first picture."""
        return self._board.rows.get("head", {})

    @property
    def figures(self) -> Row:
        """The last hour; empty before the first picture."""
        return self._board.rows.get("figures", {})

    @property
    def is_known(self) -> bool:
        """Whether a daemon has said yet how it is."""
        return bool(self._there)

    def of_kind(self, kind: str) -> list[Row]:
        """Trunks or providers, the worst first, otherwise as the dialplan has them."""
        if kind == "provider" and self._dropped:
            return []
        rows = [row for row in self._board.rows.values() if row["kind"] == kind]
        return sorted(rows, key=lambda row: RANKS.get(row["state"], len(RANKS)))

    def row(self, key: str) -> Row | None:
        """One of them: "trunk:NAME", "provider:NAME"."""
        return self._board.rows.get(key)

    def calls(self) -> Iterator[Told]:
        """Those that ended, the newest first."""
        return iter(tuple(self._events["call"])[::-1])

    def cascades(self) -> list[Told]:
        """Those under way and those that ended, the newest first."""
        ended = {told.data["cascade"]: told for told in self._events["cascade"]}
        return sorted((self._latest | ended).values(), key=lambda told: told.data["created"], reverse=True)

    def cascade(self, name: str) -> Told | None:
        """One by its id."""
        return next((told for told in self.cascades() if told.data["cascade"] == name), None)

    def call(self, call_id: str) -> Told | None:
        """The latest that ended with this Call-ID."""
        return next((told for told in self.calls() if told.call == call_id), None)

    def ringing(self, call_id: str) -> Mapping[str, Any] | None:
        """One that is being set up."""
        return next((row for row in self.live["ringing"] if row["id"] == call_id), None)

    def timeline(self) -> list[Entry]:
        """What changed and which calls went another way, the newest first; calls that went the same other way are one."""
        found = [Entry(told.key, told.at, told.kind, say(told.kind, told.data), told) for told in self._events[""]]
        ways: dict[Said, tuple[Told, int]] = {}
        for told in self._events["call"]:
            if (said := failover(told.data)) is not None:
                ways[said] = (told, ways[said][1] + 1 if said in ways else 1)
        for said, (told, count) in ways.items():
            whole = said._replace(text=f"{count} calls, {said.text}") if count > 1 else said
            found.append(Entry(f"failover-{said.who}-{said.text}", told.at, "failover", whole, told))
        return sorted(found, key=lambda entry: entry.at, reverse=True)

    def alarms(self) -> list[str]:
        """What everybody should know, the worst first."""
        head, found = self.head, []
        for source, at in self.gone.items():
            found.append(f"the process for {source} is gone since {time_of(at)}; old rows, waiting for it")
        if head.get("uplink"):
            found.append(f"all trunks fell at once, so health is ignored: {head['uplink']}")
        if head.get("store_lost"):
            found.append(f"the store of messages does not answer: {head['store_lost']}")
        found += [f"alert: {title}" for title in self.alerts]
        found += [
            f"{row['trunk']} is not registered: {row['why']}"
            for row in head.get("registrations", ())
            if not row["bound"]
        ]
        found += [f"{row['name']} was not looked up anew: {row['why']}" for row in head.get("stale_names", ())]
        return found


def _cascade_of(row: Mapping[str, Any]) -> Told:
    """One of the daemon's list, in the form of the event that tells its end."""
    attempts = row["attempts"]
    last = attempts[-1] if attempts else None
    reached = (
        ""
        if last is None
        else f"{last['provider']} ({last['milestone'] if last['milestone'] != 'none' else last['phase']})"
    )
    winner = next((each["provider"] for each in attempts if each["attempt"] == row["winner"]), "")
    data = {
        "cascade": row["id"],
        "tenant": row["tenant"],
        "status": row["status"],
        "reason": row["reason"],
        "created": _epoch(row["created"]),
        "ended": _epoch(row["ended"]) if row["ended"] else None,
        "country": row["country"],
        "operator": "",
        "use_case": row["use_case"],
        "sends": [each["provider"] for each in attempts],
        "winner": winner,
        "cost": row["cost"],
        "now": f"step {row['step']} of {row['steps']}{': ' + reached if reached else ''}",
    }
    return Told(row["id"], data["ended"] or data["created"], "cascade", data)


def _epoch(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
