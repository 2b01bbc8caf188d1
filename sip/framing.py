"""Messages out of a stream of bytes: framing by Content-Length (RFC 3261 §18.3), keep-alives (RFC 5626 §3.5.1).

Owns where a message ends, whatever pieces its bytes arrive in. Sans-IO. It looks at nothing but the end of the head
and Content-Length: what a message means is the parser's business. A stream whose next boundary is unknown is over:
`Framer.fault` says why, and nothing is read from it any more.
"""

from __future__ import annotations

import re

from sip.errors import RemoteProtocolError
from sip.parser import MAX_HEAD

MAX_MESSAGE = 1 << 16  # head and body, bytes: what a datagram could hold, a stream may
PING = b"\r\n\r\n"  # RFC 5626 §3.5.1: a keep-alive that wants an answer
PONG = b"\r\n"  # the answer; one that comes in means nothing to us

_END_OF_HEAD = b"\r\n\r\n"
# The value with its continuation lines; the start line comes first, so that each header follows a line end.
_CONTENT_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:(.*?)(?=\r\n(?![ \t])|\Z)", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(rb"\s*([0-9]{1,9})\s*\Z")


class Framer:
    """The incoming half of one connection."""

    __slots__ = ("_buffer", "_length", "_searched", "fault", "head")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0  # bytes that hold no end of a head
        self._length = 0  # of the message under way; 0 while its head is incomplete
        self.fault: RemoteProtocolError | None = None  # why the stream is over
        self.head = b""  # of the message at fault, as far as it is known

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes; the whole messages that are there now, in order, and a `PING` for each ping.

        What came before a fault is still returned.
        """
        found: list[bytes] = []
        if self.fault is not None:
            return found
        self._buffer += data
        try:
            while piece := self._next():
                found.append(piece)
        except RemoteProtocolError as fault:
            self.fault = fault
            self._buffer.clear()
        return found

    @property
    def is_empty(self) -> bool:
        """Whether no message is under way."""
        return not self._buffer

    def _next(self) -> bytes:
        """The next whole message or ping, or nothing."""
        buffer = self._buffer
        if not self._length:
            if not self._searched:
                while buffer[:1] == b"\r" or buffer[:1] == b"\n":
                    if buffer.startswith(PING):
                        del buffer[:4]
                        return PING
                    if PING.startswith(buffer):
                        return b""  # the rest of a ping may follow, or an empty line before a message (§7.5)
                    del buffer[:1]
            end = buffer.find(_END_OF_HEAD, max(0, self._searched - 3))
            if end < 0:
                self._searched = len(buffer)
                if len(buffer) <= MAX_HEAD + 3:  # the end may have begun
                    return b""
            if end < 0 or end > MAX_HEAD:
                self.head = bytes(buffer[:MAX_HEAD])
                raise RemoteProtocolError(f"more than {MAX_HEAD} bytes of headers", status=513)
            self._length = self._measure(bytes(buffer[: end + 4]))
        if len(buffer) < self._length:
            return b""
        message = bytes(buffer[: self._length])
        del buffer[: self._length]
        self._length = self._searched = 0
        return message

    def _measure(self, head: bytes) -> int:
        """How long the message with this head is, the head included."""
        self.head = head
        values = _CONTENT_LENGTH.findall(head)
        if not values:
            raise RemoteProtocolError("no Content-Length over a stream")
        if len(values) > 1:
            raise RemoteProtocolError("more than one Content-Length")
        number = _NUMBER.match(values[0])
        if number is None:
            raise RemoteProtocolError("malformed Content-Length")
        length = len(head) + int(number[1])
        if length > MAX_MESSAGE:
            raise RemoteProtocolError(f"message of more than {MAX_MESSAGE} bytes", status=513)
        self.head = b""
        return length
