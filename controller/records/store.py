"""The file that records are kept in: SQLite in the state folder, written in batches, forgotten by age and by size.

Owns the tables, and that the file is its user's alone. All of it blocks: it is called from a thread, one at a time. Whoever
reads has a connection of his own (`reading`). Must not decide what is kept.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from controller.records.rows import Batch, CallRow, TimeRow, WireRow

T = TypeVar("T")
FILE = "records.db"
VERSION = 1
#: Bytes of what is kept at most: the oldest messages go first, then the oldest calls and all else.
MOST = 1 << 30
_CHUNK = 2000  # rows that are forgotten at once: whoever writes beside it must not wait long
_BUSY = 2.0  # seconds
_SUFFIXES = ("", "-wal", "-shm")  # what stands in SQLite's log belongs to the file

_SCHEMA = """
CREATE TABLE calls(
    id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, call TEXT NOT NULL, did TEXT, caller TEXT, from_trunk TEXT,
    chain TEXT, status INTEGER, winner TEXT, cause TEXT, seconds REAL, trunks TEXT, life TEXT, number INTEGER, data TEXT);
CREATE UNIQUE INDEX calls_once ON calls(life, number);
CREATE INDEX calls_at ON calls(at);
CREATE INDEX calls_call ON calls(call);
CREATE INDEX calls_did ON calls(did, at);
CREATE INDEX calls_caller ON calls(caller, at);
CREATE TABLE wire(
    id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, call TEXT NOT NULL, sent INTEGER, who TEXT, ours TEXT,
    our_port INTEGER, host TEXT, port INTEGER, transport TEXT, data BLOB);
CREATE INDEX wire_at ON wire(at);
CREATE INDEX wire_call ON wire(call);
CREATE TABLE times(
    id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, source TEXT, kind TEXT, what TEXT, life TEXT, number INTEGER,
    data TEXT);
CREATE UNIQUE INDEX times_once ON times(source, life, number, kind);
CREATE INDEX times_at ON times(at);
"""
#: Came later, and an older version that finds it does not mind.
_MORE = """
CREATE TABLE IF NOT EXISTS exercised(
    name TEXT, means TEXT, good INTEGER, at REAL NOT NULL, what TEXT, PRIMARY KEY(name, means, good)) WITHOUT ROWID;
