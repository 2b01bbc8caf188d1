"""What goes to browsers as it happens: server-sent events, each with a number, to many readers at once.

Owns the readers, what each still has to get, and what is kept for one that comes again. A reader that does not read is let go, and
comes again by itself; nobody waits for it. Must not know what is sent.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import Any

from controller.api.problems import Problem

#: Messages that are kept for readers who come again; those that may wait for one; and bytes of either.
KEPT, WAITING, BYTES = 2_000, 2_000, 8 << 20
READERS = 64
#: Seconds of quiet until a message says that we are still there: a browser that hears nothing for three times as long tells its
#: reader so, and tries anew. Of a server that hangs, or a line that is cut, it would hear nothing for many minutes.
HEARTBEAT = 5.0
#: Milliseconds after which a browser comes again.
RETRY = 500

_ENCODER = json.JSONEncoder(separators=(",", ":"))
Shows = Callable[[bool], Any]  # what a reader sees; True: all of it


class _Reader:
    __slots__ = ("all", "messages", "size", "slow", "woken")

    def __init__(self, *, sees_all: bool) -> None:
        self.all = sees_all
        self.messages: deque[bytes] = deque()
        self.size = 0  # bytes of them
        self.woken = asyncio.Event()
        self.slow = False


class Hub:
    """One stream, many readers."""

    def __init__(self, snapshot: Shows) -> None:
        """``snapshot``: how everything is, for who comes anew."""
        self._snapshot = snapshot
        self._life = secrets.token_hex(4)
        self._number = 0
        self._kept: deque[tuple[int, bytes, bytes]] = deque()
        self._size = 0  # bytes of what is kept
        self._readers: set[_Reader] = set()
        self._closing = False

    def publish(self, kind: str, shows: Shows, *, same: bool = True) -> None:
        """Tell all. ``same``: everybody sees the same."""
        self._number += 1
        full = self._write(kind, shows(True))
        less = full if same else self._write(kind, shows(False))
        self._keep(full, less)
        for reader in self._readers:
            message = full if reader.all else less
            reader.size += len(message)
            if len(reader.messages) >= WAITING or reader.size > BYTES:
                reader.slow = True
                reader.messages.clear()
            else:
                reader.messages.append(message)
            reader.woken.set()

    def _keep(self, full: bytes, less: bytes) -> None:
        self._kept.append((self._number, full, less))
        self._size += _size_of(full, less)
        while len(self._kept) > KEPT or self._size > BYTES:
            self._size -= _size_of(*self._kept.popleft()[1:])

    def close(self) -> None:
        """Let everybody go."""
        self._closing = True
        for reader in self._readers:
            reader.woken.set()

    def read(self, last: str, *, sees_all: bool, may: Callable[[], bool] = lambda: True) -> AsyncGenerator[bytes]:
        """Everything from now on, for as long as this reader ``may``, which is asked before each piece; ``last`` is the id that
        was heard last, or "". Raises `Problem`."""
        if len(self._readers) >= READERS:
            raise Problem(503, "busy", f"{READERS} look already", retry_after=5)
        return self._read(last, may, sees_all=sees_all)

    async def _read(self, last: str, may: Callable[[], bool], *, sees_all: bool) -> AsyncGenerator[bytes]:
        reader = _Reader(sees_all=sees_all)
        reader.messages.extend(self._missed(last, sees_all=sees_all))
        self._readers.add(reader)
        try:
            yield f"retry: {RETRY}\n\n".encode()
            while not (self._closing or reader.slow) and may():
                reader.woken.clear()
                if reader.messages:
                    chunk = b"".join(reader.messages)
                    reader.messages.clear()
                    reader.size = 0
                    yield chunk
                    continue
                try:
                    async with asyncio.timeout(HEARTBEAT):
                        await reader.woken.wait()
                except TimeoutError:
                    yield b"event: beat\ndata: {}\n\n"
        finally:
            self._readers.discard(reader)

    def _missed(self, last: str, *, sees_all: bool) -> list[bytes]:
        """What went by since then, or how everything is where that is no longer known."""
        life, _, number = last.partition("-")
        if life == self._life and number.isdigit():
            first = self._kept[0][0] if self._kept else self._number + 1  # the oldest may have been too much
            if first - 1 <= int(number) <= self._number:
                return [full if sees_all else less for each, full, less in self._kept if each > int(number)]
        return [self._write("all", self._snapshot(sees_all))]

    def _write(self, kind: str, data: Any) -> bytes:
        return f"id: {self._life}-{self._number}\nevent: {kind}\ndata: {_ENCODER.encode(data)}\n\n".encode()


def _size_of(full: bytes, less: bytes) -> int:
    return len(full) if less is full else len(full) + len(less)
