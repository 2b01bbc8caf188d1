"""Who reads along on a Unix socket of ours: let in, handed packets, and never waited for.

Owns the socket in the state folder (`SOCK_SEQPACKET`: a packet is sent whole or not at all), who follows, and whom the kernel
takes no more for. Who may open the state folder may follow. Must not know what is told; a stream says what waits for a
follower, how it is packed, and how much of it is too much.
"""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from controller.control import open_control


class Follower:
    """One who reads along."""

    __slots__ = ("blocked", "size", "sock", "waiting")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.waiting: deque[Any] = deque()  # what it still has to get
        self.size = 0  # of that, where the stream counts bytes
        self.blocked = False  # the kernel took no more; it says when it does


class Followers(ABC):
    """A stream, and those who follow it. ``lost``: how much of it followers did not get."""

    def __init__(self, state_dir: Path, file: str, buffer: int) -> None:
        """``buffer``: bytes that the kernel keeps for a follower. Raises `ControlError`."""
        self._sock = open_control(state_dir, file, socket.SOCK_SEQPACKET)
        self._path = state_dir / file
        self._buffer = buffer
        self._loop: asyncio.AbstractEventLoop | None = None
        self._followers: list[Follower] = []
        self.lost = 0

    @abstractmethod
    def _greet(self, follower: Follower) -> None:
        """Somebody begins to follow: what it gets first."""

    @abstractmethod
    def _pack(self, follower: Follower) -> tuple[int, bytes]:
        """How much of what waits for it goes into one packet, and the packet; b"" where it cannot be sent at all."""

    def _take(self, follower: Follower, count: int) -> None:
        """So much was sent."""
        for _ in range(count):
            follower.waiting.popleft()

    def _flush(self) -> None:
        """Hand on what there is to whoever can take it."""
        for follower in tuple(self._followers):
            if follower.waiting and not follower.blocked:
                self._send(follower)

    def _on_nobody(self) -> None:  # noqa: B027  # a stream may have nothing to do then
        """The last one has gone."""

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to let followers in."""
        self._loop = loop
        loop.add_reader(self._sock.fileno(), self._on_follower)

    def close(self) -> None:
        """Part from everybody; a second time is harmless."""
        if self._sock.fileno() < 0:
            return
        self._flush()
        for follower in tuple(self._followers):
            self._drop(follower)
        if self._loop is not None:
            self._loop.remove_reader(self._sock.fileno())
        self._sock.close()
        self._path.unlink(missing_ok=True)

    def _on_follower(self) -> None:
        assert self._loop is not None
        with suppress(OSError):
            sock, _ = self._sock.accept()
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._buffer)
            follower = Follower(sock)
            self._followers.append(follower)
            self._loop.add_reader(sock.fileno(), self._drop, follower)  # nobody writes to us: it has gone
            self._greet(follower)

    def _send(self, follower: Follower) -> None:
        assert self._loop is not None
        while follower.waiting:
            count, packet = self._pack(follower)
            try:
                if packet:
                    follower.sock.send(packet)
            except BlockingIOError:
                if not follower.blocked:
                    follower.blocked = True
                    self._loop.add_writer(follower.sock.fileno(), self._send, follower)
                return
            except OSError:
                self._drop(follower)
                return
            self._take(follower, count)
        if follower.blocked:
            follower.blocked = False
            self._loop.remove_writer(follower.sock.fileno())

    def _drop(self, follower: Follower) -> None:
        if follower not in self._followers:
            return
        self._followers.remove(follower)
        if self._loop is not None:
            self._loop.remove_reader(follower.sock.fileno())
            self._loop.remove_writer(follower.sock.fileno())
        follower.sock.close()
        if not self._followers:
            self._on_nobody()
