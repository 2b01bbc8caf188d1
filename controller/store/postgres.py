"""PostgreSQL: several daemons, one database; rows are locked, nobody coordinates.

Jobs go into lanes by the cascade they are about, each lane commits what waits in it as one transaction. A server that goes
away is asked again; what was written when it went is found out by the number of the transaction. Owns connections and lanes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import asyncpg  # type: ignore[import-untyped]

from controller.store.base import Hear, StoreError, UnfitStoreError
from controller.store.batch import Accept, Apply, Job, Result, Settled, TakeReport, settle
from controller.store.ops import Ask, Body, Fetch, Together, fetch
from controller.store.postgres_sql import EXTRA, TYPES, Session
from controller.store.rows import AUDIT_COLUMNS, People, Reduce, load_audit, read_people
from controller.store.schema import OPT_OUT, VERSION, describe
from controller.store.tables import Tables
from controller.supervise import Supervisor
from controller.types.cascades import Audit

T = TypeVar("T")

#: By the cascade that a job is about. More lanes commit more often, each with less: one carried most here, also when busy.
LANES = 1
EVENTS = 250  # in one transaction, beside all requests: whoever asks waits for one at most, however much is under way
TRIES = 5  # of a transaction that others were in the way of
READERS = 4
_CONNECT = 3.0  # seconds
_COMMAND = 10.0  # seconds; half-open connections show themselves
_FIND_OUT = 5.0  # seconds to learn what became of a commit when the server went away in it
_MAKING = 7_241_105  # of the lock that one daemon holds while it makes tables: any number
_SEQ = 1 << 48  # of a cursor in the history: transaction, then number

_BLOCKED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.UniqueViolationError)
_GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # asyncpg's, where the server's last words come between two of its steps
    OSError,
    TimeoutError,
)
_CANNOT = (
    asyncpg.InsufficientResourcesError,  # no room on its disk, no connection left
    asyncpg.PostgresSystemError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.ReadOnlySQLTransactionError,
)


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    """Nothing of ours outlives a transaction, so nothing is put back between two."""

    def get_reset_query(self) -> str:
        """See asyncpg."""
        return ""


class _Waiting(NamedTuple):
    job: Job
    future: asyncio.Future[Result]


class PostgresStore(Tables):
    """A store that daemons share."""

    courtesy = 1.0
    alone = False

    def __init__(self, url: str, reduce: Reduce, hear: Hear | None = None, owner: str = "", keys: str = "") -> None:
        """``keys``: the fingerprint of those that seal what is kept here; "" for whoever opens nothing."""
        super().__init__(reduce, hear, owner)
        self._url, self._keys = url, keys
        self._pool: asyncpg.Pool | None = None
        self._lanes = [_Lane(self._settle) for _ in range(LANES)]
        self._supervisor = Supervisor(self._on_failure)
        self._asked: dict[str, asyncio.Future[People | None]] = {}
        self._asking: dict[tuple[str, bytes], asyncio.Future[Sequence[str]]] = {}
        self._failure: BaseException | None = None

    async def open(self) -> None:
        """See `base.Store`."""
        try:
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=LANES + READERS,
                timeout=_CONNECT,
                command_timeout=_COMMAND,
                connection_class=_Connection,
                server_settings={
                    "application_name": "callward",
                    "idle_in_transaction_session_timeout": "10s",  # a daemon that lost its network holds no rows for long
                    "tcp_keepalives_idle": "5",
                    "tcp_keepalives_interval": "1",
                    "tcp_keepalives_count": "3",
                },
            )
            await self._again(lambda connection: self._commit(connection, self._make_tables()))
        except (*_GONE, *_CANNOT, ValueError) as error:
            raise _complain(error) from error
        for number, lane in enumerate(self._lanes):
            self._supervisor.spawn(lane.run(), f"store lane {number}")

    async def close(self) -> None:
        """See `base.Store`."""
        for lane in self._lanes:
            await lane.drain()
        await self._supervisor.close()
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                async with asyncio.timeout(_CONNECT):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    def _make_tables(self) -> Body[None]:
        yield Ask("SELECT pg_advisory_xact_lock($1)", (_MAKING,))
        known = yield Ask(
            "SELECT 1 FROM information_schema.tables WHERE table_name = 'meta' AND table_schema = current_schema()"
        )
        if known:
            found = int((yield Ask("SELECT value FROM meta WHERE name = 'version'"))[0][0])
            if found > VERSION:
                raise UnfitStoreError(f"postgresql: made by a newer callward (schema {found}): use that one")
        else:
            for statement in describe(TYPES, EXTRA):
                yield Ask(statement)
            yield Ask("INSERT INTO meta VALUES ('version', $1)", (str(VERSION),))
        if self._keys:
            yield from self._compare_keys()

    def _compare_keys(self) -> Body[None]:
        """The first daemon's keys are those of all: what one seals every other must open, and find by its index."""
        yield Ask("INSERT INTO meta VALUES ('keys', $1) ON CONFLICT DO NOTHING", (self._keys,))
        first = (yield Ask("SELECT value FROM meta WHERE name = 'keys'"))[0][0]
        if first != self._keys:
            raise UnfitStoreError(
                f"postgresql: what is kept there is sealed with other keys (theirs {first}, ours {self._keys}): copy"
                " message-keys.json from the state folder of a daemon that uses it, or name another database"
            )

    def _on_failure(self, error: BaseException) -> None:
        self._failure = error

    # -- ways to run a body

    def _put(self, job: Job) -> asyncio.Future[Any]:
        if self._pool is None or self._failure is not None:
            raise StoreError("postgresql: the store is closed") from self._failure
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._lanes[hash(_place(job)) % LANES].put(_Waiting(job, future))
        return future

    async def _settle(self, jobs: list[_Waiting]) -> None:
        """A lane's batch. One job that is at fault does not take the others with it."""
        try:
            settled: Settled = await self._again(
                lambda connection: self._commit(connection, settle(self.books, [one.job for one in jobs]))
            )
        except StoreError as error:
            for one in jobs:
                _answer(one, error=error)
        except Exception as error:  # noqa: BLE001  # it goes to whoever brought the job
            if len(jobs) == 1:
                _answer(jobs[0], error=error)
                return
            for one in jobs:
                await self._settle([one])
        else:
            self._note(jobs, settled)

    def _note(self, jobs: list[_Waiting], settled: Settled) -> None:
        settled.remember(self.books)
        for one, result in zip(jobs, settled.results, strict=True):
            _answer(one, result)

    async def _read(self, body: Callable[[], Body[T]]) -> T:
        result: T = await self._again(lambda connection: Session(connection).drive(body()))
        return result

    async def _write(self, body: Callable[[], Body[T]]) -> T:
        result: T = await self._again(lambda connection: self._commit(connection, _numbered(body())))
        return result

    async def _again(self, act: Callable[[Any], Any]) -> Any:
        """Do it, once more where others were in the way or a connection turned out to be dead."""
        for left in reversed(range(TRIES)):
            if self._pool is None:
                raise StoreError("postgresql: the store is closed")
            try:
                connection = await self._pool.acquire(timeout=_CONNECT)
                try:
                    return await act(connection)
                finally:
                    await self._give_back(connection)
            except asyncpg.DataError:
                raise
            except _BLOCKED as error:
                if not left:
                    if isinstance(error, asyncpg.UniqueViolationError):
                        raise
                    raise _complain(error) from error  # others are in the way still: it is nobody's fault
            except _CANNOT as error:
                raise _complain(error) from error
            except _GONE as error:
                if left < TRIES - 2:
                    raise _complain(error) from error
        raise AssertionError("unreachable")

    async def _give_back(self, connection: Any) -> None:
        """What was done is done, whatever becomes of the connection."""
        try:
            if self._pool is not None:
                await self._pool.release(connection)
        except _GONE:
            _drop(connection)

    async def _commit(self, connection: Any, body: Body[T]) -> T:
        session, transaction = Session(connection), connection.transaction()
        await transaction.start()
        try:
            result = await session.drive(body)
        except BaseException:
            try:
                await transaction.rollback()
            except _GONE:
                _drop(connection)
            raise
        try:
            await transaction.commit()
        except _GONE:
            _drop(connection)
            if not session.number or not await self._was_committed(session):
                raise
        return result

    async def _was_committed(self, session: Session) -> bool:
        """The server went away in a commit: did it do it? Raises `StoreError` if nobody can say in time."""
        try:
            async with asyncio.timeout(_FIND_OUT):
                while True:
                    landed = await self._has_landed(session)
                    if landed is not None:
                        return landed
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            raise StoreError("postgresql went away in a commit: it may be written, or not") from error

    async def _has_landed(self, session: Session) -> bool | None:
        """None: it cannot be said yet, for the server is not back, or still at it."""
        try:
            connection = await asyncpg.connect(self._url, timeout=_CONNECT)
        except (*_GONE, *_CANNOT):
            return None
        try:
            with suppress(asyncpg.InvalidParameterValueError):  # it crashed, and has not come to that number again
                if await connection.fetchval("SELECT pg_xact_status($1::text::xid8)", session.number) == "in progress":
                    return None
            return bool(await connection.fetchval("SELECT 1 FROM landed WHERE token = $1", session.token))
        except _GONE:
            return None
        finally:
            _drop(connection)

    async def recipient(self, cascade_id: str) -> People | None:
        """See `base.Store`. All who ask while the loop is busy are answered by one look."""
        future = self._asked.get(cascade_id)
        if future is None:
            future = self._asked[cascade_id] = asyncio.get_running_loop().create_future()
            if len(self._asked) == 1:
                self._supervisor.spawn(self._look_at_all(), "store recipients")
        return await asyncio.shield(future)

    async def is_opted_out(self, tenant: str, index: bytes, channel: str = "") -> bool:
        """See `base.Store`. One look for all who ask, as above: other daemons write there, so it cannot be remembered."""
        if not self._asking:
            self._supervisor.spawn(self._ask_for_all(), "store opt-outs")
        future = self._asking.setdefault((tenant, index), asyncio.get_running_loop().create_future())
        channels = await asyncio.shield(future)
        return "" in channels or channel in channels

    async def _ask_for_all(self) -> None:
        await asyncio.sleep(0)
        asking, self._asking = self._asking, {}
        columns = ("tenant", "idx", "channel")
        look = Fetch(OPT_OUT, columns, ("tenant", "idx"), list(asking))
        found: dict[tuple[str, bytes], list[str]] = {}
        try:
            for tenant, index, channel in await self._read(lambda: fetch(look)):
                found.setdefault((tenant, index), []).append(channel)
        except Exception as error:  # noqa: BLE001  # it goes to whoever asked
            for future in asking.values():
                future.set_exception(error)
        else:
            for key, future in asking.items():
                future.set_result(found.get(key, ()))

    async def _look_at_all(self) -> None:
        await asyncio.sleep(0)
        asked, self._asked = self._asked, {}
        try:
            found = await self._read(lambda: read_people(asked))
        except Exception as error:  # noqa: BLE001  # it goes to whoever asked
            for future in asked.values():
                future.set_exception(error)
        else:
            for cascade_id, future in asked.items():
                future.set_result(found.get(cascade_id))

    async def outcomes_after(self, seq: int, limit: int) -> list[tuple[int, str, Audit]]:
        """See `base.Store`. Numbers are given before commits, so a row may become visible after one with a higher number:
        rows are read by transaction, and only of those before which nothing is under way. The sequence is a cursor."""
        rows = await self._ask(
            f"SELECT tx::text, seq, cascade_id, {AUDIT_COLUMNS} FROM audit"
            " WHERE (tx, seq) > ($1::text::xid8, $2) AND tx < pg_snapshot_xmin(pg_current_snapshot())"
            " ORDER BY tx, seq LIMIT $3",
            str(seq // _SEQ),
            seq % _SEQ,
            limit,
        )
        return [(int(row[0]) * _SEQ + row[1], row[2], load_audit(row[3:])) for row in rows]

    async def clock(self) -> float | None:
        """See `base.Store`."""
        return float((await self._ask("SELECT extract(epoch FROM clock_timestamp())::float8"))[0][0])

    async def last_seq(self) -> int:
        """See `base.Store`. A cursor, as above."""
        rows = await self._ask(
            "SELECT tx::text, seq FROM audit WHERE tx < pg_snapshot_xmin(pg_current_snapshot())"
            " ORDER BY tx DESC, seq DESC LIMIT 1"
        )
        return int(rows[0][0]) * _SEQ + rows[0][1] if rows else 0


class _Lane:
    """Jobs that wait for their turn, in order."""

    def __init__(self, settle: Callable[[list[_Waiting]], Any]) -> None:
        self._settle = settle
        self._jobs: list[_Waiting] = []
        self._asked: list[_Waiting] = []  # requests: they go first, for somebody waits for the answer
        self._some = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def put(self, one: _Waiting) -> None:
        (self._asked if isinstance(one.job, Accept) else self._jobs).append(one)
        self._idle.clear()
        self._some.set()

    async def run(self) -> None:
        """Batch by batch, for ever."""
        while True:
            await self._some.wait()
            jobs, self._jobs = [*self._asked, *self._jobs[:EVENTS]], self._jobs[EVENTS:]
            self._asked = []
            if not jobs:
                self._some.clear()
                self._idle.set()
                continue
            await self._settle(jobs)

    async def drain(self) -> None:
        """Until nothing waits."""
        await self._idle.wait()


def _drop(connection: Any) -> None:
    """Whatever is left of it."""
    with suppress(asyncpg.InterfaceError):  # the pool knows already
        connection.terminate()


def _numbered(body: Body[T]) -> Body[T]:
    """The same, and the number of its transaction is known."""
    yield Together([])
    return (yield from body)


def _place(job: Job) -> str:
    """What orders jobs: those about one thing go through one lane."""
    match job:
        case Accept(new=new):
            return f"{new.cascade.tenant} {new.idem_key}" if new.idem_key else new.cascade.id
        case Apply(cascade_id=cascade_id):
            return cascade_id
        case TakeReport(report=report):
            return report.send_key.rsplit(":", 2)[0] or f"{report.provider} {report.ref}"


def _answer(one: _Waiting, result: Result = None, error: Exception | None = None) -> None:
    if one.future.done():
        return  # whoever asked has given up
    if error is None:
        one.future.set_result(result)
    else:
        one.future.set_exception(error)


def _complain(error: Exception) -> StoreError:
    what = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
    if isinstance(error, asyncpg.InternalClientError):
        return StoreError("postgresql: the connection broke")
    if isinstance(error, asyncpg.DiskFullError):
        return StoreError(f"postgresql: no room left on its disk: {what}")
    return StoreError(f"postgresql: {what}")
