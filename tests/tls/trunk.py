"""A trunk that speaks TLS, made of the standard library alone: a thread accepts, one more serves each connection.

Owns no opinion: it answers OPTIONS and BYE with 200 and an INVITE as it is told, and keeps what it was told.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from types import TracebackType
from typing import Self

from sip.framing import PING, Framer
from sip.message import Request, Response
from sip.parser import parse_message
from tests.certificates import Pair
from tests.sip import wire

HOST = "127.0.0.1"
PATIENCE = 20.0  # seconds; only what is broken ever waits for so long


def server_context(pair: Pair, authority: Pair | None = None) -> ssl.SSLContext:
    """Shows anything, however weak; with an authority it asks for the certificate of the caller."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(pair.certificate, pair.key)
    if authority is not None:
        context.load_verify_locations(authority.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class TlsTrunk:
    """Listens while its context is open; ``heard`` are the messages that came, ``names`` who connected."""

    def __init__(self, context: ssl.SSLContext | None, status: int = 200) -> None:
        """Without a context it speaks plain TCP."""
        self._context = context
        self._status = status
        self._sock = socket.create_server((HOST, 0))
        self.port = self._sock.getsockname()[1]
        self.heard: list[Request | Response] = []
        self.raw = b""  # all that came in plain text
        self.names: list[str] = []
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self._is_closed = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name=f"trunk-{self.port}", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_closed = True
        self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        self.hang_up()

    def hang_up(self) -> None:
        """Close all connections."""
        for sock in [*self._open]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def wait_for(self, method: str, count: int = 1) -> Request:
        """The request with this method, the last of so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._of(method)) >= count, PATIENCE), f"no {method} came"
            return self._of(method)[count - 1]

    def _of(self, method: str) -> list[Request]:
        return [each for each in self.heard if isinstance(each, Request) and each.method == method]

    def say(self, data: bytes) -> None:
        """Send something on each open connection."""
        for sock in [*self._open]:
            sock.sendall(data)

    def _accept(self) -> None:
        while not self._is_closed:
            try:
                sock, _ = self._sock.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), name=f"peer-{self.port}", daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        plain.settimeout(PATIENCE)
        sock = plain
        try:
            if self._context is not None:
                sock = self._context.wrap_socket(plain, server_side=True)
                shown = sock.getpeercert() or {}
                self.names += [str(value) for _, value in shown.get("subjectAltName", ())]
            else:
                sock.sendall(
                    b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
                )  # what else is said to a ClientHello
            self._open.add(sock)
            framer = Framer()
            while data := sock.recv(65536):
                self.raw += data
                for piece in framer.feed(data):
                    self._take(sock, piece)
        except OSError:
            pass
        finally:
            self._open.discard(sock)
            sock.close()
            plain.close()

    def _take(self, sock: socket.socket, piece: bytes) -> None:
        if piece == PING:
            sock.sendall(b"\r\n")
            return
        message = parse_message(piece)
        if isinstance(message, Request) and message.method != "ACK":
            status = self._status if message.method == "INVITE" else 200
            kind = (
                f"sips:{HOST}:{self.port}"
                if message.uri.startswith("sips:")
                else f"sip:{HOST}:{self.port};transport=tls"
            )
            sock.sendall(wire.answer(message, status, extra=(f"Contact: <{kind}>", "Content-Length: 0")))
        with self._changed:
            self.heard.append(message)
            self._changed.notify_all()


class TlsCaller:
    """Connects, sends and reads; blocking."""

    def __init__(self, port: int, context: ssl.SSLContext, domain: str) -> None:
        self.sock = context.wrap_socket(socket.create_connection((HOST, port), PATIENCE), server_hostname=domain)
        self._framer = Framer()
        self._read: list[bytes] = []

    @property
    def via(self) -> str:
        """Its Via, without a branch."""
        return f"SIP/2.0/TLS {HOST}:{self.sock.getsockname()[1]}"

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read(self) -> Request | Response:
        """The next message; raises `OSError` when there is none any more."""
        while not self._read:
            data = self.sock.recv(65536)
            if not data:
                raise ConnectionResetError("closed")
            self._read += self._framer.feed(data)
        return parse_message(self._read.pop(0))

    def final(self) -> Response:
        """The next final response."""
        while True:
            message = self.read()
            if isinstance(message, Response) and message.status >= 200:
                return message

    def close(self) -> None:
        self.sock.close()


def client_context(authority: Pair, pair: Pair | None = None) -> ssl.SSLContext:
    """Trusts one authority, and shows anything."""
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if pair is not None:
        context.load_cert_chain(pair.certificate, pair.key)
    return context
