"""SIP messages as they went over the wire, for whoever follows: a stream of packets on a Unix socket, without ever waiting.

Owns the form of its packets. One begins with a byte that says what it is:

* `DESCRIPTION`: JSON `{"ours": [[transport, listener, host, port]], "peers": [[host, port, transport, trunk]], "more": bool}`: by
  which address peers know each listener, and who is where. The first ones after a connect, and again when that changes; ``more``
  says that it adds to the one before.
* `MESSAGES`: frames, each `FRAME` (bytes of the message; seconds since the epoch; 1 if it was sent, 0 if it came in; transport as
  an index of `TRANSPORTS`; port of the peer; bytes of its host; bytes of the listener's name), host, name, message.

What is told are messages of calls: no OPTIONS, no REGISTER, and no MESSAGE, which is a text of a person. Nobody follows: nothing
is done. Who may open the state folder may follow. A follower that does not read loses the oldest. Must not read messages.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from controller import clock
from controller.followers import Follower, Followers
from sip.transaction import Hop

FILE = "wire.sock"
DESCRIPTION, MESSAGES = b"D", b"M"
TRANSPORTS = ("udp", "tcp", "tls")
FRAME = struct.Struct("!IdBBHBB")
#: Bytes of a packet that is sent at once; one message more fits into it (`PACKET`).
FULL, PACKET = 48 * 1024, 192 * 1024
#: Bytes that wait for one follower.
WAITING = 8 << 20
#: Seconds that messages wait for more: many go in one packet when there is much to tell.
PAUSE = 0.1
_PEERS = 500  # of one packet
_HOPS = 4096  # whose form is remembered
_LENGTH_AND_TIME = struct.Struct("!Id")
_REST = struct.Struct("!BBHBB")
_NOT_OF_CALLS = (b"OPTIONS ", b"REGISTER ", b"MESSAGE ")
_IS_OTHER = re.compile(rb"\nCSeq[ \t]*:[ \t]*[0-9]+[ \t]+(?:OPTIONS|REGISTER|MESSAGE)[ \t]*\r")

OnWire = Callable[[bool, bytes, Hop], None]


class Source(Protocol):
    """What has messages come and go."""

    on_wire: OnWire | None


class Seen(NamedTuple):
    """One message that went by."""

    at: float  # seconds since the epoch
    sent: bool  # by us
    peer: Hop  # the other side, and by which of our listeners
    data: bytes


class Tap(Followers):
    """The stream of one daemon. ``lost`` are packets that followers did not get."""

    def __init__(self, state_dir: Path, describe: Callable[[], Mapping[str, Sequence[Sequence[Any]]]]) -> None:
        """``describe`` has ``ours`` and ``peers`` as at the top of the file. Raises `ControlError`."""
        super().__init__(state_dir, FILE, 4 * PACKET)
        self._describe = describe
        self._sources: Sequence[Source] = ()
        self._frames: list[bytes] = []
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._hops: dict[tuple[bool, Hop], bytes] = {}

    def start(self, loop: asyncio.AbstractEventLoop, sources: Sequence[Source]) -> None:
        """Begin to let followers in; ``sources`` are listened to only while there are some."""
        self._sources = sources
        self._listen(loop)

    def renew(self) -> None:
        """Who is where has changed."""
        if self._followers:
            self._send_frames()
            for packet in self._descriptions():
                for follower in self._followers:
                    self._hand(follower, packet)

    def _flush(self) -> None:
        self._send_frames()

    def hear(self, sent: bool, data: bytes, peer: Hop) -> None:
        """A message went by."""
        if data.startswith(_NOT_OF_CALLS):
            return
        if data.startswith(b"SIP/2.0 ") and _IS_OTHER.search(data):
            return
        head = self._hops.get((sent, peer))
        if head is None:
            head = self._head_of(sent, peer)
        frame = _LENGTH_AND_TIME.pack(len(data), clock.epoch()) + head + data
        self._frames.append(frame)
        self._size += len(frame)
        if self._size >= FULL:
            self._send_frames()
        elif self._timer is None and self._loop is not None:
            self._timer = self._loop.call_later(PAUSE, self._on_pause)

    def _head_of(self, sent: bool, peer: Hop) -> bytes:
        host, name = (text.encode("utf-8", "replace")[:255] for text in (peer.host, peer.listener))
        kind = TRANSPORTS.index(peer.transport)
        head = _REST.pack(sent, kind, peer.port & 0xFFFF, len(host), len(name)) + host + name
        if len(self._hops) >= _HOPS:
            self._hops.clear()
        self._hops[sent, peer] = head
        return head

    def _on_pause(self) -> None:
        self._timer = None
        self._send_frames()

    def _send_frames(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._frames:
            return
        packet = MESSAGES + b"".join(self._frames)
        self._frames, self._size = [], 0
        for follower in tuple(self._followers):
            self._hand(follower, packet)

    def _descriptions(self) -> Iterator[bytes]:
        told = self._describe()
        peers = list(told["peers"])
        for start in range(0, max(1, len(peers)), _PEERS):
            some = {"ours": told["ours"], "peers": peers[start : start + _PEERS], "more": start > 0}
            yield DESCRIPTION + json.dumps(some, separators=(",", ":")).encode()

    # -- followers

    def _greet(self, follower: Follower) -> None:
        for packet in self._descriptions():
            self._hand(follower, packet)
        for source in self._sources:
            source.on_wire = self.hear

    def _hand(self, follower: Follower, packet: bytes) -> None:
        follower.waiting.append(packet)
        follower.size += len(packet)
        while follower.size > WAITING:
            follower.size -= len(follower.waiting.popleft())
            self.lost += 1
        if not follower.blocked:
            self._send(follower)

    def _pack(self, follower: Follower) -> tuple[int, bytes]:
        return 1, follower.waiting[0]

    def _take(self, follower: Follower, count: int) -> None:
        follower.size -= len(follower.waiting[0])
        super()._take(follower, count)

    def _on_nobody(self) -> None:
        for source in self._sources:
            source.on_wire = None
        self._frames, self._size = [], 0


def read_frames(packet: bytes) -> Iterator[Seen]:
    """The messages of a packet, its first byte included."""
    at = 1
    while at < len(packet):
        size, when, sent, kind, port, host_size, name_size = FRAME.unpack_from(packet, at)
        at += FRAME.size
        host = packet[at : at + host_size].decode("utf-8", "replace")
        at += host_size
        name = packet[at : at + name_size].decode("utf-8", "replace")
        at += name_size
        yield Seen(when, bool(sent), Hop(host, port, TRANSPORTS[kind], name), packet[at : at + size])
        at += size


async def follow(
    state_dir: Path, hear: Callable[[list[Seen]], None], on_description: Callable[[Mapping[str, Any]], None]
) -> None:
    """Hear what goes by until the daemon ends or is not there: then this returns."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, str(state_dir / FILE))
            while packet := await loop.sock_recv(sock, PACKET):
                if packet[:1] == DESCRIPTION:
                    on_description(json.loads(packet[1:]))
                else:
                    hear([*read_frames(packet)])
        except OSError:
            return
