"""Calls that are up: what each occupies, and how long it counts when nobody says that it is over.

Owns a bounded table by dialog. It is a figure and decides about no dialog: requests within a call pass whatever stands
here. A call leaves the table by its BYE; when its session timer was not refreshed (RFC 4028 §10); when nothing was heard
of it for as long as the dialplan counts such calls; or as the oldest of too many. Pure: time is an argument, and rows are
never changed in place, so that a copy of the table may be written by another thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from math import inf
from typing import Any, NamedTuple

MOST = 50_000  # calls; about 20 MB
MOST_LINES = 16  # of one dialog: a call may pass us twice, but not for ever
#: RFC 4028 §10: whoever does not refresh sends a BYE the lesser of 32 s and a third before the end; so late it is over.
GRACE = 32.0


class Up(NamedTuple):
    """A call that was answered. Instants are monotonic seconds."""

    trunk: str  # over which it was answered
    since: float
    lines: tuple[str, ...]  # what it occupies, in the words of `rules.usage`
    heard: float  # when it was answered or refreshed last
    session: float = inf  # when its session ends unless it is refreshed


def key_of(call_id: str, caller_tag: str) -> str:
    """How a dialog is known here: by the Call-ID, and the tag that its caller has given himself; a digest of them, for
    they may hold numbers, and the table is kept in a file."""
    return blake2b(f"{call_id}\n{caller_tag}".encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


class CallsUp:
    """See the top of the file. What leaves the table comes back to the caller, who frees its lines."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._rows: dict[str, Up] = {}
        self.changed = False  # since somebody set it to False

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, key: str, up: Up) -> list[Up]:
        """A call was answered. Returns what had to go: the oldest one, or one of the same name, unless it is the same
        call, which passes us a second time: then both end together."""
        gone = []
        before = self._rows.pop(key, None)
        if before is not None and len(before.lines) + len(up.lines) <= MOST_LINES:
            up = before._replace(lines=before.lines + up.lines, heard=up.heard, session=up.session)
        elif before is not None:
            gone.append(before)
        elif len(self._rows) >= self._most:
            gone.append(self._rows.pop(next(iter(self._rows))))
        self._rows[key] = up
        self.changed = True
        return gone

    def find(self, call_id: str, *tags: str) -> str:
        """The key of the dialog of a request, whichever side has sent it; "" for one that is not known."""
        for tag in tags:
            key = key_of(call_id, tag)
            if key in self._rows:
                return key
        return ""

    def refresh(self, key: str, session: float, now: float) -> None:
        """A refresh went through: the session lasts for ``session`` seconds from now, 0 for no session timer."""
        up = self._rows.get(key)
        if up is not None:
            self._rows[key] = up._replace(heard=now, session=end_of(session, now))
            self.changed = True

    def end(self, key: str) -> Up | None:
        """It is over."""
        up = self._rows.pop(key, None)
        self.changed = self.changed or up is not None
        return up

    def expire(self, now: float, count_for: float) -> list[Up]:
        """Take out all of which nothing was heard for too long, in seconds, or whose session has ended."""
        over = [key for key, up in self._rows.items() if up.session <= now or up.heard + count_for <= now]
        self.changed = self.changed or bool(over)
        return [self._rows.pop(key) for key in over]

    # -- keeping

    def copy(self) -> dict[str, Up]:
        """The rows as they are now, for `dump_rows` in another thread."""
        return dict(self._rows)


def end_of(session: float, now: float) -> float:
    """When a session of so many seconds is over for certain; infinity where there is no timer (0)."""
    return now + session + GRACE if session > 0 else inf


def dump_rows(rows: Mapping[str, Up], wall: float) -> list[list[Any]]:
    """Rows as plain data. ``wall`` is what makes epoch seconds of monotonic ones: the latter die with the machine."""
    return [
        [
            key,
            up.trunk,
            up.since + wall,
            list(up.lines),
            up.heard + wall,
            None if up.session == inf else up.session + wall,
        ]
        for key, up in rows.items()
    ]


def load_rows(data: list[list[Any]], wall: float) -> dict[str, Up]:
    """What `dump_rows` gave; ``wall`` is that of now.

    Raises `ValueError` or `TypeError` for what it never gave.
    """
    rows = {}
    for key, trunk, since, lines, heard, session in data:
        end = inf if session is None else float(session) - wall
        rows[str(key)] = Up(str(trunk), float(since) - wall, tuple(map(str, lines)), float(heard) - wall, end)
    return rows
