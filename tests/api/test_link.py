"""What two processes say to each other arrives whole and in order, however the stream is cut."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.api.link import LENGTH, MOST, FromFront, Got, Link, Open, Take, Up, Wrote
from controller.api.models import CascadeRequest, read_body
from controller.api.preparing import Preparer
from controller.privacy import BlindIndex, Cipher, Keyring

KEYS = Keyring({"1": bytes(32)}, "1", bytes(32))
BODY = (
    b'{"to": {"phone": "+4915112345678", "email": "ann@example.com"}, "text": "Hallo \\u00e4\\ud83d\\ude00", "max_cost": "0.5",'
    b' "limit_keys": {"ip": "::1"}, "steps": [{"channel": "sms", "routes": ["a"], "success": "read"}, {"channel": "email"}]}'
)
TAKE = Take(7, Preparer(Cipher(KEYS), BlindIndex(KEYS)).prepare("acme", read_body(CascadeRequest, BODY), BODY, "key"))
OPEN = Open(8, "POST", "/hooks/a", b"/hooks/%61", b"a=%2B", [(b"x", b"\xff")], ("::1", 1), "1.1", b"\0\xff", True)


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: Any) -> None:
        self.written += data


def written(messages: list[Any]) -> bytes:
    async def main() -> bytes:
        wire, link = Wire(), Link(FromFront, lambda _: None, lambda: None)
        link.connection_made(wire)
        for message in messages:
            link.send(message)
        await asyncio.sleep(0)
        return wire.written

    return asyncio.run(main())


def read(pieces: list[bytes]) -> list[Any]:
    async def main() -> list[Any]:
        heard: list[Any] = []
        link = Link(FromFront, heard.append, lambda: None)
        for piece in pieces:
            link.data_received(piece)
        return heard

    return asyncio.run(main())


@settings(max_examples=50)
@given(
    st.lists(st.sampled_from([TAKE, OPEN, Up(0), Got(3, b"x" * 300, more=False, gone=True), Wrote(9)]), max_size=6),
    st.lists(st.integers(1, 40)),
)
def test_however_it_is_cut_it_arrives_as_it_was_said(messages: list[Any], sizes: list[int]) -> None:
    data, pieces = written(messages), []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    assert read([*pieces, data]) == messages


def test_what_is_no_message_of_ours_is_refused() -> None:
    with pytest.raises(ValueError):
        read([(MOST + 1).to_bytes(LENGTH, "big")])
    with pytest.raises(msgspec.DecodeError):
        read([(3).to_bytes(LENGTH, "big") + b"\xc1\xc1\xc1"])
    with pytest.raises(msgspec.ValidationError):
        read([(3).to_bytes(LENGTH, "big") + msgspec.msgpack.encode(["A"])])
