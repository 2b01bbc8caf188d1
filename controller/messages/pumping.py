"""Pumping: somebody asks for codes to blocks of numbers that earn by being sent to, and nobody ever types one in.

Owns the suspicion against a block (`Number.prefix`) of a tenant. Evidence is a code that was *delivered* and not verified
when its window was over: one that never came says something of a provider, not of whoever asked. It is weighed against
what is usual with this tenant (a running likelihood ratio, as alarms of quality are), so a tenant that tells nothing of
its codes is never judged. Suspicion fades by half in an hour and is a number between 0 and 1, of the same kind as the
fraud score that a request brings: the higher of the two narrows the choice of providers, or refuses. In memory, bounded,
of each daemon. Pure.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from math import exp2, log

PENDING = 50_000  # cascades whose end is awaited
BLOCKS = 20_000
HALF_LIFE = 3600.0  # seconds
NARROW, REFUSE, MOST = 6.0, 14.0, 16.0  # of the ratio; by chance alone once in e^6 = 400 and e^14 = 1,200,000 codes
FLOOR, CEILING = 0.3, 0.95  # what can be usual
KNOWN = 20.0  # codes verified, of late, until a tenant counts as one that tells
MEMORY = 500.0  # codes that make up what is usual


@dataclass(slots=True)
class _Pending:
    tenant: str
    block: str
    delivered: bool = False
    verified: bool = False


@dataclass(slots=True)
class _Block:
    ratio: float = 0.0
    at: float = 0.0

    def now(self, now: float) -> float:
        return self.ratio * exp2(-max(0.0, now - self.at) / HALF_LIFE)


@dataclass(slots=True)
class _Usual:
    """What is usual with a tenant: delivered codes, and those that were verified."""

    delivered: float = 0.0
    verified: float = 0.0

    def add(self, *, verified: bool) -> None:
        fade = 1.0 - 1.0 / MEMORY
        self.delivered = self.delivered * fade + 1.0
        self.verified = self.verified * fade + verified


class Pumping:
    """Hears of cascades, says how suspicious a block is."""

    def __init__(self) -> None:
        self._pending: dict[str, _Pending] = {}
        self._ends: list[tuple[float, str]] = []  # heap
        self._blocks: dict[tuple[str, str], _Block] = {}
        self._usual: dict[str, _Usual] = {}

    def begun(self, cascade_id: str, tenant: str, block: str, expires: float, now: float) -> None:
        """A cascade was accepted; it is judged when its window is over."""
        self._judge(now)
        if block and len(self._pending) < PENDING:
            self._pending[cascade_id] = _Pending(tenant, block)
            heapq.heappush(self._ends, (expires, cascade_id))

    def delivered(self, cascade_id: str) -> None:
        """A message of it reached the phone."""
        pending = self._pending.get(cascade_id)
        if pending is not None:
            pending.delivered = True

    def verified(self, cascade_id: str) -> None:
        """The code was typed in."""
        pending = self._pending.get(cascade_id)
        if pending is not None:
            pending.verified = True

    def suspicion(self, tenant: str, block: str, now: float) -> float:
        """How sure it is that a block is pumped: 0 not at all, from 0.5 on likely, from 0.9 on nearly certain."""
        self._judge(now)
        found = self._blocks.get((tenant, block))
        if found is None:
            return 0.0
        ratio = found.now(now)
        if ratio <= NARROW:
            return 0.5 * ratio / NARROW
        return 0.5 + 0.4 * (ratio - NARROW) / (REFUSE - NARROW)

    def suspects(self, now: float, least: float = 0.5) -> list[tuple[str, str, float]]:
        """(tenant, block, suspicion) of the blocks that are suspicious, the worst first."""
        found = [(tenant, block, self.suspicion(tenant, block, now)) for tenant, block in list(self._blocks)]
        return sorted((each for each in found if each[2] >= least), key=lambda each: -each[2])

    def _judge(self, now: float) -> None:
        while self._ends and self._ends[0][0] <= now:
            expires, cascade_id = heapq.heappop(self._ends)
            pending = self._pending.pop(cascade_id, None)
            if pending is not None and (pending.delivered or pending.verified):
                self._weigh(pending, expires)

    def _weigh(self, pending: _Pending, at: float) -> None:
        usual = self._usual.setdefault(pending.tenant, _Usual())
        key = (pending.tenant, pending.block)
        block = self._blocks.get(key) or _Block()
        ratio = block.now(at)
        if ratio < NARROW:  # a block that is pumped must not make pumping usual
            usual.add(verified=pending.verified)
        if usual.verified < KNOWN:
            return
        expected = min(max(usual.verified / usual.delivered, FLOOR), CEILING)
        pumped = expected / 6.0
        ratio += log(pumped / expected) if pending.verified else log((1.0 - pumped) / (1.0 - expected))
        if ratio <= 0.0:
            self._blocks.pop(key, None)  # most blocks are as usual, and cost nothing
            return
        if key not in self._blocks and len(self._blocks) >= BLOCKS:
            del self._blocks[next(iter(self._blocks))]
        self._blocks[key] = _Block(min(ratio, MOST), at)
