"""Accepting connections: so many a turn, and a rest where the process has no files left.

Owns the listening socket and the bound on connections that nobody vouches for. Must not read or write.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Any

from sip.connection import Connection

_TURN = 32  # connections a turn: enough to amortise the loop, few enough to keep timers on time
_NO_FILES = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class Acceptor:
    """One listener; ``take`` gets each new connection and whom it comes from."""

    def __init__(self, listener: socket.socket, rest: float, take: Callable[[socket.socket, Any], None]) -> None:
        """``rest`` in seconds, before accepting again when the process is out of file descriptors."""
        self._listener = listener
        self._rest = rest
        self._take = take
        self._loop: asyncio.AbstractEventLoop | None = None
        self._resting: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to accept."""
        self._loop = loop
        loop.add_reader(self._listener.fileno(), self._on_readable)

    def close(self) -> None:
        """Accept no more; a second time is harmless."""
        if self._loop is not None:
            self._loop.remove_reader(self._listener.fileno())
            self._loop = None
        if self._resting is not None:
            self._resting.cancel()
        self._listener.close()

    def _on_readable(self) -> None:
        for _ in range(_TURN):
            try:
                sock, peer = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _NO_FILES and self._loop is not None:
                    # a connection that cannot be taken must not keep the loop busy
                    self._loop.remove_reader(self._listener.fileno())
                    self._resting = self._loop.call_later(self._rest, self.start, self._loop)
                    return
                continue  # it is gone again
            self._take(sock, peer)


class Strangers:
    """Connections of peers that nobody knows: so many, and the oldest makes room.

    One of them may bring a request within a call that is up, and is none from then on; the first other message ends it.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[Connection, None] = {}  # the oldest first

    def begin(self, connection: Connection) -> Connection | None:
        """One more; the one that must make room for it, if any."""
        self._known[connection] = None
        return next(iter(self._known)) if len(self._known) > self._most else None

    def end(self, connection: Connection) -> None:
        """It is none, or gone."""
        if self._known:
            self._known.pop(connection, None)

    def __contains__(self, connection: Connection) -> bool:
        return bool(self._known) and connection in self._known
