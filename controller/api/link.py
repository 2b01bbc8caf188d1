"""The stream between the process that has the store and those that stand in front of it: what they say, and frames.

Owns the messages of both directions and how they travel: each packed once, all that come up in one turn of the loop in one
write. Must not know what becomes of them. Both ends are of one version, for one starts the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import msgspec

from controller.api.preparing import Prepared
from controller.types.messages import ApiToken

LENGTH = 4  # bytes in front of each message
MOST = 16 * 1024 * 1024  # bytes of one message: what is larger is no message of ours


class _Said(msgspec.Struct, array_like=True, tag=True):
    """One message. ``number`` is the request that it is about, as the process in front counts them."""

    number: int


# -- from the front


class Up(_Said):
    """Requests are taken from now on. ``number`` is 0."""


class Take(_Said):
    """A request for a cascade, prepared."""

    prepared: Prepared


class Open(_Said):
    """Any other request, as ASGI has it, with the first of its body."""

    method: str
    path: str
    raw_path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]
    client: tuple[str, int] | None
    http_version: str
    body: bytes
    more: bool


class Got(_Said):
    """What was asked for by `Want`: more of the body, or that whoever asked has gone."""

    body: bytes
    more: bool
    gone: bool


class Wrote(_Said):
    """A part of an answer is on its way, and there may be another."""


class Counted(_Said):
    """A request that the front answered itself (`shell.Seen`)."""

    method: str
    route: str
    status: int
    seconds: float
    who: str
    code: str


class Failed(_Said):
    """A bug of ours showed itself in front: files and lines. ``number`` is 0."""

    where: str


# -- to the front


class Adopt(_Said):
    """Who may ask from now on. ``number`` is 0."""

    tokens: tuple[ApiToken, ...]


class Drain(_Said):
    """Take nothing new, finish what there is, and go. ``number`` is 0."""


class Taken(_Said):
    """The answer to `Take`: `service.Accepted`."""

    cascade_id: str
    answer: str
    again: bool


class Trouble(_Said):
    """The other answer: a `Problem`."""

    status: int
    code: str
    detail: str
    errors: list[dict[str, str]]
    headers: dict[str, str]
    cascade: str


class Want(_Said):
    """More of the body of an open request, or the news that nobody waits for its answer any more."""


class Start(_Said):
    """The head of an answer and the first of its body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    more: bool


class Part(_Said):
    """More of it."""

    body: bytes
    more: bool


class Close(_Said):
    """No answer will come: hang up."""


FromFront = Up | Take | Open | Got | Wrote | Counted | Failed
ToFront = Adopt | Drain | Taken | Trouble | Want | Start | Part | Close

_encode = msgspec.msgpack.Encoder().encode


class Link(asyncio.Protocol):
    """One end of the stream."""

    def __init__(self, kinds: Any, on_message: Callable[[Any], None], on_end: Callable[[], None]) -> None:
        """``kinds``: what comes in, `FromFront` or `ToFront`. ``on_end``: the other process is gone."""
        self._decode = msgspec.msgpack.Decoder(kinds).decode
        self._on_message = on_message
        self._on_end = on_end
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._out: list[bytes] = []
        self._in = bytearray()

    def send(self, message: _Said) -> None:
        """Say something; it goes out at the end of this turn of the loop. Nothing happens where nobody listens any more."""
        data = _encode(message)
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out += (len(data).to_bytes(LENGTH, "big"), data)

    def close(self) -> None:
        """Say what is to be said, and no more."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def _flush(self) -> None:
        if self._transport is not None and self._out:
            self._transport.write(b"".join(self._out))
        self._out.clear()

    # ----------------------------------------------------------------- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        held = self._in
        held += data
        at, end = 0, len(held)
        while end - at >= LENGTH:
            length = int.from_bytes(held[at : at + LENGTH], "big")
            if length > MOST:
                raise ValueError("no message of ours is so long")
            if end - at - LENGTH < length:
                break
            at += LENGTH + length
            self._on_message(self._decode(memoryview(held)[at - length : at]))
        if at:
            del held[:at]

    def connection_lost(self, _: Exception | None) -> None:
        """See asyncio."""
        self._transport = None
        self._on_end()
