"""Who reads along on a Unix socket of ours: let in, handed packets, and never waited for.

Owns the socket in the state folder (`SOCK_SEQPACKET`: a packet is sent whole or not at all), who follows, and whom the kernel
takes no more for. Who may open the state folder may follow. Must not know what is told; a stream says what waits for a
follower, how it is packed, and how much of it is too much.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from abc import ABC, abstractmethod
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from controller.control import open_control

#: Seconds until somebody is let in again, where there was no file for one.
PAUSE = 1.0


class Follower:
    """One who reads along."""

    __slots__ = ("blocked", "size", "sock", "waiting")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.waiting: deque[Any] = deque()  # what it still has to get
        self.size = 0  # of that, where the stream counts bytes
        self.blocked = False  # the kernel took no more, or had its packet of this turn: the loop says when it goes on


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

    def _listen_again(self) -> None:
        if self._loop is not None and self._sock.fileno() >= 0:
            self._loop.add_reader(self._sock.fileno(), self._on_follower)

    def close(self) -> None:
        """Part from everybody; a second time is harmless."""
        if self._sock.fileno() < 0:
            return
        self._flush()
        for follower in tuple(self._followers):
            while follower.waiting and self._send_one(follower):
                pass
            self._drop(follower)
        if self._loop is not None:
            self._loop.remove_reader(self._sock.fileno())
        self._sock.close()
        self._path.unlink(missing_ok=True)

    def _on_follower(self) -> None:
        assert self._loop is not None
        try:
            sock, _ = self._sock.accept()
        except BlockingIOError:
            return
        except (
            OSError
        ):  # no file is left to open: whoever asks goes on asking, and the loop must not turn for that alone
            self._loop.remove_reader(self._sock.fileno())
            self._loop.call_later(PAUSE, self._listen_again)
            return
        with suppress(OSError):
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._buffer)
            follower = Follower(sock)
            self._followers.append(follower)
            self._loop.add_reader(sock.fileno(), self._drop, follower)  # nobody writes to us: it has gone
            self._greet(follower)

    def _send(self, follower: Follower) -> None:
        """One packet, and the next in another turn of the loop: whoever slept for a while and wakes up has much to get."""
        assert self._loop is not None
        if follower.waiting:
            self._send_one(follower)
        if bool(follower.waiting) is follower.blocked or follower not in self._followers:
            return
        follower.blocked = not follower.blocked
        if follower.blocked:
            self._loop.add_writer(follower.sock.fileno(), self._send, follower)
        else:
            self._loop.remove_writer(follower.sock.fileno())

    def _send_one(self, follower: Follower) -> bool:
        """False: not now, or it has gone."""
        count, packet = self._pack(follower)
        try:
            if packet:
                follower.sock.send(packet)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                self._drop(follower)
                return False
            self.lost += count  # this kernel takes no packet of that size; whoever comes again would get it again
        self._take(follower, count)
        return True

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
