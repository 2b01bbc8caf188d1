"""TLS handshakes in turn: a few steps each turn of the loop, and a bound on those that do not end.

Owns the order only. Each step costs a millisecond or two of arithmetic, and calls go on between them, however many
peers knock at once. Where too many are unfinished the oldest makes room: who means it does not stay the oldest.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from sip.connection import Connection

_STEPS = 2  # a turn


class Handshakes:
    """Those of one endpoint."""

    def __init__(self, most: int, step: Callable[[Connection], None], after: Callable[[], None]) -> None:
        """``most`` may be unfinished at once; ``step`` goes on with one; ``after`` is called once a turn."""
        self._most = most
        self._step = step
        self._after = after
        self._unfinished: dict[Connection, None] = {}  # of peers that came to us, the oldest first
        self._waiting: deque[Connection] = deque()  # with something to go on with

    def begin(self, connection: Connection) -> Connection | None:
        """A peer has come; the one that must make room for it, if any."""
        self._unfinished[connection] = None
        return next(iter(self._unfinished)) if len(self._unfinished) > self._most else None

    def end(self, connection: Connection) -> None:
        """It is done, or gone."""
        self._unfinished.pop(connection, None)

    def go_on(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        """Something has come for it: it is stepped when its turn comes."""
        if connection in self._waiting:
            return
        if connection.opened:
            self._waiting.appendleft(connection)  # a call waits for it, and whoever knocks must not be in its way
        else:
            self._waiting.append(connection)
        if len(self._waiting) == 1:
            loop.call_soon(self._turn, loop)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            for _ in range(min(_STEPS, len(self._waiting))):
                self._step(self._waiting.popleft())
        finally:  # a fault of ours with one peer must not cost the others
            if self._waiting:
                loop.call_soon(self._turn, loop)
            self._after()
