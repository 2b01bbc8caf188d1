"""What a daemon tells whoever watches it: a stream of news on a Unix socket, without ever waiting for a reader.

Owns what each follower still has to get, and the few news that a new one gets first. One
packet (`SOCK_SEQPACKET`) is a JSON array of items `[number, kind, at, data]`: ``number`` counts up by one, so that a gap shows
that some were lost; ``at`` is seconds since the epoch. The first item is `[0, "hello", at, {"life": NAME, "last": NUMBER, "kept":
NUMBER}]`: numbers begin anew with each life of a daemon, and ``last`` is that of the last news before; what of them was kept
follows, up to ``kept``. Who may open the state folder may follow. Must not know what news
mean. A follower that does not read loses the oldest, and nobody waits for it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from collections import deque
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from controller import clock
from controller.followers import Follower, Followers

FILE = "watch.sock"  # of the process for calls
MESSAGES = "watch-messages.sock"  # of that for messages
HELLO = "hello"
#: News that are kept for followers who come (again): so many.
KEPT = 1000
#: Items that wait for one follower.
WAITING = 10_000
#: Items in one packet, and bytes of several: a packet is sent whole or not at all. One item alone may have more.
PACKET_ITEMS, PACKET_BYTES, MOST_BYTES = 64, 1 << 16, 3 << 16
_BUFFER = 1 << 20

Told = tuple[str, Mapping[str, Any]]
Item = tuple[int, str, float, Mapping[str, Any]]
_Raw = tuple[int, float, Any]  # what nobody reads is not put into words
_ENCODER = json.JSONEncoder(separators=(",", ":"), default=str)


class Feed(Followers):
    """The stream of one daemon: `start` in a loop; `tell` and `flush` never block."""

    def __init__(self, state_dir: Path, show: Callable[[Any], Told], file: str = FILE) -> None:
        """``show`` puts news into words: a kind, and data. Raises `ControlError`."""
        super().__init__(state_dir, file, _BUFFER)
        self._show = show
        self._kept: deque[_Raw] = deque(maxlen=KEPT)
        self._number = 0
        self._life = secrets.token_hex(4)

    @property
    def is_followed(self) -> bool:
        """Whether somebody reads along: what is costly to tell is told only then."""
        return bool(self._followers)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to let followers in."""
        self._listen(loop)

    def tell(self, news: Any, at: float, *, keep: bool = True) -> None:
        """Something happened; it goes out with the next `flush`. ``keep``: whoever comes later hears of it too."""
        self._number += 1
        item = (self._number, at, news)
        if keep:
            self._kept.append(item)
        for follower in self._followers:
            if len(follower.waiting) >= WAITING:
                follower.waiting.popleft()
                self.lost += 1
            follower.waiting.append(item)

    def flush(self) -> None:
        """Hand on what there is to whoever can take it."""
        self._flush()

    def _greet(self, follower: Follower) -> None:
        follower.waiting.extend(self._kept)
        kept = self._kept[-1][0] if self._kept else 0
        hello = {"life": self._life, "last": self._number, "kept": kept}
        follower.sock.send(_ENCODER.encode([(0, HELLO, clock.epoch(), hello)]).encode())
        self._send(follower)

    def _pack(self, follower: Follower) -> tuple[int, bytes]:
        """As many items as fit into one packet: how many, and the packet; one that is too large even without its longest lists
        goes lost."""
        parts: list[str] = []
        size = 2
        for number, at, news in islice(follower.waiting, PACKET_ITEMS):
            kind, data = self._show(news)
            part = _ENCODER.encode((number, kind, at, data))
            if size + len(part) + 1 > PACKET_BYTES:
                if not parts and (part := _fitting(number, kind, at, data, part)):
                    return 1, f"[{part}]".encode()
                break
            parts.append(part)
            size += len(part) + 1
        if not parts:
            self.lost += 1
            return 1, b""
        return len(parts), f"[{','.join(parts)}]".encode()


def _fitting(number: int, kind: str, at: float, data: Mapping[str, Any], part: str) -> str:
    """An item that has a packet of its own: as it is, or without its longest lists (the last of a thousand candidates is less
    than that there was a call). "": it does not fit at all."""
    short, cut = dict(data), list[str]()
    while len(part) + 2 > MOST_BYTES:
        lists = {key: len(_ENCODER.encode(value)) for key, value in short.items() if isinstance(value, list) and value}
        if not lists:
            return ""
        longest = max(lists, key=lambda key: lists[key])
        short[longest] = []
        cut.append(longest)
        part = _ENCODER.encode((number, kind, at, {**short, "cut": cut}))
    return part


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
            while packet := await loop.sock_recv(sock, MOST_BYTES):
                hear([(number, kind, at, data) for number, kind, at, data in json.loads(packet)])
        except OSError:
            return
        finally:
            on_open(False)
