"""What the processes beside that for calls have in common: signals, the end of whoever started them, faults of callbacks.

Owns what the system tells a process of its life. Must not know what the process is for.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any


def follow_system(
    loop: asyncio.AbstractEventLoop,
    *,
    on_end: Callable[[], None],
    on_hangup: Callable[[], None],
    on_fault: Callable[[BaseException], None],
    on_orphaned: Callable[[], None] | None = None,
) -> None:
    """Call back from now on: at SIGTERM and SIGINT, at SIGHUP, when a callback of the loop has failed, and, where
    standard input is a pipe of whoever started us, once that has gone."""
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_end)
    loop.add_signal_handler(signal.SIGHUP, on_hangup)

    def fail(_: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        # asyncio would write it to standard error as it is, numbers and all
        error = context.get("exception")
        on_fault(error if isinstance(error, BaseException) else CallbackError(str(context.get("message"))))

    loop.set_exception_handler(fail)
    if on_orphaned is not None:
        loop.add_reader(sys.stdin.fileno(), _read_end, loop, on_orphaned)


class CallbackError(Exception):
    """What asyncio complains of without an exception."""


def _read_end(loop: asyncio.AbstractEventLoop, on_orphaned: Callable[[], None]) -> None:
    """Something came from whoever started us, which never writes: its end."""
    if not os.read(sys.stdin.fileno(), 1024):
        loop.remove_reader(sys.stdin.fileno())
        on_orphaned()
