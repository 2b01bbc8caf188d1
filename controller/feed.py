"""What a daemon tells whoever watches it: a stream of news on a Unix socket, without ever waiting for a reader.

Owns the socket in the state folder, what each follower still has to get, and the few news that a new one gets first. One
packet (`SOCK_SEQPACKET`) is a JSON array of items `[number, kind, at, data]`: ``number`` counts up by one, so that a gap shows
that some were lost; ``at`` is seconds since the epoch. The first item is `[0, "hello", at, {"life": NAME}]`: numbers begin anew
with each life of a daemon. Who may open the state folder may follow. Must not know what news
mean. A follower that does not read loses the oldest, and nobody waits for it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from controller import clock
from controller.control import open_control

FILE = "watch.sock"  # of the process for calls
MESSAGES = "watch-messages.sock"  # of that for messages
HELLO = "hello"
#: News that are kept for followers who come (again): so many.
KEPT = 1000
#: Items that wait for one follower.
WAITING = 10_000
#: Items in one packet, and bytes: a packet is sent whole or not at all.
PACKET_ITEMS, PACKET_BYTES = 64, 1 << 16
_BUFFER = 1 << 20

Told = tuple[str, Mapping[str, Any]]
Item = tuple[int, str, float, Mapping[str, Any]]
_Raw = tuple[int, float, Any]  # what nobody reads is not put into words
_ENCODER = json.JSONEncoder(separators=(",", ":"), default=str)


class _Follower:
    """One who reads along."""

    __slots__ = ("blocked", "items", "sock")

    def __init__(self, sock: socket.socket, items: deque[_Raw]) -> None:
        self.sock = sock
        self.items = items
        self.blocked = False  # the kernel took no more; it says when it does


class Feed:
    """The stream of one daemon. `open`, then `start` in a loop; `tell` and `flush` never block."""

    def __init__(self, state_dir: Path, show: Callable[[Any], Told], file: str = FILE) -> None:
        """``show`` puts news into words: a kind, and data. Raises `ControlError`."""
        self._show = show
        self._sock = open_control(state_dir, file, socket.SOCK_SEQPACKET)
        self._path = state_dir / file
        self._loop: asyncio.AbstractEventLoop | None = None
        self._followers: list[_Follower] = []
        self._kept: deque[_Raw] = deque(maxlen=KEPT)
        self._number = 0
        self._life = secrets.token_hex(4)
        self.lost = 0  # items that followers did not get

    @property
    def is_followed(self) -> bool:
        """Whether somebody reads along: what is costly to tell is told only then."""
        return bool(self._followers)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to let followers in."""
        self._loop = loop
        loop.add_reader(self._sock.fileno(), self._on_follower)

    def tell(self, news: Any, at: float, *, keep: bool = True) -> None:
        """Something happened; it goes out with the next `flush`. ``keep``: whoever comes later hears of it too."""
        self._number += 1
        item = (self._number, at, news)
        if keep:
            self._kept.append(item)
        for follower in self._followers:
            if len(follower.items) >= WAITING:
                follower.items.popleft()
                self.lost += 1
            follower.items.append(item)

    def flush(self) -> None:
        """Hand on what there is to whoever can take it."""
        for follower in self._followers:
            if follower.items and not follower.blocked:
                self._send(follower)

    def close(self) -> None:
        """Part from everybody; a second time is harmless."""
        if self._sock.fileno() < 0:
            return
        self.flush()
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
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
            follower = _Follower(sock, deque(self._kept))
            self._followers.append(follower)
            self._loop.add_reader(sock.fileno(), self._drop, follower)  # nobody writes to us: it has gone
            sock.send(_ENCODER.encode([(0, HELLO, clock.epoch(), {"life": self._life})]).encode())
            self._send(follower)

    def _send(self, follower: _Follower) -> None:
        items = follower.items
        while items:
            count, packet = self._pack(items)
            try:
                if packet:
                    follower.sock.send(packet)
            except BlockingIOError:
                self._wait_for(follower)
                return
            except OSError:
                self._drop(follower)
                return
            for _ in range(count):
                items.popleft()
        self._wait_no_more(follower)

    def _pack(self, items: deque[_Raw]) -> tuple[int, bytes]:
        """As many items as fit into one packet: how many, and the packet; an item that is too large goes lost."""
        parts: list[str] = []
        size = 2
        for number, at, news in islice(items, PACKET_ITEMS):
            kind, data = self._show(news)
            part = _ENCODER.encode((number, kind, at, data))
            if size + len(part) + 1 > PACKET_BYTES:
                break
            parts.append(part)
            size += len(part) + 1
        if not parts:
            self.lost += 1
            return 1, b""
        return len(parts), f"[{','.join(parts)}]".encode()

    def _wait_for(self, follower: _Follower) -> None:
        if not follower.blocked and self._loop is not None:
            follower.blocked = True
            self._loop.add_writer(follower.sock.fileno(), self._send, follower)

    def _wait_no_more(self, follower: _Follower) -> None:
        if follower.blocked and self._loop is not None:
            follower.blocked = False
            self._loop.remove_writer(follower.sock.fileno())

    def _drop(self, follower: _Follower) -> None:
        if follower not in self._followers:
            return
        self._followers.remove(follower)
        if self._loop is not None:
            self._loop.remove_reader(follower.sock.fileno())
            self._loop.remove_writer(follower.sock.fileno())
        follower.sock.close()


async def follow(
    state_dir: Path, file: str, hear: Callable[[list[Item]], None], on_open: Callable[[bool], None]
) -> None:
    """Hear what a daemon tells, until it ends or is not there: then this returns. ``on_open(True)`` once connected, and
    ``on_open(False)`` at the end of that."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, str(state_dir / file))
        except OSError:
            return
        on_open(True)
        try:
            while packet := await loop.sock_recv(sock, PACKET_BYTES):
                hear([(number, kind, at, data) for number, kind, at, data in json.loads(packet)])
        except OSError:
            return
        finally:
            on_open(False)
