"""All that a store answers, once for both databases: what is asked, in which transaction, and what becomes of rows.

Owns the methods of `base.Store`. Must not know a driver: a database gives three ways to run a `Body` (below).
"""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from controller.channels.base import Inbound, Report
from controller.messages.cascade import Cascade
from controller.privacy import Cipher
from controller.store import resealing, retention, turns
from controller.store.base import (
    CALM,
    Admission,
    Applied,
    Facts,
    Hear,
    History,
    Kept,
    NewCascade,
    OptWish,
    Received,
    StoreError,
)
from controller.store.batch import Apply, Job, Later, Result, TakeReport, cleaned, prepare
from controller.store.ops import Ask, Body, Change, Fetch, Insert, Remove, fetch
from controller.store.optouts import OptOuts
from controller.store.outcomes import read_outcomes
from controller.store.rows import (
    AUDIT_COLUMNS,
    Books,
    Reduce,
    clean,
    load_audit,
    load_history,
    read_cascades,
    read_people,
)
from controller.store.schema import CALLBACK, CASCADE, INBOUND, OPT_OUT, REQUEST
from controller.types.cascades import (
    Audit,
    CascadeEvent,
    Circumstances,
    SendAccepted,
    SendRefused,
    SendUnclear,
)

T = TypeVar("T")

CLAIM = 5.0  # seconds: what a sweeper has taken and not done by then is taken again


