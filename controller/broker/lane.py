"""One provider's sends: so many at once as it may have, at the rate it may have; the others wait, and not for long.

Owns the queue of one provider. Must not know what a job does: that is the broker's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from controller import clock
from controller.types.cascades import LookUpSend, SendMessage

#: So many requests may wait for one provider's answer at once.
AT_ONCE = 64

#: So many may wait for their turn; more would be too old by then whatever the provider does.
MOST_WAITING = 20_000

Spawn = Callable[[Coroutine[Any, Any, None], str], None]


@dataclass(slots=True)
class Job:
    """One command for a provider."""

    cascade_id: str
    tenant: str
    country: str  # of the recipient, ISO 3166; "" where it is not known
    command: SendMessage | LookUpSend
    again: bool  # the provider may have it from an earlier life
    put_at: float  # seconds since the epoch
    latest: float  # after that another daemon may have it: nothing is sent any more
    asked: int = 0  # so often had the provider been asked before: what comes of it may have been overtaken
    handed: bool = False  # the provider may have seen it
    wanted: bool = True  # False: the cascade is over, or another attempt has its turn


class Lane:
    """The queue of one provider. Tasks exist only while there is something to do."""

    def __init__(
        self,
        name: str,
        work: Callable[[Job], Awaitable[None]],
        spawn: Spawn,
        *,
        per_second: float = 0.0,
        at_once: int = AT_ONCE,
    ) -> None:
        """``work`` does a job and never raises; ``per_second`` is 0 for as fast as it goes."""
        self.name = name
        self._work = work
        self._spawn = spawn
        self._per_second = per_second
        self._at_once = at_once
        self.jobs: deque[Job] = deque()  # that wait for their turn
        self._busy = 0
        self._under_way = 0
        self._next_turn = 0.0  # monotonic
        self._turnstile = asyncio.Lock()
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        return len(self.jobs) + self._under_way

    def put(self, job: Job) -> bool:
        """Queue a job; False if too many wait already."""
        if len(self.jobs) >= MOST_WAITING:
            return False
        self.jobs.append(job)
        if self._busy < self._at_once:
            self._busy += 1
            self._idle.clear()
            self._spawn(self._turn(), f"provider {self.name}")
        return True

    def is_full(self, now: float, patience: float) -> bool:
        """Whether whoever comes now would wait longer than ``patience`` seconds, as far as can be told."""
        if not self.jobs:
            return False
        if len(self.jobs) >= MOST_WAITING or now - self.jobs[0].put_at > patience:
            return True
        return self._per_second > 0 and len(self.jobs) / self._per_second > patience

    async def drained(self) -> None:
        """Wait until nothing waits and nothing is under way."""
        await self._idle.wait()

    async def _turn(self) -> None:
        try:
            while (job := await self._next()) is not None:
                self._under_way += 1
                try:
                    await self._work(job)
                finally:
                    self._under_way -= 1
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    async def _next(self) -> Job | None:
        """The first that waits, once it may go. Until then it stays in the queue, so that `is_full` sees how long that is;
        one that is too late takes nobody's turn, or a provider that has too much to do would send nothing in time."""
        if self._per_second <= 0:
            return self.jobs.popleft() if self.jobs else None
        async with self._turnstile:
            while self.jobs:
                left = self.jobs[0].latest - clock.epoch()
                now = clock.monotonic()
                pause = self._next_turn - now
                if left > 0 and pause > 0:
                    await asyncio.sleep(min(pause, left))
                    continue
                if left > 0:
                    self._next_turn = max(now, self._next_turn) + 1.0 / self._per_second
                return self.jobs.popleft()
        return None
