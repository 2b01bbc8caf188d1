"""One connection: its socket, what waits to be sent, what has come in, and TLS between the two where there is some.

Owns bytes and buffers of a single connection and says when it is `Lost`. Every call works on what is there now and
returns: whether a socket is ready is `sip.stream`'s business, and so is what a message means for whom.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from sip.errors import RemoteProtocolError
from sip.framing import Framer
from sip.layer import reply_hop
from sip.parser import parse_message
from sip.tls import Security, Session, TlsError
from sip.transaction import Hop

_CHUNK = 1 << 16  # bytes a turn and connection
_IN_PROGRESS = frozenset((errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN))
_BACKLOG = 1024  # of listen(2)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a connection may cost; times in seconds."""

    connections: int = 8192
    unsent: int = 1 << 18  # bytes that wait for a peer to read them
    connect: float = 4.0  # TCP and TLS handshake together; the hedge has moved the call on long before
    idle: float = 300.0  # RFC 3261 §18 asks for 64 x T1 after a message; a call may ring for 3 minutes
    linger: float = 2.0  # for a peer to read our refusal before it is cut off
    unacknowledged: float = 5.0  # TCP_USER_TIMEOUT: a host that came back gets a new connection soon
    rest: float = 1.0  # before accepting again when the process is out of file descriptors
    strangers: int = 256  # connections of peers that nobody knows; the oldest makes room
    handshakes: int = 256  # of peers that are not finished; the oldest makes room
    handshake: int = 1 << 16  # bytes of a peer before it is finished; a long chain of certificates has 10,000
    refused: float = 1.0  # until a trunk whose certificate was refused twice is tried again; up to 8 times that
    ping: float = 30.0  # a connection to a trunk that is quiet for so long is asked whether it is there
    pong: float = 10.0  # RFC 5626 §4.4.1: it has so long to answer

    @property
    def sweep(self) -> float:
        """How often quiet connections are looked for."""
        return min(self.idle / 4, self.ping / 2, self.pong)


class Core(Protocol):
    """What gets the messages."""

    def receive(self, data: bytes, source: Hop, now: float) -> object:
        """Take one message; False if it is kept out."""

    def knows(self, source: Hop) -> bool:
        """Whether whatever comes from there is let in."""

    def introduce(self, connection: Hop, names: Collection[str]) -> None:
        """The peer of a connection has proved these names; none: the connection is gone."""

    def unreachable(self, quoted: bytes, hop: Hop, now: float) -> None:
        """The request ``quoted`` cannot be delivered to ``hop``."""

    def disconnected(self, hop: Hop, now: float) -> None:
        """A connection on which requests had gone to ``hop`` is lost."""


class Lost(Exception):
    """The connection is over; the message says why where TLS is to blame, and is empty otherwise."""


