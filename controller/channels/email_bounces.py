"""Where bounces come in: a small mail server for one address, which the operator's own hands them to.

Owns aiosmtpd. A bounce is taken (250) once it is written down; while it cannot be, the other side shall come again (451).
No other address is taken, so that nobody sends mail through it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakSet

from aiosmtpd.smtp import SMTP, Envelope, Session

from controller.channels.base import Report
from controller.channels.email_status import key_of, read_bounce

MAX_BYTES = 1 << 20  # a bounce holds our message at most; ours are short
MAX_RECIPIENTS = 100


class Bounces:
    """Takes the bounces of one account."""

    def __init__(self, provider: str, bounces: str, take: Callable[[Report], Awaitable[None]]) -> None:
        """``take`` has written a report down when it returns, and raises when it cannot."""
        self._provider = provider
        self._bounces = bounces
        self._take = take
        self._server: asyncio.Server | None = None
        self._open: WeakSet[SMTP] = WeakSet()
        self.port = 0

    async def listen(self, host: str, port: int) -> None:
        """Raises `OSError`."""
        logging.getLogger("mail.log").disabled = True  # the library's: it writes addresses down
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._make, host, port)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Take no more, and hang up."""
        if self._server is not None:
            self._server.close()
        for server in self._open:
            if server.transport is not None:
                server.transport.close()

    # ----------------------------------------------------------------- what aiosmtpd calls

    async def handle_RCPT(  # noqa: N802  # its names
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        """Nobody else lives here."""
        if key_of(address, self._bounces) is None:
            return "550 5.1.1 no such mailbox"
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Read it, write it down, take it."""
        content = envelope.content
        found = read_bounce(content if isinstance(content, bytes) else (content or "").encode())
        if found is None:
            return "250 2.0.0 ok, it is no bounce"  # refusing it would make another one
        for address in envelope.rcpt_tos:
            key = key_of(address, self._bounces) or found.envelope
            if not key:
                continue
            report = Report(self._provider, "", found.milestone, found.cause, found.code, send_key=key)
            try:
                await self._take(report)
            except Exception:  # noqa: BLE001  # whatever it is, it is not written down
                return "451 4.3.0 try again later"
        return "250 2.0.0 ok"

    def _make(self) -> Any:
        server = SMTP(self, data_size_limit=MAX_BYTES, ident="callward", hostname="callward", enable_SMTPUTF8=True)
        self._open.add(server)
        return server
