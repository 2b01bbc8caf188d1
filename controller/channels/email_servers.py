"""Connections to a mail server: a few, each used again, and what one of them does with a message.

Owns aiosmtplib. Must not know cascades or reports: it gives a `Submission`, and says when the server is gone or back.
"""

from __future__ import annotations

import asyncio
import platform
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import inf

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from controller.channels.base import Accepted, Refused, Submission, Unclear
from controller.channels.email_status import OURS, cause_of, code_of, xtext
from controller.types import TRANSPORT_ERROR
from controller.types.cascades import NO_TIME, NOT_ON_CHANNEL, TIMEOUT
from controller.types.smtp import Smtp, SmtpSecurity

IDLE = 30.0  # seconds: a connection unused for longer is closed; servers do it after 5 minutes (RFC 5321 §4.5.3.2.7)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as it is sent."""

    send_key: str
    sender: str  # of the envelope: where bounces go
    to: str
    data: bytes
    until: float = inf  # of the loop's clock: of no use after that


class Servers:
    """The connections of one account."""

    def __init__(self, settings: Smtp, on_state: Callable[[bool, str], None]) -> None:
        """``on_state`` hears whether the server can be used, and why not, each time that somebody has found out."""
        self._settings = settings
        self._on_state = on_state
        self._idle: list[tuple[SMTP, float]] = []
        self._room = asyncio.Semaphore(settings.connections)
        self._closed = False

    async def send(self, letter: Letter) -> Submission:
        """Hand a letter to the server. Never raises for what the server or the network does."""
        async with self._room:
            if _is_late(letter):  # all connections were busy, and long
                return Refused(NO_TIME, "no connection was free")
            used = self._take()
            if used is not None and (submission := await self._hand_over(used, letter)) is not None:
                return submission  # else it was closed while nobody looked: nothing was sent
            fresh = await self._connect()
            if isinstance(fresh, Refused):
                return fresh
            if (submission := await self._hand_over(fresh, letter)) is not None:
                return submission
        self._on_state(False, "the connection was lost")
        return Refused(TRANSPORT_ERROR, "connection lost")

    async def look(self) -> bool:
        """Whether the server can be used now; the connection is kept for the next letter."""
        async with self._room:
            server = await self._connect()
            if isinstance(server, Refused):
                return False
            self._give_back(server)
            return True

    def close(self) -> None:
        """Hang up."""
        self._closed = True
        while self._idle:
            self._idle.pop()[0].close()

    # ----------------------------------------------------------------- connections

    def _take(self) -> SMTP | None:
        now = asyncio.get_running_loop().time()
        while self._idle:
            server, since = self._idle.pop()
            if server.is_connected and now - since < IDLE:
                return server
            server.close()
        return None

    def _give_back(self, server: SMTP) -> None:
        if server.is_connected and not self._closed:
            self._idle.append((server, asyncio.get_running_loop().time()))
        else:
            server.close()

    async def _connect(self) -> SMTP | Refused:
        settings = self._settings
        server = SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.user or None,
            password=settings.password or None,
            local_hostname=settings.hello or platform.node() or "localhost",
            timeout=settings.timeout,
            use_tls=settings.security is SmtpSecurity.TLS,
            start_tls=settings.security is SmtpSecurity.STARTTLS,
            tls_context=_context(settings) if settings.security is not SmtpSecurity.OFF else None,
        )
        refused: Refused
        try:
            await server.connect()
            await server.ehlo()
        except SMTPAuthenticationError as error:
            refused = Refused(OURS, code_of(error.code, error.message))
            self._on_state(False, f"the account is refused: {error.code}")
        except SMTPResponseException as error:
            refused = Refused(cause_of(error.code, error.message), code_of(error.code, error.message))
            self._on_state(False, f"the server says {error.code}")
        except (SMTPException, OSError) as error:
            refused = Refused(TRANSPORT_ERROR, "not connected")
            self._on_state(False, _describe(error))
        else:
            self._on_state(True, "connected")
            return server
        server.close()
        return refused

    # ----------------------------------------------------------------- one letter

    async def _hand_over(self, server: SMTP, letter: Letter) -> Submission | None:
        """None: the connection was gone before the letter could have been taken."""
        notify = "NOTIFY=SUCCESS,FAILURE,DELAY" if self._settings.dsn else "NOTIFY=FAILURE,DELAY"
        mail, rcpt = [], []
        if server.supports_extension("dsn"):  # RFC 3461
            mail = ["RET=HDRS", f"ENVID={xtext(letter.send_key)}"]
            rcpt = [notify, f"ORCPT=rfc822;{xtext(letter.to)}"]
        encoding = "ascii"
        if not letter.to.isascii():
            if not server.supports_extension("smtputf8"):
                self._give_back(server)
                return Refused(NOT_ON_CHANNEL, "no SMTPUTF8")
            encoding = "utf-8"
            mail.append("SMTPUTF8")
        is_open = False  # it may have the letter
        try:
            await server.mail(letter.sender, options=mail, encoding=encoding)
            await server.rcpt(letter.to, options=rcpt, encoding=encoding)
            if _is_late(letter):
                await self._reset(server)
                return Refused(NO_TIME, "the server was slow")
            is_open = True
            await server.data(letter.data)
        except (SMTPResponseException, SMTPRecipientRefused) as error:
            await self._reset(server)
            return Refused(cause_of(error.code, error.message), code_of(error.code, error.message))
        except ValueError:  # an address that would not be one in a command
            await self._reset(server)
            return Refused(NOT_ON_CHANNEL, "no address")
        except (SMTPException, OSError) as error:
            server.close()
            if not is_open:
                return None
            return Unclear(TIMEOUT if isinstance(error, SMTPTimeoutError) else TRANSPORT_ERROR)
        except BaseException:
            server.close()
            raise
        self._give_back(server)
        return Accepted(letter.send_key)  # queue ids come again, our key never

    async def _reset(self, server: SMTP) -> None:
        """Make a connection good for the next letter, after this one was refused."""
        try:
            await server.rset()
        except (SMTPException, OSError):
            server.close()
            return
        self._give_back(server)


def _is_late(letter: Letter) -> bool:
    return asyncio.get_running_loop().time() >= letter.until


def _context(settings: Smtp) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _describe(error: BaseException) -> str:
    """Why there is no connection, in words; the library's may hold more than one line."""
    cause = error.__cause__ or error
    if isinstance(error, SMTPTimeoutError):
        return "no answer to the connection"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {cause.verify_message.lower()}"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    if isinstance(error, SMTPConnectError | SMTPServerDisconnected):
        return "no connection"
    with suppress(IndexError):
        return str(error).splitlines()[0].lower()
    return type(error).__name__
