"""What is kept of calls: a consumer that writes down records, SIP messages and whatever else happens, and hands messages on.

Owns what waits to be written, and that nobody waits for it: a disk that is full or a file that is locked is said once, tried
again, and what waits is bounded; the oldest goes first, counted. Must not show anything.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from controller import clock, tap
from controller.ops.consumer import Event, Picture
from controller.ops.consumers import Tools
from controller.ops.hep import HepSender
from controller.records.rows import (
    NOT_KEPT,
    Batch,
    CallRow,
    TimeRow,
    WireRow,
    call_row,
    exercised_rows,
    failover_row,
    time_row,
    wire_row,
)
from controller.records.store import FILE, MOST, Store
from controller.supervise import Supervisor, run_aside
from controller.tap import Seen

#: Seconds from the first row of a batch to its writing, and to the next try where that failed.
GATHER, AGAIN = 0.2, 1.0
#: Rows that may wait, and bytes of messages among them.
WAITING, WAITING_BYTES = 50_000, 64 << 20
#: Seconds between two looks for what is too old.
FORGET = 60.0
#: Seconds by which a wall clock is set and not only corrected, and for which it must then be left alone to forget by it: who shows a
#: wrong year for a minute must not lose what was kept for years.
STEP = STEADY = 3600.0
#: Seconds between two looks for a daemon whose messages can be followed.
LOOK = 0.25


class Steadiness:
    """Whether the wall clock may be believed when it says that something is old."""

    def __init__(self) -> None:
        self._offset: float | None = None
        self._stepped = -STEADY

    def holds(self, epoch: float, now: float) -> bool:
        """Ask it now and then; ``now`` is monotonic."""
        offset = epoch - now
        if self._offset is not None and abs(offset - self._offset) > STEP:
            self._stepped = now
        self._offset = offset
        return now - self._stepped >= STEADY


class Records:
    """See the top of the file. ``counters`` are for metrics."""

    def __init__(self, tools: Tools, most: int = MOST) -> None:
        """``most``: bytes that may be kept."""
        self._tools = tools
        self._most = most
        assert tools.ops.records is not None
        self._keep = tools.ops.records
        self._store = Store(tools.state_dir / FILE)
        self._batch = Batch()
        self._bytes = 0
        self._some = asyncio.Event()
        self._writing = asyncio.Lock()
        self._failing = ""  # why nothing can be written
        self._closed = False
        self._peers: dict[tuple[str, int, str], str] = {}
        self._hosts: dict[str, set[str]] = {}
        self._ours: dict[tuple[str, str], tuple[str, int]] = {}
        self.counters = tools.meter.counts.setdefault("records", {"written": 0, "lost": 0, "failed": 0})
        counted = self.counters
        self._hep = (
            HepSender(self._keep.hep, self._keep.hep_id, tools.log, counted) if self._keep.hep is not None else None
        )
        tools.meter.parts["records"] = lambda: [("callward_records", (key,), value) for key, value in counted.items()]

    # -- what comes

    def hear(self, event: Event) -> None:
        """Something happened."""
        if shown := exercised_rows(event.kind, event.at, event.data):
            self._batch.exercise(shown)
            self._some.set()
        if event.kind in NOT_KEPT:
            return
        if event.kind == "call":
            self._add(self._batch.calls, call_row(event.data, event.life, event.number))
            failover = failover_row(event.data, event.source, event.life, event.number, event.at)
            if failover is not None:
                self._add(self._batch.times, failover)
            return
        self._add(self._batch.times, time_row(event.source, event.kind, event.at, event.data, event.life, event.number))

    def see(self, picture: Picture) -> None:
        """Nothing is kept of pictures."""

    def _on_description(self, told: Mapping[str, Any]) -> None:
        if not told["more"]:
            self._peers.clear()
            self._hosts.clear()
        self._ours = {(transport, name): (host, port) for transport, name, host, port in told["ours"]}
        for host, port, transport, trunk in told["peers"]:
            self._peers[host, port, transport] = trunk
            self._hosts.setdefault(host, set()).add(trunk)

    def _on_wire(self, messages: Sequence[Seen]) -> None:
        for seen in messages:
            peer = seen.peer
            unknown = ("::" if ":" in peer[0] else "0.0.0.0", 0)  # both sides of a packet are of one kind
            ours = self._ours.get(peer[2:], unknown)
            row = wire_row(
                seen.at,
                seen.data,
                sent=seen.sent,
                who=self._who(*peer[:3]),
                ours=ours,
                peer=(peer[0], peer[1], peer[2]),
            )
            if row is None:
                continue
            if self._hep is not None:
                self._hep.send(row)
            if self._keep.wire:
                self._bytes += len(row.data)
                self._add(self._batch.wire, row)

    def _who(self, host: str, port: int, transport: str) -> str:
        """Whose address that is: of a trunk that calls from another port too, if it is the only one there."""
        known = self._peers.get((host, port, transport))
        if known is not None:
            return known
        there = self._hosts.get(host, ())
        return next(iter(there)) if len(there) == 1 else ""

    def _add(self, rows: list[Any], row: CallRow | WireRow | TimeRow) -> None:
        rows.append(row)
        if len(self._batch) > WAITING or self._bytes > WAITING_BYTES:
            self._let_go()
        self._some.set()

    def _let_go(self) -> None:
        """Too much waits: the oldest of what there is most of, messages first."""
        batch = self._batch
        for rows in (batch.wire, batch.times, batch.calls):
            if rows:
                some = max(1, len(rows) // 10)
                if rows is batch.wire:
                    self._bytes -= sum(len(row.data) for row in batch.wire[:some])
                del rows[:some]
                self.counters["lost"] += some
                return

    # -- what is done

    async def keep(self) -> None:
        """Follow what is on the wire, write, and forget, for ever: a fault in one of them must not end the others."""
        jobs = Supervisor(self._tools.on_fault)
        try:
            jobs.keep(self._write_on, "write records")
            jobs.keep(self._forget, "forget records")
            if self._keep.wire or self._hep is not None:
                jobs.keep(self._follow, "follow the wire")
            await asyncio.Event().wait()
        finally:
            await jobs.close()

    async def _follow(self) -> None:
        while True:
            await tap.follow(self._tools.state_dir, self._on_wire, self._on_description)
            await asyncio.sleep(LOOK)

    async def _write_on(self) -> None:
        while True:
            await self._some.wait()
            await asyncio.sleep(GATHER)
            self._some.clear()
            if not await self.write():
                self._some.set()
                await asyncio.sleep(AGAIN)

    async def write(self) -> bool:
        """Write what waits; whether that went well."""
        async with self._writing:
            batch, self._batch, self._bytes = self._batch, Batch(), 0
            if self._closed or not batch:  # what is still heard after the end is that of who comes after us
                return True
            try:
                await run_aside(partial(self._store.write, batch), "records")
            except (sqlite3.Error, OSError) as error:
                self._on_failure(error)
                self._put_back(batch)
                return False
            self.counters["written"] += len(batch)
            self._say_aside()
            self._on_success()
            return True

    def _put_back(self, before: Batch) -> None:
        after = self._batch
        self._batch = Batch(before.calls + after.calls, before.wire + after.wire, before.times + after.times)
        self._batch.exercise((*before.exercised.values(), *after.exercised.values()))
        self._bytes = sum(len(row.data) for row in self._batch.wire)
        while len(self._batch) > WAITING or self._bytes > WAITING_BYTES:
            self._let_go()

    async def _forget(self) -> None:
        steadiness = Steadiness()
        while True:
            if not steadiness.holds(clock.epoch(), clock.monotonic()):
                await asyncio.sleep(FORGET)
                continue
            async with self._writing:
                now, keep = clock.epoch(), self._keep
                try:
                    await run_aside(partial(self._store.forget, now, keep.calls, keep.wire, self._most), "records")
                except (sqlite3.Error, OSError) as error:
                    self._on_failure(error)
            await asyncio.sleep(FORGET)

    def _on_failure(self, error: Exception) -> None:
        self.counters["failed"] += 1
        if not self._failing:
            self._failing = str(error)
            self._tools.log.error(
                "records are not written",
                file=FILE,
                why=self._failing,
                advice="calls are carried; what is to be kept waits, and goes lost when it is too much",
            )

    def _say_aside(self) -> None:
        why, self._store.aside = self._store.aside, ""
        if why:
            self._tools.log.error(
                "records put aside",
                file=f"{FILE}.unreadable",
                why=why,
                advice="a new file was begun; delete that one, or keep it for whoever can read it",
            )

    def _on_success(self) -> None:
        if self._failing:
            self._failing = ""
            self._tools.log.info("records are written again", file=FILE, lost=self.counters["lost"])

    async def close(self) -> None:
        """Write what is left."""
        await self.write()
        async with self._writing:
            self._closed = True
            self._store.close()
        if self._hep is not None:
            self._hep.close()
