"""What a daemon asks of the interpreter and the system, once, before it has much to do."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

#: By default the collector walks everything again and again: 1,500 calls/s then stall for half a second (measured). What is new is
#: looked at in small portions: ten times larger ones stall for 40 ms where cascades pile up.
GC_THRESHOLDS = (10_000, 500, 100)
#: By so much a process that only shows things stands back.
NICE = 5

#: Seconds; much less would cost more than it brings.
SWITCH_INTERVAL = 0.0005


def raise_file_limit() -> None:
    """Each TCP connection is a file: as many as the system lets us have."""
    with suppress(OSError, ValueError):  # a sandbox may not let us: then it is what it is
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def give_way() -> None:
    """Where there is not time enough for all, calls come first: this process has a third of the weight of theirs."""
    with suppress(OSError):
        os.nice(NICE)


def tune_garbage_collector() -> None:
    """What was built at the start is never walked again, and the rest seldom: most frees itself by reference."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def share_interpreter() -> None:
    """For a process whose threads wait for each other: whoever wants the interpreter has it within half a millisecond, not five.
    A transaction asks for it again after each of its statements, and whoever sent a request waits for all of them."""
    sys.setswitchinterval(SWITCH_INTERVAL)


@contextmanager
def no_collection() -> Iterator[None]:
    """While a big tree is built that stays: walking it again and again as it grows takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def run_quick(main: Coroutine[Any, Any, None]) -> None:
    """`asyncio.run` on the loop of libuv: a request over HTTP costs a third less. Not for calls, whose pump reads its sockets
    itself and would gain nothing."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def show_process(log_dropped: int, feed_lost: int) -> dict[str, int]:
    """For the status of a daemon: who it is, and what it had to drop: lines of its log, news for those who watch."""
    return {"pid": os.getpid(), "log_dropped": log_dropped, "feed_lost": feed_lost}