class Tables(ABC):
    """A store but for its database."""

    #: Seconds after its lease that a send of another daemon is left alone: that one may be about to renew it.
    courtesy = 0.0

    #: Nobody else writes there: what was seen may be remembered.
    alone = True

    def __init__(self, reduce: Reduce, hear: Hear | None = None, owner: str = "") -> None:
        """``owner`` names this life of this daemon. ``hear`` makes callbacks, queued in the transaction of their event."""
        self.books = Books(reduce, hear, owner or secrets.token_hex(8), alone=self.alone)
        self.opt_outs = OptOuts()

    # -- what a database gives

    @abstractmethod
    def _put(self, job: Job) -> asyncio.Future[Any]:
        """Have a job done in the next batch (`batch.settle`); its `Result` is durable. Raises `StoreError`, as what it gives
        may."""

    @abstractmethod
    async def _write(self, body: Callable[[], Body[T]]) -> T:
        """A transaction of its own, or with others; begun again from the start if need be. Raises `StoreError`."""

    @abstractmethod
    async def _read(self, body: Callable[[], Body[T]]) -> T:
        """The same, but it changes nothing. Raises `StoreError`."""

    # -- cascades

    async def accept(self, new: NewCascade, now: float, circumstances: Circumstances = CALM) -> Admission:
        """See `base.Store`."""
        result: Result = await self._put(prepare(self.books, new, now, circumstances))
        if self.alone and isinstance(result, Kept):
            self.books.people.put(new.cascade.id, (new.recipient, new.payload))
        assert result is not None
        assert not isinstance(result, Applied | Later)
        return result

    async def apply(
        self, cascade_id: str, event: CascadeEvent, now: float, circumstances: Circumstances
    ) -> Applied | None:
        """See `base.Store`."""
        result: Result = await self._put(Apply(cascade_id, _cleaned(event), now, circumstances))
        assert result is None or isinstance(result, Applied)
        return result

    async def take_report(self, report: Report, now: float, circumstances: Circumstances) -> Applied | None:
        """See `base.Store`."""
        (result,) = await self.take_reports([(report, circumstances)], now)
        if isinstance(result, Exception):
            raise result
        return result

    async def take_reports(
        self, reports: Sequence[tuple[Report, Circumstances]], now: float
    ) -> list[Applied | Exception | None]:
        """See `base.Store`. No task for each: the first that is waited for is of the same batch as the others."""
        jobs = [TakeReport(cleaned(report), now, circumstances) for report, circumstances in reports]
        try:
            waiting = [self._put(job) for job in jobs]
        except StoreError as error:
            return [error for _ in jobs]
        results: list[Applied | Exception | None] = []
        for job, future in zip(jobs, waiting, strict=True):
            try:
                result: Result = await future
                while isinstance(result, Later):
                    result = await self._put(job)
            except Exception as error:  # noqa: BLE001  # it goes to whoever brought the report
                results.append(error)
            else:
                assert result is None or isinstance(result, Applied)
                results.append(result)
        return results

    async def due(self, now: float, limit: int) -> list[tuple[str, bool]]:
        """See `base.Store`. Another daemon's send is taken `courtesy` later, and counts as one of a daemon that is gone."""
        owner = self.books.owner

        def body() -> Body[list[tuple[str, bool]]]:
            rows = yield Ask(
                "SELECT id, owner, sending FROM cascade WHERE due <= $1 AND taken <= $1"
                " AND (sending = 0 OR owner = $2 OR due <= $3) ORDER BY due LIMIT $4 {skip}",
                (now, owner, now - self.courtesy, limit),
            )
            if rows:
                yield Change(CASCADE, ("id",), ("taken",), sorted((row[0], now + CLAIM) for row in rows))
            return [(row[0], bool(row[2]) and row[1] != owner) for row in rows]

        return await self._write(body)

    async def next_due(self) -> float | None:
        """See `base.Store`; what is taken comes back when its `CLAIM` is over."""
        sql = "SELECT due, taken, owner, sending FROM cascade WHERE due IS NOT NULL ORDER BY due LIMIT 100"
        owner = self.books.owner
        return min(
            (
                max(due + self.courtesy if sending and whose != owner else due, taken)
                for due, taken, whose, sending in await self._ask(sql)
            ),
            default=None,
        )

    async def get(self, cascade_id: str) -> tuple[Cascade, Facts] | None:
        """See `base.Store`."""
        held = (await self._read(lambda: read_cascades(self.books, [cascade_id]))).get(cascade_id)
        return None if held is None else (held.cascade, held.facts)

    async def history(self, cascade_id: str, after: int = 0) -> list[History]:
        """See `base.Store`."""
        sql = f"SELECT seq, at, {AUDIT_COLUMNS} FROM audit WHERE cascade_id = $1 AND seq > $2 ORDER BY seq"
        return [load_history(row) for row in await self._ask(sql, cascade_id, after)]

    async def find(
        self, tenant: str, *, status: str = "", before: str = "", limit: int = 50
    ) -> list[tuple[Cascade, Facts]]:
        """See `base.Store`."""

        def body() -> Body[list[tuple[Cascade, Facts]]]:
            rows = yield Ask(
                "SELECT r.id FROM request r JOIN cascade c ON c.id = r.id"
                " WHERE r.tenant = $1 AND ($2 = '' OR c.status = $2)"
                " AND ($3 = '' OR (r.created, r.id) < (SELECT b.created, b.id FROM request b"
                " WHERE b.id = $3 AND b.tenant = $1))"
                " ORDER BY r.created DESC, r.id DESC LIMIT $4",
                (tenant, status, before, limit),
            )
            ids = [row[0] for row in rows]
            held = yield from read_cascades(self.books, ids)
            return [(held[one].cascade, held[one].facts) for one in ids if one in held]

        return await self._read(body)

    async def recipient(self, cascade_id: str) -> tuple[Mapping[str, bytes], bytes] | None:
        """See `base.Store`."""

        if self.alone and (known := self.books.people.get(cascade_id)) is not None:
            return known
        return (await self._read(lambda: read_people([cascade_id]))).get(cascade_id)

    async def seen(self, tenant: str, idem_key: str) -> tuple[str, str] | None:
        """See `base.Store`."""
        if not idem_key:
            return None
        columns, by = ("body_hash", "answer"), ("tenant", "idem_key")
        rows = await self._read(lambda: fetch(Fetch(REQUEST, columns, by, [(tenant, idem_key)])))
        return (rows[0][0], rows[0][1]) if rows else None

    # -- people

    async def keep_inbound(
        self,
        message: Inbound,
        sealed: Mapping[str, bytes],
        index: bytes,
        now: float,
        tenant: str = "",
        wish: OptWish | None = None,
    ) -> bool:
        """See `base.Store`."""
        provider, ref = clean(message.provider), clean(message.ref)
        texts = sealed.get("sender"), sealed.get("text")

        def body() -> Body[bool]:
            # A name of the provider's is good once; a message without one cannot be told from another.
            name = ref or secrets.token_hex(16)
            row = (provider, name, tenant, clean(message.to), message.at or now, *texts, index)
            if (yield Fetch(INBOUND, ("number",), ("provider", "ref"), [(provider, name)])):
                return False
            yield Insert(INBOUND, [row])
            if wish is not None and wish.tenants:
                yield _opt_out([(whom, index, wish.channel) for whom in sorted(wish.tenants)], now, out=wish.out)
            return True

        if wish is not None and wish.out:
            self.opt_outs.add(index)
        return await self._write(body)

    async def inbound(self, tenant: str, *, before: int = 0, limit: int = 50) -> list[Received]:
        """See `base.Store`."""
        rows = await self._ask(
            "SELECT number, provider, ref, dest, at, sender, text FROM inbound"
            " WHERE tenant = $1 AND (CAST($2 AS BIGINT) = 0 OR number < $2) ORDER BY number DESC LIMIT $3",
            tenant,
            before,
            limit,
        )
        return [_received(row) for row in rows]

    async def is_opted_out(self, tenant: str, index: bytes, channel: str = "") -> bool:
        """See `base.Store`."""
        if self.alone and not self.opt_outs.may_hold(index):
            return False
        keys = [(tenant, index, one) for one in {"", channel}]
        by = ("tenant", "idx", "channel")
        return bool(await self._read(lambda: fetch(Fetch(OPT_OUT, ("channel",), by, keys))))

    async def set_opt_out(self, tenant: str, index: bytes, channel: str, now: float, *, out: bool) -> None:
        """See `base.Store`."""
        if out:
            self.opt_outs.add(index)  # before it is written: what was answered meanwhile was true
        op = _opt_out([(tenant, index, channel)], now, out=out)
        await self._write(lambda: fetch(op))

    async def erase(self, index: bytes, now: float) -> int:
        """See `base.Store`. Opt-outs stay: they are what the person asked for."""
        count = await self._write(lambda: retention.erase(index))
        self.books.people.clear()
        return count

    async def purge(self, now: float, grace: float, keep: Mapping[str, float]) -> dict[str, int]:
        """See `base.Store`. ``keep``: seconds by tenant, "" for all others; a little at a time, texts first."""
        counts: dict[str, int] = {}
        self.books.forget()
        for name, step in retention.steps(now, grace, keep):
            while some := await self._write(step):
                counts[name] = counts.get(name, 0) + some
        return counts

    # -- callbacks

    async def put_callback(self, tenant: str, cascade_id: str, body: str, now: float) -> None:
        """See `base.Store`."""
        op = Insert(CALLBACK, [(tenant, cascade_id, body, 0, now)])
        await self._write(lambda: fetch(op))

    async def due_callbacks(
        self, now: float, limit: int, but: Collection[str] = ()
    ) -> list[tuple[int, str, str, str, int]]:
        """See `base.Store`, and `store.turns`."""
        return await self._write(lambda: turns.take_callbacks(now, limit, but))

    async def done_callback(self, number: int, *, again_at: float | None) -> None:
        """See `base.Store`."""
        if again_at is None:
            await self._write(lambda: fetch(Remove(CALLBACK, ("number",), [(number,)])))
            return
        op = Ask("UPDATE callback SET tries = tries + 1, due = $2 WHERE number = $1", (number, again_at))
        await self._write(lambda: fetch(op))

    # -- figures

    async def reseal(self, cipher: Cipher) -> int:
        """See `base.Store`."""
        count = 0
        if not cipher.was_rotated:
            return count
        for fields in resealing.all_fields():
            after = fields.first
            while rows := await self._read(partial(resealing.page, fields, after)):
                after = tuple(rows[-1][: len(fields.key)])
                if old := resealing.old_ones(fields, rows, cipher):
                    count += await self._write(partial(resealing.reseal, fields, old, cipher))
        self.books.people.clear()
        return count

    async def outcomes(self, since: float, until: float) -> list[dict[str, Any]]:
        """See `base.Store`, and `store.outcomes` for what a row holds; by the time of acceptance."""
        return await self._read(lambda: read_outcomes(since, until))

    async def outcomes_after(self, seq: int, limit: int) -> list[tuple[int, str, Audit]]:
        """See `base.Store`."""
        sql = f"SELECT seq, cascade_id, {AUDIT_COLUMNS} FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2"
        return [(row[0], row[1], load_audit(row[2:])) for row in await self._ask(sql, seq, limit)]

    async def last_seq(self) -> int:
        """See `base.Store`."""
        rows = await self._ask("SELECT max(seq) FROM audit")
        return rows[0][0] or 0

    async def clock(self) -> float | None:
        """See `base.Store`."""
        return None

    # -- small things

    async def _ask(self, sql: str, *args: Any) -> list[Any]:
        return await self._read(lambda: fetch(Ask(sql, args)))


def _received(row: Any) -> Received:
    sealed = {"sender": row[5], "text": row[6]}
    return Received(row[0], row[1], row[2], row[3], row[4], {key: value for key, value in sealed.items() if value})


def _cleaned(event: CascadeEvent) -> CascadeEvent:
    """What providers said, in words that both databases can hold."""
    match event:
        case SendAccepted():
            event.ref = clean(event.ref)
        case SendRefused():
            event.cause, event.code = clean(event.cause), clean(event.code)
        case SendUnclear():
            event.cause = clean(event.cause)
        case _:
            pass
    return event


def _opt_out(keys: list[tuple[str, bytes, str]], now: float, *, out: bool) -> Insert | Remove:
    if out:
        return Insert(OPT_OUT, [(*key, now) for key in keys], "at = excluded.at")
    return Remove(OPT_OUT, ("tenant", "idx", "channel"), list(keys))
