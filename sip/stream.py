"""TCP beside the pump: connections that are reused, bounded and never waited for.

Owns the listening socket and all connections, as callbacks of the loop: no task, nothing awaited. A message goes out
on the open connection to its hop, else on a new one; a response on the connection its request came on, and when that
is gone to the address in its Via (RFC 3261 §18.2.2). What cannot be delivered is told to the core at once. A peer that
does not read, sends what has no end, or says nothing for long is closed. Must not know transactions.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sip.errors import RemoteProtocolError
from sip.framing import PING, PONG, Framer
from sip.layer import make_refusal, reply_hop
from sip.parser import outline_of, parse_message
from sip.transaction import Hop

_ACCEPTS = 32  # connections a turn: enough to amortise the loop, few enough to keep timers on time
_CHUNK = 1 << 16  # bytes a turn and connection
_BACKLOG = 1024  # of listen(2)
_IN_PROGRESS = frozenset((errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN))
_NO_FILES = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


@dataclass(frozen=True, slots=True)
class Limits:
    """What a connection may cost; times in seconds."""

    connections: int = 8192
    unsent: int = 1 << 18  # bytes that wait for a peer to read them
    connect: float = 4.0  # the hedge has moved the call on long before
    idle: float = 300.0  # RFC 3261 §18 asks for 64 x T1 after a message; a call may ring for 3 minutes
    linger: float = 2.0  # for a peer to read our refusal before it is cut off
    unacknowledged: float = 5.0  # TCP_USER_TIMEOUT: a host that came back gets a new connection soon
    rest: float = 1.0  # before accepting again when the process is out of file descriptors


class Core(Protocol):
    """What gets the messages."""

    def receive(self, data: bytes, source: Hop, now: float) -> None:
        """Take one message."""

    def unreachable(self, quoted: bytes, hop: Hop, now: float) -> None:
        """The request ``quoted`` cannot be delivered to ``hop``."""

    def disconnected(self, hop: Hop, now: float) -> None:
        """A connection on which requests had gone to ``hop`` is lost."""


class _Connection:
    """One connection, by whomever it was opened."""

    __slots__ = ("asked", "connecting", "ending", "framer", "hop", "sock", "unsent", "used", "waiting")

    def __init__(self, sock: socket.socket, hop: Hop, now: float) -> None:
        self.sock = sock
        self.hop = hop
        self.framer = Framer()
        self.waiting: list[bytes] = []  # messages for when it is connected
        self.unsent = bytearray()
        self.used = now  # when a whole message last went either way: dripping bytes do not count
        self.connecting: asyncio.TimerHandle | None = None
        self.asked = False  # requests of ours went this way
        self.ending = False  # refused: nothing is read any more


class StreamEndpoint:
    """A TCP listener and all connections. ``counters`` are for metrics."""

    def __init__(
        self, listener: socket.socket, clock: Callable[[], float], limits: Limits | None = None, name: str = ""
    ) -> None:
        """``listener`` comes from `open_tcp`, ``name`` is its in a `Hop`; ``clock`` gives the monotonic time of the
        event loop."""
        self._listener = listener
        self._clock = clock
        self._limits = limits or Limits()
        self._core: Core | None = None
        self._loop: asyncio.AbstractEventLoop
        self._pump: Callable[[], None]
        self._connections: dict[Hop, _Connection] = {}
        self._dying: set[_Connection] = set()
        self._timers: list[asyncio.TimerHandle] = []
        self._sweep: asyncio.TimerHandle | None = None
        self.counters: dict[str, int] = {
            "accepted": 0, "opened": 0, "received": 0, "sent": 0, "unreachable": 0, "overflowed": 0, "unframed": 0,
            "refused": 0, "idle": 0,
        }  # fmt: skip
        host, port = listener.getsockname()[:2]
        self.local = Hop(host, port, "tcp", name)

    def start(self, core: Core, loop: asyncio.AbstractEventLoop, pump: Callable[[], None]) -> None:
        """Begin to accept. ``pump`` sends what the core has to send and arms its timer."""
        self._core, self._loop, self._pump = core, loop, pump
        loop.add_reader(self._listener.fileno(), self._on_accept)

    def close(self) -> None:
        """Close everything; a second time is harmless."""
        if self._core is not None:
            self._loop.remove_reader(self._listener.fileno())
            self._core = None
        for connection in [*self._connections.values(), *self._dying]:
            self._drop(connection)
        for timer in (*self._timers, self._sweep):
            if timer is not None:
                timer.cancel()
        self._sweep = None
        self._listener.close()

    def __len__(self) -> int:
        return len(self._connections)

    # -- sending

    def send(self, data: bytes, hop: Hop) -> None:
        """Send one message; never waits and never raises."""
        if self._core is None:
            return
        connection = self._connections.get(hop)
        if connection is None:
            if data.startswith(b"SIP/2.0 "):
                way_back = _way_back(data)
                if way_back is None or way_back.transport != hop.transport:
                    return
                hop = way_back._replace(listener=hop.listener)
            connection = self._connections.get(hop) or self._connect(data, hop)
            if connection is None:
                return
        if not connection.asked and not data.startswith(b"SIP/2.0 "):
            connection.asked = True
        connection.used = self._clock()
        if connection.connecting is not None:
            connection.waiting.append(data)
            if sum(map(len, connection.waiting)) > self._limits.unsent:
                self.counters["overflowed"] += 1
                self._give_up(connection)
            return
        self.counters["sent"] += 1
        self._write(connection, data)

    def _write(self, connection: _Connection, data: bytes) -> None:
        unsent = connection.unsent
        if unsent:
            unsent += data
        else:
            try:
                sent = connection.sock.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._lose(connection)
                return
            if sent == len(data):
                return
            unsent += data[sent:]
            self._loop.add_writer(connection.sock.fileno(), self._on_writable, connection)
        if len(unsent) > self._limits.unsent:  # it does not read
            self.counters["overflowed"] += 1
            self._lose(connection)

    def _on_writable(self, connection: _Connection) -> None:
        if connection.connecting is not None:
            self._on_connected(connection)
            return
        try:
            sent = connection.sock.send(connection.unsent)
        except BlockingIOError:
            return
        except OSError:
            self._lose(connection)
            self._pump()
            return
        del connection.unsent[:sent]
        if not connection.unsent:
            self._loop.remove_writer(connection.sock.fileno())

    # -- connecting

    def _connect(self, data: bytes, hop: Hop) -> _Connection | None:
        """Begin a connection; None if that fails at once, which is told to the core."""
        family = socket.AF_INET6 if ":" in hop.host else socket.AF_INET
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            self._tell_unreachable([data], hop)
            return None
        try:
            sock.setblocking(False)
            self._tune(sock)
            if family == self._listener.family and self.local.host not in ("0.0.0.0", "::"):
                sock.bind((self.local.host, 0))  # trunks may know us by our address
            failure = sock.connect_ex((hop.host, hop.port))
        except OSError as error:
            failure = error.errno or errno.EINVAL
        if failure and failure not in _IN_PROGRESS:
            sock.close()
            self._tell_unreachable([data], hop)
            return None
        self.counters["opened"] += 1
        connection = self._keep(sock, hop)
        connection.connecting = self._loop.call_later(self._limits.connect, self._on_connect_timeout, connection)
        self._loop.add_writer(sock.fileno(), self._on_writable, connection)
        return connection

    def _on_connected(self, connection: _Connection) -> None:
        if not _is_connected(connection.sock):
            self._give_up(connection)
            self._pump()
            return
        assert connection.connecting is not None
        connection.connecting.cancel()
        connection.connecting = None
        self._loop.remove_writer(connection.sock.fileno())
        self._loop.add_reader(connection.sock.fileno(), self._on_readable, connection)
        waiting, connection.waiting = connection.waiting, []
        self.counters["sent"] += len(waiting)
        self._write(connection, b"".join(waiting))
        self._pump()

    def _on_connect_timeout(self, connection: _Connection) -> None:
        self._give_up(connection)
        self._pump()

    def _give_up(self, connection: _Connection) -> None:
        waiting, connection.waiting = connection.waiting, []
        self._drop(connection)
        self._tell_unreachable(waiting, connection.hop)

    def _tell_unreachable(self, messages: list[bytes], hop: Hop) -> None:
        self.counters["unreachable"] += 1
        for data in messages:
            if self._core is not None and not data.startswith(b"SIP/2.0 "):
                self._core.unreachable(data, hop, self._clock())

    # -- accepting

    def _on_accept(self) -> None:
        for _ in range(_ACCEPTS):
            try:
                sock, peer = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _NO_FILES:
                    self._rest()
                    return
                continue  # it is gone again
            if len(self._connections) >= self._limits.connections:
                self.counters["refused"] += 1
                sock.close()
                continue
            self.counters["accepted"] += 1
            sock.setblocking(False)
            try:
                self._tune(sock)
            except OSError:
                sock.close()
                continue
            connection = self._keep(sock, Hop(peer[0], peer[1], *self.local[2:]))
            self._loop.add_reader(sock.fileno(), self._on_readable, connection)

    def _rest(self) -> None:
        """The process is out of file descriptors: a connection that cannot be taken must not keep the loop busy."""
        self._loop.remove_reader(self._listener.fileno())
        self._timers = [self._loop.call_later(self._limits.rest, self._resume)]

    def _resume(self) -> None:
        self._timers = []
        if self._core is not None:
            self._loop.add_reader(self._listener.fileno(), self._on_accept)

    def _tune(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(self._limits.unacknowledged * 1000))

    # -- receiving

    def _on_readable(self, connection: _Connection) -> None:
        try:
            data = connection.sock.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose(connection)
            self._pump()
        elif not connection.ending:
            self._deliver(connection, deque(connection.framer.feed(data)))

    def _deliver(self, connection: _Connection, pieces: deque[bytes]) -> None:
        if pieces:
            connection.used = self._clock()
        pings = 0
        try:
            while pieces and self._core is not None:
                piece = pieces.popleft()
                if piece == PING:
                    pings += 1
                else:
                    self.counters["received"] += 1
                    self._core.receive(piece, connection.hop, self._clock())
        finally:
            if pings and self._is_open(connection):  # together: who sends nothing but pings gets no more than a write
                self._write(connection, PONG * pings)
            if pieces and self._core is not None:  # a fault of ours in one message must not swallow the others
                self._loop.call_soon(self._deliver, connection, pieces)
            elif connection.framer.fault is not None and self._is_open(connection):
                self._refuse(connection, connection.framer.fault)
            self._pump()

    def _refuse(self, connection: _Connection, fault: RemoteProtocolError) -> None:
        """Nobody knows where the next message begins: at most one answer, and the end (RFC 3261 §18.3)."""
        self.counters["unframed"] += 1
        self._pump()  # what was asked before is answered before
        outline = outline_of(connection.framer.head)
        refusal = make_refusal(outline, fault, connection.hop) if outline is not None else None
        if refusal is not None and self._is_open(connection):
            self._write(connection, refusal[0])
        if not self._is_open(connection):
            return
        connection.ending = True
        del self._connections[connection.hop]
        self._dying.add(connection)
        self._tell_lost(connection)
        try:
            connection.sock.shutdown(socket.SHUT_WR)  # closed at once, what we have not read would cost it our answer
        except OSError:
            self._drop(connection)
            return
        connection.connecting = self._loop.call_later(self._limits.linger, self._drop, connection)
        self._loop.remove_writer(connection.sock.fileno())

    # -- the end

    def _keep(self, sock: socket.socket, hop: Hop) -> _Connection:
        old = self._connections.get(hop)
        if old is not None:  # its port came again, so the peer knows no more of it
            self._lose(old)
            self._loop.call_soon(self._pump)
        connection = self._connections[hop] = _Connection(sock, hop, self._clock())
        if self._sweep is None:
            self._sweep = self._loop.call_later(self._limits.idle / 4, self._on_sweep)
        return connection

    def _is_open(self, connection: _Connection) -> bool:
        return self._connections.get(connection.hop) is connection

    def _lose(self, connection: _Connection) -> None:
        """The connection is over, by whosever fault: what waited for answers on it has to know."""
        self._drop(connection)
        if not connection.ending:
            self._tell_lost(connection)

    def _tell_lost(self, connection: _Connection) -> None:
        if connection.asked and self._core is not None:
            self._core.disconnected(connection.hop, self._clock())

    def _drop(self, connection: _Connection) -> None:
        sock = connection.sock
        if sock.fileno() >= 0:
            self._loop.remove_reader(sock.fileno())
            self._loop.remove_writer(sock.fileno())
            sock.close()
        if connection.connecting is not None:
            connection.connecting.cancel()
            connection.connecting = None
        self._dying.discard(connection)
        if self._is_open(connection):
            del self._connections[connection.hop]

    def _on_sweep(self) -> None:
        """Close what was not used for long; coarse on purpose."""
        self._sweep = None
        before = self._clock() - self._limits.idle
        for connection in [c for c in self._connections.values() if c.used <= before]:
            self.counters["idle"] += 1
            self._lose(connection)
        if self._connections:
            self._sweep = self._loop.call_later(self._limits.idle / 4, self._on_sweep)
        self._pump()


def open_tcp(host: str, port: int) -> socket.socket:
    """A listening, non-blocking TCP socket.

    Raises `OSError` when the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a restart must not wait for old connections
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        adopt_tcp(sock)
    except OSError:
        sock.close()
        raise
    return sock


def adopt_tcp(sock: socket.socket) -> None:
    """Listen on a socket, maybe one that somebody else has bound."""
    sock.setblocking(False)
    sock.listen(_BACKLOG)


def _is_connected(sock: socket.socket) -> bool:
    """Whether a connection came up, and to somebody else: TCP can meet itself where nobody listens."""
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        return False
    try:
        return bool(sock.getsockname() != sock.getpeername())
    except OSError:  # up, and gone again
        return False


def _way_back(response: bytes) -> Hop | None:
    """Where a response goes whose connection is gone."""
    try:
        return reply_hop(parse_message(response).via)
    except RemoteProtocolError:
        return None
