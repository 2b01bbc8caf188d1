"""Connections whose request does not begin, does not end, or is none: bounded in time and size, which uvicorn does not do.

Owns how long a head may take and how large it may be, and how long a body may still come that was answered before its end.
Who sends its head in one piece, as all clients do, costs nothing.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from controller.api.problems import MEDIA_TYPE, Problem

PATIENCE = 15.0  # seconds until the head of a request, and the first one of a connection, must be there
MOST = 32 * 1024  # bytes of a head; one of ours has some hundred


class PatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn reads it, with an end to waiting for a head."""

    patience = PATIENCE
    _waits: asyncio.TimerHandle | None = None
    _head = 0  # bytes since the head began
    _in_head = True
    _in_body = False
    _lingers: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio."""
        super().connection_made(transport)
        self._waits = self.loop.call_later(self.patience, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._stop_waiting()
        self._stop_lingering()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            if self._head > MOST:
                self.transport.abort()
            elif self._waits is None:
                self._waits = self.loop.call_later(self.patience, self.transport.abort)
        elif self._waits is not None:
            self._stop_waiting()

    def on_message_begin(self) -> None:
        """See httptools."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """See httptools."""
        self._in_head, self._head, self._in_body = False, 0, True
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """See uvicorn. What still comes of a request is passed over, for a while: nobody hangs on by sending on and on."""
        super().on_response_complete()
        if self._in_body and self.cycle.response_complete and self._lingers is None:
            self._lingers = self.loop.call_later(self.patience, self.transport.abort)

    def on_message_complete(self) -> None:
        """See httptools."""
        self._in_body = False
        self._stop_lingering()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What cannot be read as HTTP hears so in the form of all problems, and is hung up on."""
        body = Problem(400, "http", "the request cannot be read").body()
        head = b"HTTP/1.1 400 Bad Request\r\ncontent-type: %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (MEDIA_TYPE.encode(), len(body)) + body)
        self.transport.close()

    def _stop_lingering(self) -> None:
        if self._lingers is not None:
            self._lingers.cancel()
            self._lingers = None

    def _stop_waiting(self) -> None:
        if self._waits is not None:
            self._waits.cancel()
            self._waits = None
