"""The API on a socket: uvicorn in a loop that is there already.

Owns the socket and how requests are read. Must not handle signals: that is the daemon's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterable, Iterator

import uvicorn
from starlette.types import ASGIApp

from controller.api.heads import PatientProtocol
from controller.api.shell import Shell
from controller.api.tokens import Tokens
from controller.types.messages import ApiToken

BACKLOG = 1024
#: Seconds that a connection may idle between two requests.
KEEP_ALIVE = 75


class ListenError(Exception):
    """The address cannot be listened on; the message says which and why."""


class _Quiet(uvicorn.Server):
    """Leaves signals alone, and says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class ApiServer:
    """One listening API."""

    def __init__(self, shell: Shell, sock: socket.socket, door: ASGIApp | None = None) -> None:
        """``sock`` listens, or is bound (`open_socket`). ``door``: what stands around the shell."""
        self.shell = shell
        self._sock = sock
        config = uvicorn.Config(
            door or shell,
            lifespan="off",
            log_config=None,
            log_level="critical",  # what goes wrong is told by the shell; garbage from strangers is not
            access_log=False,
            server_header=False,
            proxy_headers=False,
            http=PatientProtocol,
            ws="none",
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE,
        )
        self._server = _Quiet(config)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self._sock.getsockname()[:2]
        return host, port

    def adopt(self, tokens: Iterable[ApiToken]) -> None:
        """These may ask from now on."""
        self.shell.tokens = Tokens(tokens)

    async def serve(self) -> None:
        """Until `stop`: then no new requests are taken, and those under way are finished."""
        await self._server.serve([self._sock])

    def stop(self) -> None:
        """Let `serve` come to its end."""
        self._server.should_exit = True

    async def started(self) -> None:
        """Wait until requests are taken."""
        await self._server.ready.wait()


def open_socket(host: str, port: int) -> socket.socket:
    """A TCP socket bound there; port 0: any. Raises `ListenError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named; without it an answer in two writes waits 40 ms for an ACK.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise ListenError(f"{host}:{port}: {error.strerror}; is another daemon there?") from error
    return sock
