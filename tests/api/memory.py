"""A store in memory with the real reducer, for tests of the API alone. What is durable is the real stores' business."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.channels.base import Inbound, Report
from controller.messages.cascade import Cascade
from controller.messages.reducer import reduce
from controller.store.base import (
    Again,
    Applied,
    Conflict,
    Facts,
    History,
    Kept,
    NewCascade,
    Received,
    StoreError,
)
from controller.types.cascades import Audit, CascadeBegun, CascadeEvent, Circumstances


class MemoryStore:
    """As much of `store.base.Store` as the API asks for."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[Cascade, Facts]] = {}
        self.keys: dict[tuple[str, str], tuple[str, str]] = {}
        self.kept: dict[str, NewCascade] = {}
        self.audit: list[tuple[str, History]] = []
        self.out: set[tuple[str, bytes, str]] = set()
        self.messages: list[tuple[str, Received]] = []
        self.lost = False

    def _ready(self) -> None:
        if self.lost:
            raise StoreError("the store is lost")

    def _write(self, cascade_id: str, audits: Any, now: float) -> None:
        for audit in audits:
            self.audit.append((cascade_id, History(len(self.audit) + 1, now, audit)))

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def accept(self, new: NewCascade, now: float) -> Kept | Again | Conflict:
        self._ready()
        place = (new.cascade.tenant, new.idem_key)
        if new.idem_key and place in self.keys:
            seen = self.keys[place]
            return Again(seen[1]) if seen[0] == new.body_hash else Conflict()
        self.keys[place] = (new.body_hash, new.answer)
        self.rows[new.cascade.id] = (new.cascade, new.facts)
        self.kept[new.cascade.id] = new
        self._write(new.cascade.id, new.audit, now)
        reduced = reduce(new.cascade, CascadeBegun(), now, Circumstances())
        self._write(new.cascade.id, reduced.audit, now)
        return Kept(reduced.commands)

    async def apply(
        self, cascade_id: str, event: CascadeEvent, now: float, circumstances: Circumstances
    ) -> Applied | None:
        self._ready()
        if cascade_id not in self.rows:
            return None
        cascade, facts = self.rows[cascade_id]
        reduced = reduce(cascade, event, now, circumstances)
        self._write(cascade_id, reduced.audit, now)
        return Applied(cascade, facts, reduced.commands, reduced.changed)

    async def take_report(self, report: Report, now: float, circumstances: Circumstances) -> Applied | None:
        raise NotImplementedError

    async def due(self, now: float, limit: int) -> list[tuple[str, bool]]:
        return []

    async def next_due(self) -> float | None:
        self._ready()
        return None

    async def get(self, cascade_id: str) -> tuple[Cascade, Facts] | None:
        self._ready()
        return self.rows.get(cascade_id)

    async def history(self, cascade_id: str, after: int = 0) -> list[History]:
        self._ready()
        return [row for each, row in self.audit if each == cascade_id and row.seq > after]

    async def find(
        self, tenant: str, *, status: str = "", before: str = "", limit: int = 50
    ) -> list[tuple[Cascade, Facts]]:
        self._ready()
        rows = [
            row
            for row in self.rows.values()
            if row[0].tenant == tenant and row[0].status.value in (status or row[0].status.value)
        ]
        rows.sort(key=lambda row: row[0].id, reverse=True)
        return [row for row in rows if not before or row[0].id < before][:limit]

    async def seen(self, tenant: str, idem_key: str) -> tuple[str, str] | None:
        self._ready()
        return self.keys.get((tenant, idem_key))

    async def recipient(self, cascade_id: str) -> tuple[Mapping[str, bytes], bytes] | None:
        return None

    async def keep_inbound(
        self, message: Inbound, sealed: Mapping[str, bytes], index: bytes, now: float, tenant: str = ""
    ) -> bool:
        self.messages.append(
            (tenant, Received(len(self.messages) + 1, message.provider, message.ref, message.to, now, sealed))
        )
        return True

    async def inbound(self, tenant: str, *, before: int = 0, limit: int = 50) -> list[Received]:
        self._ready()
        rows = [row for whose, row in self.messages if whose == tenant and (not before or row.number < before)]
        return rows[::-1][:limit]

    async def is_opted_out(self, tenant: str, index: bytes, channel: str = "") -> bool:
        self._ready()
        return (tenant, index, "") in self.out or (tenant, index, channel) in self.out

    async def set_opt_out(self, tenant: str, index: bytes, channel: str, now: float, *, out: bool) -> None:
        self._ready()
        (self.out.add if out else self.out.discard)((tenant, index, channel))

    async def erase(self, index: bytes, now: float) -> int:
        self._ready()
        return sum(index in new.indexes.values() for new in self.kept.values())

    async def put_callback(self, tenant: str, cascade_id: str, body: str, now: float) -> None: ...

    async def due_callbacks(self, now: float, limit: int) -> list[tuple[int, str, str, str, int]]:
        return []

    async def done_callback(self, number: int, *, again_at: float | None) -> None: ...

    async def purge(self, now: float, grace: float, keep: Mapping[str, float]) -> dict[str, int]:
        return {}

    async def outcomes(self, since: float, until: float) -> list[dict[str, Any]]:
        return []

    async def outcomes_after(self, seq: int, limit: int) -> list[tuple[int, str, Audit]]:
        return []