class Connection:
    """One connection, by whomever it was opened."""

    __slots__ = (
        "alias",
        "asked",
        "ending",
        "framer",
        "heard",
        "hop",
        "is_up",
        "opened",
        "pinged",
        "session",
        "sock",
        "timer",
        "unsent",
        "used",
        "waiting",
    )  # fmt: skip

    def __init__(self, sock: socket.socket, hop: Hop, now: float, session: Session | None, *, opened: bool) -> None:
        """``opened``: by us. ``session`` secures it."""
        self.sock = sock
        self.hop = hop
        self.session = session
        self.opened = opened
        self.is_up = not opened and session is None  # messages may go both ways
        self.framer = Framer()
        self.waiting: list[bytes] = []  # messages for when it is up
        self.unsent = bytearray()
        self.used = now  # when a whole message last went either way: dripping bytes do not count
        self.heard = now  # when anything last came in
        self.pinged = 0.0  # when it was asked whether it is there, and has not answered yet
        self.timer: asyncio.TimerHandle | None = None  # while it comes up, and while it lingers
        self.asked = False  # requests of ours went this way
        self.alias: Hop | None = None  # where its peer listens, and wants to be talked to by this very way (RFC 5923)
        self.ending = False  # refused: nothing is read any more

    @property
    def names(self) -> frozenset[str]:
        """Whom the peer has proved to be: SIP domains and IP addresses of its verified certificate."""
        return self.session.certificate.names if self.session is not None else frozenset()

    def receive(self) -> bytes:
        """The plain text that is there now, maybe none; raises `Lost`."""
        try:
            data = self.sock.recv(_CHUNK)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        session = self.session
        if not data:
            raise Lost(session.why_ended() if session is not None else "")
        if session is None:
            return data
        session.feed(data)
        return self.decrypt() if session.is_up else b""

    def decrypt(self) -> bytes:
        """The plain text of what the session has been fed; raises `Lost`."""
        assert self.session is not None
        try:
            data = self.session.decrypt()
        except TlsError as error:
            self.say_last_word()
            raise Lost(str(error)) from error
        if answer := self.session.take():
            self.put_raw(answer)
        if self.session.is_over and not data:
            raise Lost
        return data

    def shake(self) -> bool:
        """Go on with the TLS handshake; whether it is done. Raises `Lost`."""
        assert self.session is not None
        try:
            is_done = self.session.shake()
        except TlsError as error:
            self.say_last_word()
            raise Lost(str(error)) from error
        if data := self.session.take():
            self.put_raw(data)
        return is_done

    def put(self, data: bytes) -> None:
        """Send, now or when the peer reads again; raises `Lost`."""
        if self.session is not None:
            try:
                self.session.encrypt(data)
            except TlsError as error:
                raise Lost(str(error)) from error
            data = self.session.take()
        self.put_raw(data)

    def put_raw(self, data: bytes) -> None:
        """The same for what is no plain text."""
        if self.unsent:
            self.unsent += data
            return
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise Lost from error
        if sent < len(data):
            self.unsent += data[sent:]

    def flush(self) -> None:
        """Send what waits, as much as goes; raises `Lost`."""
        try:
            sent = self.sock.send(self.unsent)
        except BlockingIOError:
            return
        except OSError as error:
            raise Lost from error
        del self.unsent[:sent]

    def say_last_word(self) -> None:
        """What TLS still has to tell the peer, an alert or goodbye, if it goes at once; never raises."""
        if self.session is not None and not self.unsent and (data := self.session.take()):
            with suppress(OSError):
                self.sock.send(data)

    def say_goodbye(self) -> None:
        """Tell the peer that nothing more will come, if that goes at once; never raises."""
        if self.session is not None and self.session.is_up:
            self.session.say_goodbye()
            self.say_last_word()

    def cancel_timer(self) -> None:
        """Nothing is waited for any more; a second time is harmless."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


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


def tune(sock: socket.socket, limits: Limits) -> None:
    """Messages leave at once, and a peer that takes nothing any more is soon found out; raises `OSError`."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(limits.unacknowledged * 1000))


def connect(hop: Hop, listener: socket.socket, limits: Limits) -> socket.socket | None:
    """Begin a connection from the address of our listener; None where that fails at once."""
    family = socket.AF_INET6 if ":" in hop.host else socket.AF_INET
    host = listener.getsockname()[0]
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        return None
    try:
        sock.setblocking(False)
        tune(sock, limits)
        if family == listener.family and host not in ("0.0.0.0", "::"):
            sock.bind((host, 0))  # trunks may know us by our address
        failure = sock.connect_ex((hop.host, hop.port))
    except OSError as error:
        failure = error.errno or errno.EINVAL
    if failure and failure not in _IN_PROGRESS:
        sock.close()
        return None
    return sock


def make_session(
    security: Security, hop: Hop, connections: Iterable[Connection], *, opened: bool, look: bool
) -> Session:
    """What secures a connection; ``connections`` are those that are up, ``look`` as in `sip.doubts`."""
    if not opened:
        return Session(None, security.server)
    peer = security.peer_at(*hop[:2], lambda: _names_at(hop.host, connections))
    return Session(peer, look=security.look if look else None)


def _names_at(host: str, connections: Iterable[Connection]) -> set[str]:
    """Whom those who called from a host have proved to be."""
    return {name for each in connections if each.hop.host == host and not each.opened for name in each.names}


def is_connected(sock: socket.socket) -> bool:
    """Whether a connection came up, and to somebody else: TCP can meet itself where nobody listens."""
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        return False
    try:
        return bool(sock.getsockname() != sock.getpeername())
    except OSError:  # up, and gone again
        return False


def way_back(response: bytes, source: Hop) -> Hop | None:
    """Where a response goes whose connection is gone; ``source`` is where the request came from."""
    try:
        hop = reply_hop(parse_message(response).via)
    except RemoteProtocolError:
        return None
    return hop._replace(listener=source.listener) if hop is not None and hop.transport == source.transport else None


def alias_of(request: bytes, source: Hop) -> Hop | None:
    """Where the sender of a request listens if it asks to be called by this connection (RFC 5923 §5): at its own
    address, for a name in a Via proves nothing."""
    try:
        via = parse_message(request).via
    except RemoteProtocolError:
        return None
    params = via.params.lower().replace(" ", "")
    return source._replace(port=via.sent_by[1]) if ";alias;" in f"{params};" else None
