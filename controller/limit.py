"""A time limit for what is awaited, as `asyncio.timeout` has it, at a third of its price: there is one around every send.

Owns the end of what takes too long. What it cancels hears `CancelledError` at its next await, and whoever waits for the block
gets `TimeoutError`; whoever cancels the task itself is never taken for the clock.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class Limit:
    """``with Limit(seconds):`` around awaits of the task that enters it; good once."""

    __slots__ = ("_before", "_expired", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._expired = False
        self._task: asyncio.Task[object]
        self._before = 0
        self._timer: asyncio.TimerHandle

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task, self._before = task, task.cancelling()
        self._timer = task.get_loop().call_later(self._seconds, self._expire)

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._expired and self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise TimeoutError
