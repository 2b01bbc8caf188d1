"""What the process for messages is told by that for calls, until it has written it down.

Owns the queue between the two: bounded, never waited for by a call, told again until it was heard or is too old to be of
use, and kept in a spool meanwhile, so that the next life of this process tells what this one could not. Each has a key, so
that what is told twice is taken once. Must not know what is told.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller import clock
from controller.control import MESSAGES, ControlError, ask_soon
from controller.spool import Spool
from controller.supervise import run_aside

QUEUED = 1000
PATIENCE = 10.0
FIRST_PAUSE, LAST_PAUSE = 0.5, 15.0


@dataclass(frozen=True, slots=True)
class _Told:
    """One command."""

    key: str  # the same when it is told again
    command: str
    until: float  # monotonic; whoever hears of it later wonders
    more: dict[str, Any] = field(repr=False)


class Handover:
    """See the top of the file."""

    def __init__(self, state_dir: Path, file: str, complain: Callable[[str, int], object]) -> None:
        """``file``: of the spool, in the state folder. ``complain(why, how_many)`` hears of what could not be told in time."""
        self._state_dir = state_dir
        self._complain = complain
        self._queue: deque[_Told] = deque()
        self._some = asyncio.Event()
        self._spool = Spool(state_dir / file, lambda why: complain(why, 0))

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, command: str, key: str, useful: float, more: dict[str, Any]) -> None:
        """Tell this, within ``useful`` seconds."""
        if len(self._queue) >= QUEUED:
            self._complain("too many wait", 1)
            return
        self._queue.append(_Told(key, command, clock.monotonic() + useful, more))
        self._spool.put(key, {"command": command, "until": clock.epoch() + useful, "told": more})
        self._some.set()

    async def keep(self) -> None:
        """Tell all that comes, and first what an earlier life left, for ever."""
        await self._read_spool()
        pause = FIRST_PAUSE
        while True:
            if not self._queue:
                self._some.clear()
                await self._some.wait()
            if await self._tell(self._queue[0]):
                self._spool.done(self._queue.popleft().key)
                pause = FIRST_PAUSE
            else:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LAST_PAUSE)
                self._drop_old()

    def close(self) -> None:
        """Keep what was not told for the next life."""
        self._spool.close()

    async def _read_spool(self) -> None:
        left = await run_aside(self._spool.read, "spool")
        now, wall = clock.monotonic(), clock.epoch()
        known = {told.key for told in self._queue}
        self._queue.extendleft(
            _Told(key, entry["command"], now + entry["until"] - wall, entry["told"])
            for key, entry in reversed(left.items())
            if key not in known
        )
        self._drop_old()

    async def _tell(self, told: _Told) -> bool:
        """True if it was heard, whatever became of it."""
        try:
            answer = await ask_soon(self._state_dir, told.command, PATIENCE, told.more, MESSAGES)
        except ControlError:
            return False
        if not answer.get("ok") and not answer.get("again"):
            self._complain(str(answer.get("text", "refused")), 1)
        return not answer.get("again")

    def _drop_old(self) -> None:
        now = clock.monotonic()
        old = [told for told in self._queue if told.until < now]
        for told in old:
            self._queue.remove(told)
            self._spool.done(told.key)
        if old:
            self._complain("the process for messages does not answer", len(old))
