"""TCP and TLS beside the pump: connections that are reused, bounded and never waited for.

Owns a listening socket and all connections of its transport, as callbacks of the loop: no task, nothing awaited. A
message goes out on the open connection to its hop, else on a new one; a response on the connection its request came on,
and when that is gone to the address in its Via (RFC 3261 §18.2.2). What cannot be delivered is told to the core at once.
A peer that does not read, sends what has no end, stalls in its handshake or says nothing for long is closed. Must not
know transactions.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable

from sip.accepting import Acceptor, Strangers
from sip.aliases import Aliases
from sip.certificate import Certificate
from sip.connection import Connection, Core, Limits, Lost, connect, is_connected, make_session, tune, way_back
from sip.doubts import Doubts
from sip.errors import RemoteProtocolError
from sip.framing import PING, PONG
from sip.handshakes import Handshakes
from sip.keepalive import KeepAlive
from sip.layer import make_refusal
from sip.parser import outline_of
from sip.tls import Security
from sip.transaction import Hop


class StreamEndpoint:
    """A TCP or TLS listener and all connections. ``counters`` are for metrics; ``on_secured`` hears of the certificate
    behind each connection that we opened, ``on_refused`` why one could not be secured."""

    def __init__(
        self,
        listener: socket.socket,
        clock: Callable[[], float],
        limits: Limits | None = None,
        name: str = "",
        security: Security | None = None,
    ) -> None:
        """``listener`` comes from `open_tcp`, ``name`` is its in a `Hop`; ``clock`` gives the monotonic time of the
        event loop; with ``security`` it is TLS that is spoken."""
        self._listener = listener
        self._clock = clock
        self._limits = limits or Limits()
        self._core: Core | None = None
        self._loop: asyncio.AbstractEventLoop
        self._pump: Callable[[], None]
        self._connections: dict[Hop, Connection] = {}
        self._aliases = Aliases()
        self._doubts = Doubts(self._limits.refused)
        self._dying: set[Connection] = set()
        self._handshakes: Handshakes
        self._acceptor = Acceptor(listener, self._limits.rest, self._on_accepted)
        self._strangers = Strangers(self._limits.strangers)
        self._sweep: asyncio.TimerHandle | None = None
        self.security = security
        self.keepalive = KeepAlive(self._limits.ping, self._limits.pong)
        self.on_secured: Callable[[Hop, Certificate], None] = lambda hop, certificate: None
        self.on_refused: Callable[[Hop, str], None] = lambda hop, why: None
        #: Hears each message that is let in, as that of the pump does, which hears of what is sent.
        self.on_wire: Callable[[bool, bytes, Hop], None] | None = None
        self.counters: dict[str, int] = {
            "accepted": 0, "opened": 0, "received": 0, "sent": 0, "unreachable": 0, "overflowed": 0, "unframed": 0,
            "refused": 0, "idle": 0, "insecure": 0, "stalled": 0, "pings": 0, "turned_away": 0,
        }  # fmt: skip
        host, port = listener.getsockname()[:2]
        self.local = Hop(host, port, "tcp" if security is None else "tls", name)

    def start(self, core: Core, loop: asyncio.AbstractEventLoop, pump: Callable[[], None]) -> None:
        """Begin to accept. ``pump`` sends what the core has to send and arms its timer."""
        self._core, self._loop, self._pump = core, loop, pump
        self._handshakes = Handshakes(self._limits.handshakes, self._shake, pump)
        self._acceptor.start(loop)

    def close(self) -> None:
        """Close everything; a second time is harmless."""
        self._core = None
        self._acceptor.close()
        for connection in [*self._connections.values(), *self._dying]:
            self._drop(connection)
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def __len__(self) -> int:
        return len(self._connections)

    def renew(self, security: Security) -> None:
        """Secure new connections so; those that are up stay as they are."""
        self.security = security
        self._doubts.clear()

    def identity_of(self, hop: Hop) -> frozenset[str]:
        """Whom the peer behind this connection has proved to be: SIP domains (RFC 5922) and IP addresses of a
        certificate that was verified; nobody where there is none."""
        connection = self._connections.get(hop)
        return connection.names if connection is not None else frozenset()

    # -- sending

    def send(self, data: bytes, hop: Hop) -> None:
        """Send one message; never waits and never raises."""
        if self._core is None:
            return
        connection = self._connections.get(hop) or self._aliases.find(hop, self.security)
        if connection is None:
            if data.startswith(b"SIP/2.0 "):
                back = way_back(data, hop)
                if back is None:
                    return
                hop = back
            connection = self._connections.get(hop) or self._connect(data, hop)
            if connection is None:
                return
        connection.asked = connection.asked or not data.startswith(b"SIP/2.0 ")
        connection.used = self._clock()
        if not connection.is_up:
            connection.waiting.append(data)
            if sum(map(len, connection.waiting)) > self._limits.unsent:
                self.counters["overflowed"] += 1
                self._give_up(connection)
            return
        self.counters["sent"] += 1
        self._write(connection, data)

    def _write(self, connection: Connection, data: bytes) -> None:
        had = bool(connection.unsent)
        try:
            connection.put(data)
        except Lost as lost:
            self._lose(connection, str(lost))
            return
        self._watch_unsent(connection, had)

    def _watch_unsent(self, connection: Connection, had: bool) -> None:
        """Go on when the peer reads; it has to."""
        if not connection.unsent:
            if had:
                self._loop.remove_writer(connection.sock.fileno())
            return
        if not had:
            self._loop.add_writer(connection.sock.fileno(), self._on_writable, connection)
        if len(connection.unsent) > self._limits.unsent:  # it does not read
            self.counters["overflowed"] += 1
            self._lose(connection)

    def _on_writable(self, connection: Connection) -> None:
        try:
            connection.flush()
        except Lost:
            self._lose(connection)
            self._pump()
            return
        self._watch_unsent(connection, had=True)

    # -- connecting

    def _connect(self, data: bytes, hop: Hop) -> Connection | None:
        """Begin a connection; None if that fails at once, which is told to the core."""
        is_left_alone = self._doubts.is_left_alone(hop, self._clock())
        sock = None if is_left_alone else connect(hop, self._listener, self._limits)
        if sock is None:
            self._tell_unreachable([data], hop)
            return None
        self.counters["opened"] += 1
        connection = self._keep(sock, hop, opened=True)
        connection.timer = self._loop.call_later(self._limits.connect, self._on_stalled, connection)
        self._loop.add_writer(sock.fileno(), self._on_connected, connection)
        return connection

    def _on_connected(self, connection: Connection) -> None:
        if not is_connected(connection.sock):
            self._give_up(connection)
            self._pump()
            return
        self._loop.remove_writer(connection.sock.fileno())
        self._loop.add_reader(connection.sock.fileno(), self._on_readable, connection)
        if connection.session is not None:
            self._handshakes.go_on(connection, self._loop)
            return
        self._come_up(connection)
        self._pump()

    def _come_up(self, connection: Connection) -> None:
        """It is connected, and secured where it has to be."""
        connection.cancel_timer()
        connection.is_up = True
        waiting, connection.waiting = connection.waiting, []
        self.counters["sent"] += len(waiting)
        if waiting:
            self._write(connection, b"".join(waiting))

    def _on_stalled(self, connection: Connection) -> None:
        self.counters["stalled"] += 1
        is_met = connection.session is not None and connection.session.has_begun
        self._give_up(connection, "it does not go on with the handshake" if is_met else "")
        self._pump()

    def _give_up(self, connection: Connection, why: str = "") -> None:
        """It never came up."""
        waiting, connection.waiting = connection.waiting, []
        self._drop(connection)
        if why:
            self._tell_refused(connection, why)
        if connection.opened:
            self._tell_unreachable(waiting, connection.hop)

    def _tell_refused(self, connection: Connection, why: str) -> None:
        self.counters["insecure"] += 1
        if connection.opened:
            self.on_refused(connection.hop, self._doubts.tell(connection, why, self._clock()))

    def _tell_unreachable(self, messages: list[bytes], hop: Hop) -> None:
        self.counters["unreachable"] += 1
        for data in messages:
            if self._core is not None and not data.startswith(b"SIP/2.0 "):
                self._core.unreachable(data, hop, self._clock())

    # -- handshakes

    def _shake(self, connection: Connection) -> None:
        session = connection.session
        if session is None or connection.is_up or not self._is_open(connection):
            return
        had = bool(connection.unsent)
        try:
            is_done = connection.shake()
        except Lost as lost:
            self._give_up(connection, str(lost))
            return
        self._watch_unsent(connection, had)
        if not self._is_open(connection):
            return
        if not is_done:
            if session.fed > self._limits.handshake:
                self._give_up(connection, "its handshake has no end")
            return
        self._handshakes.end(connection)
        if connection.opened:
            self._doubts.settle(connection.hop)
            self.on_secured(connection.hop, session.certificate)
        self._introduce(connection)
        self._come_up(connection)
        if self._is_open(connection):
            self._take(connection, connection.decrypt)  # what came along with the last of the handshake

    # -- accepting

    def _on_accepted(self, sock: socket.socket, peer: tuple[str, int]) -> None:
        core = self._core
        if core is None or len(self._connections) >= self._limits.connections:
            self.counters["refused"] += 1
            sock.close()
            return
        self.counters["accepted"] += 1
        sock.setblocking(False)
        try:
            tune(sock, self._limits)
        except OSError:
            sock.close()
            return
        connection = self._keep(sock, Hop(peer[0], peer[1], *self.local[2:]), opened=False)
        self._loop.add_reader(sock.fileno(), self._on_readable, connection)
        if not core.knows(connection.hop):
            oldest = self._strangers.begin(connection)
            if oldest is not None:
                self._turn_away(oldest)
        if connection.session is not None and self._is_open(connection):
            connection.timer = self._loop.call_later(self._limits.connect, self._on_stalled, connection)
            oldest = self._handshakes.begin(connection)
            if oldest is not None:
                self.counters["stalled"] += 1
                self._give_up(oldest)

    def _turn_away(self, connection: Connection) -> None:
        """A stranger who brought nothing good, or must make room: without a word."""
        self.counters["turned_away"] += 1
        self._drop(connection)

    def _introduce(self, connection: Connection) -> None:
        """Its peer has proved who it is."""
        if self._core is not None and connection.names:
            self._core.introduce(connection.hop, connection.names)
            if self._core.knows(connection.hop):
                self._strangers.end(connection)

    # -- receiving

    def _on_readable(self, connection: Connection) -> None:
        self._take(connection, connection.receive)

    def _take(self, connection: Connection, read: Callable[[], bytes]) -> None:
        had = bool(connection.unsent)
        try:
            data = read()
        except Lost as lost:
            if connection.is_up:
                self._lose(connection, str(lost))
            else:
                self._give_up(connection, str(lost))
            self._pump()
            return
        if not connection.is_up:
            if connection.session is not None:
                self._handshakes.go_on(connection, self._loop)
            return
        self._watch_unsent(connection, had)  # TLS itself may have had something to say
        if data and not connection.ending and self._is_open(connection):
            self.keepalive.note_heard(connection, data, self._clock())
            self._deliver(connection, deque(connection.framer.feed(data)))

    def _deliver(self, connection: Connection, pieces: deque[bytes]) -> None:
        if pieces:
            connection.used = self._clock()
        pings = 0
        try:
            while pieces and self._core is not None:
                piece = pieces.popleft()
                if piece == PING:
                    pings += 1
                    continue
                self.counters["received"] += 1
                source = self._aliases.source_of(piece, connection, self._core)
                let_in = self._core.receive(piece, source, self._clock())
                if self.on_wire is not None and let_in is not False:
                    self.on_wire(False, piece, source)
                if connection in self._strangers:
                    if let_in is False:
                        pieces.clear()
                        self._turn_away(connection)
                    else:
                        self._strangers.end(connection)
        finally:
            # together: who sends nothing but pings gets no more than a write
            if pings and self._is_open(connection) and connection not in self._strangers:
                self._write(connection, PONG * pings)
            if pieces and self._core is not None:  # a fault of ours in one message must not swallow the others
                self._loop.call_soon(self._deliver, connection, pieces)
            elif connection.framer.fault is not None and self._is_open(connection):
                self._refuse(connection, connection.framer.fault)
            self._pump()

    def _refuse(self, connection: Connection, fault: RemoteProtocolError) -> None:
        """Nobody knows where the next message begins: at most one answer, and the end (RFC 3261 §18.3)."""
        self.counters["unframed"] += 1
        if connection in self._strangers:
            self._turn_away(connection)
            return
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
            connection.say_goodbye()
            connection.sock.shutdown(socket.SHUT_WR)  # closed at once, what we have not read would cost it our answer
        except OSError:
            self._drop(connection)
            return
        connection.cancel_timer()
        connection.timer = self._loop.call_later(self._limits.linger, self._drop, connection)
        self._loop.remove_writer(connection.sock.fileno())

    # -- the end

    def _keep(self, sock: socket.socket, hop: Hop, *, opened: bool) -> Connection:
        old = self._connections.get(hop)
        if old is not None:  # its port came again, so the peer knows no more of it
            self._lose(old)
            self._loop.call_soon(self._pump)
        session, others, look = None, self._connections.values(), self._doubts.wants_look(hop)
        if self.security is not None:
            session = make_session(self.security, hop, others, opened=opened, look=look)
        connection = self._connections[hop] = Connection(sock, hop, self._clock(), session, opened=opened)
        if self._sweep is None:
            self._sweep = self._loop.call_later(self._limits.sweep, self._on_sweep)
        return connection

    def _is_open(self, connection: Connection) -> bool:
        return self._connections.get(connection.hop) is connection

    def _lose(self, connection: Connection, why: str = "") -> None:
        """The connection is over, by whosever fault: what waited for answers on it has to know."""
        if not connection.is_up:
            self._give_up(connection, why)
            return
        self._drop(connection)
        if why:
            self._tell_refused(connection, why)
        if not connection.ending:
            self._tell_lost(connection)

    def _tell_lost(self, connection: Connection) -> None:
        if connection.asked and self._core is not None:
            self._core.disconnected(connection.hop, self._clock())
            if connection.alias is not None:
                self._core.disconnected(connection.alias, self._clock())

    def _drop(self, connection: Connection) -> None:
        sock = connection.sock
        if sock.fileno() >= 0:
            self._loop.remove_reader(sock.fileno())
            self._loop.remove_writer(sock.fileno())
            if connection.is_up and not connection.ending:
                connection.say_goodbye()
            sock.close()
        connection.cancel_timer()
        self._dying.discard(connection)
        self._handshakes.end(connection)
        self._strangers.end(connection)
        if self._core is not None:
            self._core.introduce(connection.hop, ())
            if connection.alias is not None:
                self._core.introduce(connection.alias, ())
        self._aliases.forget(connection)
        if self._is_open(connection):
            del self._connections[connection.hop]

    # -- quiet connections

    def _on_sweep(self) -> None:
        """Ask those that are quiet whether they are there, close what was not used for long; coarse on purpose."""
        self._sweep = None
        now = self._clock()
        for connection in [*self._connections.values()]:
            if connection.used <= now - self._limits.idle:
                self.counters["idle"] += 1
                self._lose(connection)
            elif self.keepalive.is_dead(connection, now):
                self.counters["stalled"] += 1
                self._lose(connection)
            elif self.keepalive.wants_ping(connection, now):
                self.counters["pings"] += 1
                self._write(connection, PING)
        if self._connections:
            self._sweep = self._loop.call_later(self._limits.sweep, self._on_sweep)
        self._pump()
