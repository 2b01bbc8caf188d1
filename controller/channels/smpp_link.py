"""One connection to an SMSC that is made again and again: the I/O of `smpp_session`.

Owns the socket, its TLS, the one timer, and when a new connection is tried. Must not know messages: it hands on events.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import cast

from controller.channels.smpp_queries import Query
from controller.channels.smpp_session import Bound, Closed, Delivered, Event, Session, State, SubmitFields
from controller.types.smpp import Smpp

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 30.0  # seconds between two tries; each is twice the one before
STEADY = 10.0  # seconds: a bind that lasted less is no reason to come back as if nothing had been
GOODBYE = 1.0  # seconds for the other side to take our goodbye
REFUSED_PAUSE = 30.0  # after a bind that was refused: SMSCs shut out whoever goes on asking


class Link(asyncio.Protocol):
    """A bind that is kept up."""

    def __init__(self, settings: Smpp, command: int, on_event: Callable[[Link, Event], None], random: Random) -> None:
        """``command``: which bind (`smpp_pdu`). ``on_event`` hears what happens, in order, and must not raise; a
        connection that cannot be made is `Closed` too."""
        self._settings = settings
        self._command = command
        self._on_event = on_event
        self._random = random
        self._session: Session | None = None
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._gone = asyncio.Event()
        self._refused = False
        self._bound_at = 0.0

    @property
    def is_bound(self) -> bool:
        """Whether submits may be handed in."""
        return self._session is not None and self._session.state is State.BOUND

    async def keep(self) -> None:
        """Connect, and again whenever that is over. Ends when it is cancelled."""
        loop = asyncio.get_running_loop()
        context = self._context() if self._settings.tls else None
        pause = FIRST_PAUSE
        while True:
            self._gone.clear()
            self._refused, self._bound_at = False, 0.0
            try:
                async with asyncio.timeout(self._settings.timeout):
                    await loop.create_connection(
                        lambda: self,
                        self._settings.host,
                        self._settings.port,
                        ssl=context,
                        server_hostname=self._settings.host if context is not None else None,
                    )
            except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
                self._on_event(self, Closed(_describe(error)))
            else:
                await self._gone.wait()
            if self._bound_at and self._now() - self._bound_at >= STEADY:
                pause = FIRST_PAUSE
            await asyncio.sleep(REFUSED_PAUSE if self._refused else pause * self._random.uniform(0.8, 1.2))
            pause = min(2 * pause, LONGEST_PAUSE)

    def submit(self, token: int, fields: SubmitFields, lifetime: float) -> None:
        """Hand in a message, of use for ``lifetime`` seconds; what becomes of it is an event with the token. Only while
        `is_bound`."""
        assert self._session is not None
        self._session.submit(token, fields, self._now(), lifetime)
        self._flush()

    def query(self, query: Query) -> None:
        """Ask about a message; the answer is an event, if there is one."""
        if self._session is not None:
            self._session.query(query, self._now())
            self._flush()

    def confirm(self, delivered: Delivered, *, taken: bool) -> None:
        """Answer a deliver_sm; one of an earlier connection's cannot be answered any more, and the SMSC sends it again."""
        if delivered.session is self._session:
            delivered.session.confirm(delivered.sequence, taken=taken)
            self._flush()

    async def leave(self) -> None:
        """Say goodbye and hang up."""
        if self._session is None:
            return
        self._session.unbind()
        self._flush()
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE):
                await self._gone.wait()
        if self._transport is not None:
            self._transport.abort()

    # ----------------------------------------------------------------- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are of no class of asyncio's
        self._session = Session(self._settings, self._command, self._now())
        self._flush()

    def data_received(self, data: bytes) -> None:
        if self._session is not None:
            self._session.receive(data, self._now())
            self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._session is not None:
            self._session.lose("the connection was lost" if exc is None else _describe(exc))
            self._flush()
        self._session = self._transport = None
        self._gone.set()

    # ----------------------------------------------------------------- the pump

    def _flush(self) -> None:
        """Write what is to be written, hand on what happened, set the timer."""
        session, transport = self._session, self._transport
        if session is None or transport is None:
            return
        if (data := session.take()) and not transport.is_closing():
            transport.write(data)
        for event in session.pop_events():
            if isinstance(event, Bound):
                self._bound_at = self._now()
            elif isinstance(event, Closed):
                self._refused = event.refused
                if event.silent:
                    transport.abort()
                else:
                    transport.close()  # once our goodbye is written
            self._on_event(self, event)
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._session is not None and (due := self._session.deadline()) != float("inf"):
            self._timer = asyncio.get_running_loop().call_at(due, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._session is not None:
            self._session.handle_timer(self._now())
            self._flush()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._settings.ca or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


def _describe(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer to the connection"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error).lower() or type(error).__name__
