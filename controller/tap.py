"""SIP messages as they went over the wire, for whoever follows: a stream of packets on a Unix socket, without ever waiting.

Owns the socket in the state folder and the form of its packets. One (`SOCK_SEQPACKET`) begins with a byte that says what it is:

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
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from controller import clock
from controller.control import open_control
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


class _Follower:
    """One who reads along."""

    __slots__ = ("blocked", "packets", "size", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.packets: deque[bytes] = deque()
        self.size = 0
        self.blocked = False  # the kernel took no more; it says when it does


class Tap:
    """The stream of one daemon. ``lost`` are packets that followers did not get."""

    def __init__(self, state_dir: Path, describe: Callable[[], Mapping[str, Sequence[Sequence[Any]]]]) -> None:
        """``describe`` has ``ours`` and ``peers`` as at the top of the file. Raises `ControlError`."""
        self._sock = open_control(state_dir, FILE, socket.SOCK_SEQPACKET)
        self._path = state_dir / FILE
        self._describe = describe
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sources: Sequence[Source] = ()
        self._followers: list[_Follower] = []
        self._frames: list[bytes] = []
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._hops: dict[tuple[bool, Hop], bytes] = {}
        self.lost = 0

    def start(self, loop: asyncio.AbstractEventLoop, sources: Sequence[Source]) -> None:
        """Begin to let followers in; ``sources`` are listened to only while there are some."""
        self._loop, self._sources = loop, sources
        loop.add_reader(self._sock.fileno(), self._on_follower)

    def renew(self) -> None:
        """Who is where has changed."""
        if self._followers:
            self._send_frames()
            for packet in self._descriptions():
                for follower in self._followers:
                    self._hand(follower, packet)

    def close(self) -> None:
        """Part from everybody; a second time is harmless."""
        if self._sock.fileno() < 0:
            return
        self._send_frames()
        for follower in tuple(self._followers):
            self._drop(follower)
        if self._loop is not None:
            self._loop.remove_reader(self._sock.fileno())
        self._sock.close()
        self._path.unlink(missing_ok=True)

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

    def _on_follower(self) -> None:
        assert self._loop is not None
        with suppress(OSError):
            sock, _ = self._sock.accept()
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * PACKET)
            follower = _Follower(sock)
            self._followers.append(follower)
            self._loop.add_reader(sock.fileno(), self._drop, follower)  # nobody writes to us: it has gone
            for packet in self._descriptions():
                self._hand(follower, packet)
            for source in self._sources:
                source.on_wire = self.hear

    def _hand(self, follower: _Follower, packet: bytes) -> None:
        follower.packets.append(packet)
        follower.size += len(packet)
        while follower.size > WAITING:
            follower.size -= len(follower.packets.popleft())
            self.lost += 1
        if not follower.blocked:
            self._send(follower)

    def _send(self, follower: _Follower) -> None:
        assert self._loop is not None
        while follower.packets:
            try:
                follower.sock.send(follower.packets[0])
            except BlockingIOError:
                if not follower.blocked:
                    follower.blocked = True
                    self._loop.add_writer(follower.sock.fileno(), self._send, follower)
                return
            except OSError:
                self._drop(follower)
                return
            follower.size -= len(follower.packets.popleft())
        if follower.blocked:
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
        if not self._followers:
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
