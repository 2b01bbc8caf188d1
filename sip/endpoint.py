"""The pump: UDP sockets, one armed timer, and an engine that does no I/O itself. Streams send what is not for UDP.

Owns the sockets, `add_reader` with a bounded drain, and the error queue of each listening socket (IP_RECVERR), which
tells about closed ports at once. A connected socket on the same port would steal the peer's requests, another port
would break trunks that authenticate us by address. Must not understand SIP.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Callable
from math import inf
from typing import Protocol

from sip.transaction import Hop

DRAIN = 32  # datagrams a turn: enough to amortise the loop, few enough to keep timers on time
JUNK = 256  # messages a turn that are kept out: each costs a hundredth of a call, and they must not hide the calls
_BUFFER = 1 << 16
_QUOTED = 2048  # bytes of our packet that we want back: its Via is near the top
_SOCKET_BUFFER = 1 << 22  # a burst of calls during a short stall must not be dropped by the kernel
# Linux, <linux/in.h>, <linux/in6.h>, <linux/errqueue.h>; the socket module does not name them in Python 3.11.
_IP_RECVERR = 11
_IPV6_RECVERR = 25
_SO_MEMINFO = 55  # <asm-generic/socket.h>: what the socket holds, and how much it may
_MEMORY = struct.Struct("=II")
_EXTENDED_ERROR = struct.Struct("=IBBBBII")
_ORIGIN_ICMP = (2, 3)
_UNREACHABLE = frozenset((errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN))


class Core(Protocol):
    """What the pump drives."""

    outbox: list[tuple[bytes, Hop]]

    def receive(self, data: bytes, source: Hop, now: float) -> object:
        """Take one datagram; False if it is kept out."""

    def unreachable(self, quoted: bytes, hop: Hop, now: float) -> None:
        """``hop`` cannot be reached; ``quoted`` is the start of the packet that could not be delivered."""

    def next_deadline(self) -> float:
        """When `handle_timer` is wanted next."""

    def handle_timer(self, now: float) -> None:
        """Do what is due."""


class Sender(Protocol):
    """Takes what does not go over UDP."""

    def send(self, data: bytes, hop: Hop) -> None:
        """Send one message."""


class _Socket:
    """One listening socket, and the name of its listener."""

    __slots__ = ("filled", "listener", "sock")

    def __init__(self, sock: socket.socket, listener: str) -> None:
        self.sock = sock
        self.listener = listener
        self.filled = 0.0  # how full its receive buffer was after its last turn, 0 to 1


class UdpEndpoint:
    """UDP sockets pumping a core. ``counters`` are for metrics."""

    def __init__(self, sock: socket.socket | None, clock: Callable[[], float]) -> None:
        """``sock`` is bound and non-blocking, None to begin without (`add`); ``clock`` gives the monotonic time of the
        event loop."""
        self._sockets: dict[str, _Socket] = {}
        self._clock = clock
        self._core: Core | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = inf
        self._bytes = bytearray(_BUFFER)
        self._view = memoryview(self._bytes)
        self.streams: dict[tuple[str, ...], Sender] = {}  # for other transports, by transport and listener
        self.on_turn: Callable[[], None] | None = None  # called once after every turn of the pump
        #: Hears after each turn how full the receive buffer is (0 to 1), and when.
        self.on_queue: Callable[[float, float], None] | None = None
        #: Hears each message that is let in, before what comes of it is sent, and each that is sent, whatever its transport:
        #: whether it is sent, its bytes, and the other side.
        self.on_wire: Callable[[bool, bytes, Hop], None] | None = None
        self.counters: dict[str, int] = {"received": 0, "sent": 0, "send_failed": 0, "unreachable": 0}
        self.local = Hop("", 0)  # what the first is bound to
        if sock is not None:
            self.add(sock)

    def add(self, sock: socket.socket, listener: str = "") -> Hop:
        """One more socket, before the start; returns what it is bound to, under the name of its listener."""
        self._sockets[listener] = _Socket(sock, listener)
        host, port = sock.getsockname()[:2]
        bound = Hop(host, port, "udp", listener)
        if len(self._sockets) == 1:
            self.local = bound
        return bound

    def start(self, core: Core, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to pump."""
        self._core = core
        self._loop = loop
        for at in self._sockets.values():
            loop.add_reader(at.sock.fileno(), self._on_readable, at)
        self.pump()

    def close(self) -> None:
        """Stop pumping and close the sockets; a second time is harmless."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._core = None
        for at in self._sockets.values():
            if self._loop is not None and at.sock.fileno() >= 0:
                self._loop.remove_reader(at.sock.fileno())
            at.sock.close()

    def pump(self) -> None:
        """Send what the core has to send, and arm the one timer."""
        self._flush()
        self._arm()
        if self.on_turn is not None:
            self.on_turn()

    def _on_readable(self, at: _Socket) -> None:
        core = self._core
        if core is None:
            return
        try:
            self._drain(core, at)
        finally:  # a fault of ours in one call must not stop the clock of all others
            self.pump()

    def _drain(self, core: Core, at: _Socket) -> None:
        sock, listener, view = at.sock, at.listener, self._view
        received, junk = 0, 0
        while received < DRAIN and junk < JUNK:
            try:
                size, source = sock.recvfrom_into(view)
            except BlockingIOError:
                if not received and not junk:  # woken, and yet nothing to read: it was the error queue
                    self._drain_errors(at)
                self._tell_queue(at, 0.0)
                return
            except OSError:
                received += 1
                self._drain_errors(at)
                continue
            self.counters["received"] += 1
            data, peer = bytes(view[:size]), Hop(source[0], source[1], "udp", listener)
            if core.receive(data, peer, self._clock()) is False:
                junk += 1
                continue
            received += 1
            if self.on_wire is not None:
                self.on_wire(False, data, peer)
            self._flush()
            if self._core is None:  # closed meanwhile
                return
        # A queue of junk is no reason to turn calls away: that would not make it shorter.
        self._tell_queue(at, filled(sock) if received >= DRAIN else 0.0)

    def _tell_queue(self, at: _Socket, share: float) -> None:
        at.filled = share
        if self.on_queue is not None:  # of several sockets the fullest counts
            self.on_queue(max(each.filled for each in self._sockets.values()), self._clock())

    def _on_timer(self) -> None:
        self._timer = None
        self._armed_for = inf
        if self._core is None:
            return
        try:
            self._core.handle_timer(self._clock())
        finally:
            self.pump()

    def _arm(self) -> None:
        if self._core is None or self._loop is None:
            return
        deadline = self._core.next_deadline()
        if deadline >= self._armed_for:
            return  # woken too early, it will look again: cheaper than a new timer after every datagram
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._armed_for = deadline
        if deadline < inf:
            self._timer = self._loop.call_at(deadline, self._on_timer)

    def _flush(self) -> None:
        core = self._core
        if core is None:
            return
        outbox = core.outbox
        while outbox:
            batch = outbox[:]
            outbox.clear()
            for data, hop in batch:
                if self.on_wire is not None:
                    self.on_wire(True, data, hop)
                if hop.transport == "udp":
                    self._send(data, hop)
                else:
                    stream = self.streams.get(hop[2:])
                    if stream is not None:
                        stream.send(data, hop)
                    else:
                        self.counters["send_failed"] += 1

    def _send(self, data: bytes, hop: Hop) -> None:
        at = self._sockets.get(hop.listener)
        if at is None:
            self.counters["send_failed"] += 1
            return
        for _ in range(2):  # an error of an earlier packet is reported once, in place of sending this one
            try:
                at.sock.sendto(data, (hop.host, hop.port))
            except BlockingIOError:
                break  # the socket buffer is full: UDP loses packets, SIP retransmits
            except (TypeError, ValueError, OverflowError):
                break  # no such address: whatever made it up, the rest of the batch must go out
            except OSError as error:
                if not self._drain_errors(at):
                    if error.errno in _UNREACHABLE and self._core is not None:
                        self._core.unreachable(data, hop, self._clock())
                    break
            else:
                self.counters["sent"] += 1
                return
        self.counters["send_failed"] += 1

    def _drain_errors(self, at: _Socket) -> bool:
        """Read the error queue (ip(7), IP_RECVERR); True if it held anything."""
        found = False
        for _ in range(DRAIN):
            try:
                quoted, control, _, peer = at.sock.recvmsg(_QUOTED, 512, socket.MSG_ERRQUEUE)
            except OSError:
                break
            found = True
            if _is_unreachable(control) and self._core is not None and peer:
                self.counters["unreachable"] += 1
                self._core.unreachable(quoted, Hop(peer[0], peer[1], "udp", at.listener), self._clock())
        return found


def open_udp(host: str, port: int) -> socket.socket:
    """A bound, non-blocking UDP socket with an error queue.

    Raises `OSError` when the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        adopt_udp(sock)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def adopt_udp(sock: socket.socket) -> None:
    """Make a socket, maybe one that somebody else has bound, fit for the pump."""
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
    sock.setblocking(False)


def filled(sock: socket.socket) -> float:
    """How full the receive buffer of a socket is, 0 to 1; 1 where the system does not say."""
    try:
        allocated, size = _MEMORY.unpack_from(sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMORY.size))
    except (OSError, struct.error):
        return 1.0
    return min(1.0, allocated / size) if size else 1.0


def _is_unreachable(control: list[tuple[int, int, bytes]]) -> bool:
    for _, kind, data in control:
        if kind in (_IP_RECVERR, _IPV6_RECVERR) and len(data) >= _EXTENDED_ERROR.size:
            number, origin, *_ = _EXTENDED_ERROR.unpack_from(data)
            return origin in _ORIGIN_ICMP and number in _UNREACHABLE
    return False
