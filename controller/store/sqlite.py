"""SQLite: one daemon, one file in the state folder, one thread that writes.

The writer takes what waits, requests first, into one transaction and one fsync: the more there is to do, the less each
costs. Readers have connections of their own and see what is committed. Owns the thread, the file and its lock.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar, cast

from controller.store.base import Hear, StoreError, UnfitStoreError
from controller.store.batch import Accept, Apply, Job, Settled, TakeReport, settle
from controller.store.ops import Body
from controller.store.rows import Reduce
from controller.store.schema import VERSION, describe
from controller.store.sqlite_sql import TYPES, drive
from controller.store.tables import Tables

T = TypeVar("T")

EVENTS = 128  # in one transaction, beside all requests: whoever asks waits for one at most, however much is under way
READERS = 2
_JOBS = (Accept, Apply, TakeReport)
_CHECKPOINT = 4000  # pages: a checkpoint costs a pause, and a long log costs readers

#: What a job is to blame for; all else that SQLite raises is the file's or the disk's.
_OF_A_JOB = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.NotSupportedError)


@dataclass(slots=True)
class _Work:
    """A job, or a transaction body, and who waits for it."""

    task: Job | Callable[[], Body[Any]]
    future: asyncio.Future[Any]


#: In the queue: a request waits beside it.
_KNOCK = cast(_Work, object())


class SqliteStore(Tables):
    """A store in one file."""

    def __init__(self, path: Path, reduce: Reduce, hear: Hear | None = None, owner: str = "") -> None:
        super().__init__(reduce, hear, owner)
        self._path = path
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()  # `_KNOCK`: somebody asks
        self._asked: deque[_Work] = deque()
        self._lock = -1
        self._writer: threading.Thread | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._local = threading.local()
        self._reading: list[sqlite3.Connection] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        """See `base.Store`. Raises `StoreError`, also if another process has the file."""
        loop = self._loop = asyncio.get_running_loop()
        self.books.forget()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")
        try:
            connection = await loop.run_in_executor(self._readers, self._prepare)
        except (OSError, sqlite3.Error) as error:
            self._release()
            raise self._complain(error) from error
        except StoreError:
            self._release()
            raise
        self._writer = threading.Thread(target=self._write_all, args=(connection,), name="store-write", daemon=True)
        self._writer.start()

    async def close(self) -> None:
        """See `base.Store`."""
        writer, self._writer = self._writer, None
        if writer is not None:
            self._queue.put(None)
            await asyncio.get_running_loop().run_in_executor(None, writer.join)
        self._release()

    def _release(self) -> None:
        if self._readers is not None:
            self._readers.shutdown()
            self._readers = None
        for connection in self._reading:
            connection.close()
        self._reading.clear()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _prepare(self) -> sqlite3.Connection:
        """Lock, make or open the file, and see to its tables."""
        lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise StoreError(f"{self._path}: another process has it open: stop that one first") from error
        self._lock = lock
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = self._connect()
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT}")
            connection.execute("BEGIN IMMEDIATE")
            self._make_tables(connection)
            connection.execute("COMMIT")
            for (index,) in connection.execute("SELECT DISTINCT idx FROM opt_out"):
                self.opt_outs.add(index)
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        known = connection.execute("SELECT name FROM sqlite_master WHERE name = 'meta'").fetchone()
        if known is not None:
            found = connection.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()[0]
            if int(found) > VERSION:
                raise UnfitStoreError(f"{self._path}: made by a newer callward (schema {found}): use that one")
            # Nobody else has this file: what a life before us had taken is nobody's.
            connection.execute("UPDATE cascade SET taken = 0 WHERE due IS NOT NULL AND taken > 0")
            return
        for statement in describe(TYPES, {}):
            connection.execute(statement)
        connection.execute("INSERT INTO meta VALUES ('version', ?)", (str(VERSION),))

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=10.0, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")  # what is forgotten is not left on a free page
        return connection

    # -- ways to run a body

    def _put(self, job: Job) -> asyncio.Future[Any]:
        return self._enqueue(job)

    async def _write(self, body: Callable[[], Body[T]]) -> T:
        result: T = await self._enqueue(body)
        return result

    async def _read(self, body: Callable[[], Body[T]]) -> T:
        if self._readers is None:
            raise StoreError(f"{self._path}: it is closed")
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._readers, partial(self._run_reading, body))
        except sqlite3.Error as error:
            raise self._complain(error) from error

    def _enqueue(self, task: Job | Callable[[], Body[Any]]) -> asyncio.Future[Any]:
        if self._writer is None:
            raise StoreError(f"{self._path}: it is closed")
        future = asyncio.get_running_loop().create_future()
        work = _Work(task, future)
        if isinstance(task, Accept):
            self._asked.append(work)
            work = _KNOCK
        self._queue.put(work)
        return future

    def _run_reading(self, body: Callable[[], Body[T]]) -> T:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            connection.execute("PRAGMA query_only=ON")
            self._reading.append(connection)
        connection.execute("BEGIN")  # one snapshot for all that the body reads
        try:
            return drive(connection, body())
        finally:
            connection.execute("ROLLBACK")

    # -- the writer

    def _write_all(self, connection: sqlite3.Connection) -> None:
        """The thread: until `None` comes, and all before it is done."""
        going = True
        while going:
            going, events = self._gather()
            batch = [*self._requests(), *events]
            if batch:
                self._write_batch(connection, batch)
        connection.close()

    def _gather(self) -> tuple[bool, list[_Work]]:
        """Wait until there is something; events in order, so many as one transaction may hold. False: it was the last."""
        events: list[_Work] = []
        work = self._queue.get()
        while work is not None:
            if work is not _KNOCK:
                events.append(work)
            if len(events) >= EVENTS:
                return True, events
            try:
                work = self._queue.get_nowait()
            except Empty:
                return True, events
        return False, events

    def _requests(self) -> list[_Work]:
        """Requests that came in meanwhile: they go first, for somebody waits for the answer."""
        return [self._asked.popleft() for _ in range(len(self._asked))]

    def _write_batch(self, connection: sqlite3.Connection, batch: list[_Work]) -> None:
        try:
            answers = self._commit(connection, batch)
        except Exception as error:  # noqa: BLE001  # it goes to whoever brought the job
            if isinstance(error, sqlite3.Error) and not isinstance(error, _OF_A_JOB):
                error = self._complain(error)  # of the file
            elif len(batch) > 1:  # one of them is at fault: it shall not take the others with it
                for work in batch:
                    self._write_batch(connection, [work])
                return
            answers = [(work.future, None, error) for work in batch]
        if answers and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_deliver, answers)

    def _commit(self, connection: sqlite3.Connection, batch: list[_Work]) -> list[_Answer]:
        """One transaction; what it raises has left nothing behind."""
        answers: list[_Answer] = []
        settled: Settled | None = None
        jobs = [work for work in batch if isinstance(work.task, _JOBS)]
        try:
            connection.execute("BEGIN IMMEDIATE")
            if jobs:  # first, together: they come at the same time as all else, so no order was promised
                settled = drive(connection, settle(self.books, [work.task for work in jobs]))  # type: ignore[misc]
                answers += [(work.future, result, None) for work, result in zip(jobs, settled.results, strict=True)]
            if len(jobs) < len(batch):
                for work in batch:
                    if not isinstance(work.task, _JOBS):
                        answers.append((work.future, drive(connection, work.task()), None))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if settled is not None:
            settled.remember(self.books)
        return answers

    def _complain(self, error: Exception) -> StoreError:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith("SQLITE_FULL"):
            return StoreError(
                f"{self._path}: no room left on its disk: make some, or say how long to keep what is there"
            )
        if name.startswith("SQLITE_CORRUPT"):
            return StoreError(
                f"{self._path}: it is damaged ({error}): put a copy of it there, or move it away to begin anew"
            )
        return StoreError(f"{self._path}: {error}")


_Answer = tuple["asyncio.Future[Any]", Any, Exception | None]


def _deliver(answers: list[_Answer]) -> None:
    for future, result, error in answers:
        if future.done():
            continue  # whoever asked has given up
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
