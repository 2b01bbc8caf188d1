"""Looking at what is kept: calls by what people ask for, one call with its messages, what else happened.

Owns the questions. A connection lives for one of them and writes nothing; a daemon may run beside it or not. Numbers come as
they are: `masking.mask_shown` has them shown to whoever may not see them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.records.rows import NOT_LOST, ExercisedRow, WireRow
from controller.records.store import FILE, both_forms

MOST = 1000  # rows of one answer
MOST_MESSAGES = 2000  # of one call
_NEVER = 1e12
#: Seconds between two tries by one Call-ID; and those by which the clocks of an offer and of its message may differ.
_APART, _CLOCKS = 0.5, 0.01
_COLUMNS = "id, at, call, did, caller, from_trunk, chain, status, winner, cause, seconds, trunks"
_FIRST = "json_extract(data, '$.attempts[0].{}')"
#: A call that was answered, but not by the first way, which was lost: as `controller.records.rows.failover_row` has it.
_OTHER_WAY = f"""winner != {_FIRST.format("path")} AND ({_FIRST.format("cause")} NOT IN {("", *NOT_LOST)}
    OR ({_FIRST.format("milestone")} = 'none' AND instr(data, '"hedge":true')))"""


class NotKeptError(Exception):
    """There is nothing to look at; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls; "" and None ask for nothing in particular."""

    did: str = ""
    caller: str = ""
    trunk: str = ""  # it came from there, or was tried there
    status: str = ""  # "486", "5xx"
    since: float | None = None  # seconds since the epoch
    failed: bool = False  # nobody answered, or not by the first way
    before: int | None = None  # older than the one with this number
    limit: int = 20


class Reader:
    """Over one state folder."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / FILE

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        if not self._path.exists():
            raise NotKeptError(
                f"{self._path}: nothing is kept there; write 'records' or 'console' in the dialplan, or is it another folder?"
            )
        try:
            with closing(
                sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro", uri=True, timeout=2.0)
            ) as connection:
                connection.row_factory = sqlite3.Row
                yield connection
        except sqlite3.Error as error:
            is_shut = getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
            advice = "run this as the daemon's user" if is_shut else "is it damaged, or of another version of callward?"
            raise NotKeptError(f"{self._path}: cannot be read ({error}); {advice}") from error

    def calls(self, wanted: Wanted) -> list[dict[str, Any]]:
        """The newest first, without their details."""
        where, values = _where(wanted)
        limit = max(1, min(wanted.limit, MOST))
        with self._open() as connection:
            found = connection.execute(
                f"SELECT {_COLUMNS}, json_array_length(data, '$.attempts') AS tried FROM calls {where} ORDER BY id DESC LIMIT {limit}",  # noqa: S608
                values,
            )
            return [_shown(row) for row in found]

    def call(self, named: str) -> dict[str, Any] | None:
        """One call by its number in the list, its Call-ID or the beginning of it: the record under ``record``, which is None
        while it is under way, and its ``messages``. None where there is none; the latest of several."""
        with self._open() as connection:
            row = _find(connection, named)
            call_id = row["call"] if row is not None else _find_on_wire(connection, named)
            if not call_id:
                return None
            messages = connection.execute(
                f"SELECT {', '.join(WireRow._fields)} FROM wire WHERE call = ? AND at BETWEEN ? AND ? ORDER BY id LIMIT {MOST_MESSAGES}",  # noqa: S608
                (call_id, *_bounds(connection, row)),
            ).fetchall()
        record = json.loads(row["data"]) if row is not None else None
        return {
            "id": row["id"] if row is not None else None,
            "call": call_id,
            "record": record,
            "messages": [WireRow(*each) for each in messages],
        }

    def times(
        self,
        since: float | None = None,
        before: int | None = None,
        limit: int = 100,
        kind: str = "",
        what: str = "",
    ) -> list[dict[str, Any]]:
        """What else happened, the newest first."""
        asked = {"at >= ?": since, "id < ?": before, "kind = ?": kind or None, "what = ?": what or None}
        parts = {part: value for part, value in asked.items() if value is not None}
        where = f"WHERE {' AND '.join(parts)}" if parts else ""
        with self._open() as connection:
            found = connection.execute(
                f"SELECT id, at, source, kind, what, data FROM times {where} ORDER BY id DESC LIMIT {max(1, min(limit, MOST))}",  # noqa: S608
                [*parts.values()],
            )
            return [{**dict(row), "data": json.loads(row["data"])} for row in found]

    def exercised(self) -> list[ExercisedRow]:
        """When each path was last exercised by a call, and each trunk by a test call or a drill, well or not."""
        with self._open() as connection:
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'exercised'").fetchone():
                return []  # an older version wrote the file, and nobody since
            return [
                ExercisedRow(*row) for row in connection.execute("SELECT name, means, good, at, what FROM exercised")
            ]


def _where(wanted: Wanted) -> tuple[str, list[Any]]:
    parts: list[str] = []
    values: list[Any] = []

    def add(part: str, *some: Any) -> None:
        parts.append(part)
        values.extend(some)

    for column, number in (("did", wanted.did), ("caller", wanted.caller)):
        if number:
            add(f"{column} IN (?, ?)", *both_forms(number))
    if wanted.trunk:
        add("(from_trunk = ? OR instr(trunks, ?))", wanted.trunk, f",{wanted.trunk},")
    if wanted.status.endswith("xx"):
        add("status BETWEEN ? AND ?", int(wanted.status[0]) * 100, int(wanted.status[0]) * 100 + 99)
    elif wanted.status:
        add("status = ?", int(wanted.status))
    if wanted.since is not None:
        add("at >= ?", wanted.since)
    if wanted.failed:
        add(f"(status >= 300 OR ({_OTHER_WAY}))")
    if wanted.before is not None:
        add("id < ?", wanted.before)
    return f"WHERE {' AND '.join(parts)}" if parts else "", values


def _bounds(connection: sqlite3.Connection, row: sqlite3.Row | None) -> tuple[float, float]:
    """Between which instants the messages of a call are its own: a caller may try again by the same Call-ID."""
    if row is None:
        return 0.0, _NEVER
    before, after = connection.execute(
        "SELECT max(iif(at < ?, at, NULL)), min(iif(at > ?, at, NULL)) FROM calls WHERE call = ?",
        (row["at"] - _APART, row["at"] + _APART, row["call"]),
    ).fetchone()
    return 0.0 if before is None else row["at"] - _CLOCKS, _NEVER if after is None else after - _CLOCKS


def _find(connection: sqlite3.Connection, named: str) -> sqlite3.Row | None:
    if named.isascii() and named.isdigit() and len(named) < 15:
        row: sqlite3.Row | None = connection.execute("SELECT * FROM calls WHERE id = ?", (int(named),)).fetchone()
        if row is not None:
            return row
    for part, values in (("call = ?", (named,)), ("call >= ? AND call < ?", (named, f"{named}\U0010ffff"))):
        row = connection.execute(f"SELECT * FROM calls WHERE {part} ORDER BY id DESC LIMIT 1", values).fetchone()  # noqa: S608
        if row is not None:
            return row
    return None


def _find_on_wire(connection: sqlite3.Connection, named: str) -> str:
    row = connection.execute("SELECT call FROM wire WHERE call = ? LIMIT 1", (named,)).fetchone()
    return str(row["call"]) if row is not None else ""


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    shown = dict(row)
    shown["trunks"] = [name for name in row["trunks"].split(",") if name]
    return shown