"""
_EXERCISE = """
INSERT INTO exercised(name, means, good, at, what) VALUES(?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
SET at = excluded.at, what = excluded.what WHERE excluded.at > at
"""
#: Seconds after which it is forgotten that a path was exercised: it is stale long before, and many a name is gone by then.
KEEP_EXERCISED = 3 * 366 * 86400.0


class _StrangeError(sqlite3.DatabaseError):
    """A database, but none that this callward can write."""


def _is_unreadable(error: sqlite3.Error) -> bool:
    """Whether a file is no database of ours, or a damaged one: that does not pass by itself."""
    damaged = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    return isinstance(error, _StrangeError) or getattr(error, "sqlite_errorcode", 0) & 0xFF in damaged


def both_forms(number: str) -> tuple[str, str]:
    """A number with its plus and without: carriers write it either way."""
    digits = number.removeprefix("+")
    return f"+{digits}", digits


class Store:
    """One connection that writes. Every method may raise `sqlite3.Error` or `OSError`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.aside = ""  # why the last file was put aside, for whoever says so
        self._connection: sqlite3.Connection | None = None
        self._file = 0  # the inode that is open

    def open(self) -> None:
        """Open it, or make it. What is no database of ours is put aside, so that what comes can be kept."""
        try:
            self._open()
        except sqlite3.Error as error:
            self.close()  # half open it would be taken for ready
            if not _is_unreadable(error):  # full, locked, not to be opened: that passes
                raise
            self._put_aside(error)
            self._open()

    def _connect(self) -> sqlite3.Connection:
        """The connection; a new one where somebody has taken the file away."""
        if self._connection is not None and not self._is_there():
            self.close()
        if self._connection is None:
            self.open()
        assert self._connection is not None
        return self._connection

    def _is_there(self) -> bool:
        try:
            return self.path.stat().st_ino == self._file
        except FileNotFoundError:
            return False

    def _open(self) -> None:
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))  # before SQLite does, by the umask
        self.path.chmod(0o600)
        self._file = self.path.stat().st_ino
        connection = sqlite3.connect(self.path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
        self._connection = connection
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA secure_delete=ON")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            connection.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version={VERSION};COMMIT;")
        elif version != VERSION:
            raise _StrangeError(f"made by another version ({version}, not {VERSION})")
        connection.executescript(_MORE)

    def _put_aside(self, error: sqlite3.Error) -> None:
        for suffix in _SUFFIXES:
            with suppress(FileNotFoundError):
                Path(f"{self.path}{suffix}").rename(f"{self.path}.unreadable{suffix}")
        self.aside = str(error)

    def write(self, batch: Batch) -> None:
        """Keep all of it, or nothing."""
        self._insist(lambda: self._write(batch))

    def _insist(self, job: Callable[[], T]) -> T:
        """Do it, with a new file where that one is damaged and nobody had looked there yet."""
        try:
            return job()
        except sqlite3.Error as error:
            if not _is_unreadable(error):
                raise
            self.close()
            self._put_aside(error)
            return job()

    def _write(self, batch: Batch) -> None:
        connection = self._connect()
        connection.execute("BEGIN IMMEDIATE")
        try:
            for table, row, rows in (
                ("calls", CallRow, batch.calls),
                ("wire", WireRow, batch.wire),
                ("times", TimeRow, batch.times),
            ):
                fields = row._fields
                connection.executemany(
                    f"INSERT OR IGNORE INTO {table}({','.join(fields)}) VALUES({','.join('?' * len(fields))})",
                    rows,
                )
            connection.executemany(_EXERCISE, batch.exercised.values())
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def forget(self, now: float, calls: float, wire: float, most: int = MOST) -> int:
        """Let go of what is older than so many seconds, and of the oldest while there is more than ``most`` bytes; how many
        rows went. What was put aside goes when all in it is too old."""
        for suffix in _SUFFIXES:
            with suppress(FileNotFoundError):
                aside = Path(f"{self.path}.unreadable{suffix}")
                if aside.stat().st_mtime < now - calls:
                    aside.unlink()
        return self._insist(lambda: self._forget(now, calls, wire, most))

    def _forget(self, now: float, calls: float, wire: float, most: int) -> int:
        self._connect()
        gone = 0
        for table, keep in (("wire", wire), ("calls", calls), ("times", calls)):
            while count := self._drop(table, "WHERE at < ?", now - keep):
                gone += count
        assert self._connection is not None
        self._connection.execute("DELETE FROM exercised WHERE at < ?", (now - KEEP_EXERCISED,))
        for table in ("wire", "times", "calls"):
            while self.size() > most and (count := self._drop(table, "ORDER BY at")):
                gone += count
        return gone

    def _drop(self, table: str, which: str, *values: float) -> int:
        assert self._connection is not None
        some = f"SELECT id FROM {table} {which} LIMIT {_CHUNK}"  # noqa: S608
        return self._connection.execute(f"DELETE FROM {table} WHERE id IN ({some})", values).rowcount  # noqa: S608

    def size(self) -> int:
        """Bytes of the file that hold something."""
        assert self._connection is not None
        pages, free, size = (
            self._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def erase(self, number: str) -> int:
        """Let go of all calls of one number, with its plus or without, of their messages, and of what else is told of them; how
        many calls went."""
        connection = self._connect()
        forms = both_forms(number)
        which = "did IN (?, ?) OR caller IN (?, ?)"
        of = f"SELECT call FROM calls WHERE {which}"  # noqa: S608
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(f"DELETE FROM wire WHERE call IN ({of})", forms * 2)  # noqa: S608
            connection.execute(f"DELETE FROM times WHERE json_extract(data, '$.call') IN ({of})", forms * 2)  # noqa: S608
            gone = connection.execute(f"DELETE FROM calls WHERE {which}", forms * 2).rowcount  # noqa: S608
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # nor in the log of what was written
        return gone

    def close(self) -> None:
        """Let go of the file; a second time is harmless."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
