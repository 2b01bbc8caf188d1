"""The one place where tasks and threads for one job are made: what must be awaited, and never stands on the call path.

Owns that a task is neither collected before its end nor fails unheard, and that what blocks holds nobody up, not even
the end of the daemon. Must not know what a task is for.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def run_aside(job: Callable[[], T], name: str) -> T:
    """What a job that blocks returns or raises, from a thread of its own, which is left behind when the daemon ends."""
    done: concurrent.futures.Future[T] = concurrent.futures.Future()

    def work() -> None:
        try:
            done.set_result(job())
        except BaseException as error:  # noqa: BLE001  # handed on to whoever waits
            done.set_exception(error)

    done.set_running_or_notify_cancel()  # whoever waits may give up, the thread cannot
    threading.Thread(target=work, name=name, daemon=True).start()
    return await asyncio.wrap_future(done)


class Supervisor:
    """Holds the tasks of one daemon."""

    def __init__(self, on_failure: Callable[[BaseException], None]) -> None:
        """``on_failure`` hears of the exception that a task ended with."""
        self._on_failure = on_failure
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        """Run a coroutine beside the pump."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def keep(self, job: Callable[[], Coroutine[Any, Any, None]], name: str, pause: float = 1.0) -> None:
        """The same for what shall never fail for good: its failure is heard, and ``pause`` seconds later it begins anew."""
        self.spawn(self._keep(job, pause), name)

    async def _keep(self, job: Callable[[], Coroutine[Any, Any, None]], pause: float) -> None:
        while True:
            try:
                await job()
                return
            except Exception as error:  # noqa: BLE001  # handed on, as that of a task that ended
                self._on_failure(error)
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Cancel what still runs, and wait until it has gone."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failure(error)
