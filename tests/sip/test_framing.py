"""Any cutting of a stream gives the same messages; what has no known end is the end of the connection."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.framing import MAX_MESSAGE, PING, Framer
from sip.message import Request
from sip.parser import MAX_HEAD, outline_of


def message(body: bytes = b"", length: str | None = None, method: str = "OPTIONS", more: str = "") -> bytes:
    """A request; ``length`` is its whole Content-Length line, "" for none."""
    line = f"Content-Length: {len(body)}\r\n" if length is None else length
    return f"{method} sip:x SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\n{more}{line}\r\n".encode() + body


def feed(*pieces: bytes) -> tuple[list[bytes], bool]:
    """What comes out, and whether the stream is over."""
    framer = Framer()
    return [found for piece in pieces for found in framer.feed(piece)], framer.fault is not None


bodies = st.binary(max_size=40) | st.sampled_from([b"\r\n\r\n", b"\r\n", b"INVITE sip:x SIP/2.0\r\n\r\n", PING * 3])
lengths = st.sampled_from(["Content-Length: {}", "l:{}", "CONTENT-LENGTH \t:  {} ", "Content-Length:\r\n\t{}"])
wholes = st.builds(lambda body, line: message(body, line.format(len(body)) + "\r\n"), bodies, lengths)
faults = st.sampled_from(
    [
        message(b"", ""),
        message(b"abc", "Content-Length: -3\r\n"),
        message(b"", "l: 0\r\nContent-Length: 0\r\n"),
        message(b"", "Content-Length: 70000\r\n"),
        message(b"", more=f"X: {'y' * MAX_HEAD}\r\n"),
        b"\x00" * (MAX_HEAD + 4),
    ]
)
streams = st.lists(wholes | st.sampled_from([b"\r\n", b"\r\n\r\n", b"\n", b"\r"]) | faults, max_size=6).map(b"".join)


@given(streams, st.data())
def test_any_cutting_gives_the_same_messages(stream: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=12).map(sorted))
    pieces = [stream[a:b] for a, b in pairwise([0, *cuts, len(stream)])]
    assert feed(*pieces) == feed(stream)


@given(st.lists(wholes, max_size=5))
def test_one_byte_at_a_time_gives_what_was_sent(messages: list[bytes]) -> None:
    stream = b"".join(messages)
    assert feed(*(stream[i : i + 1] for i in range(len(stream)))) == (messages, False)
    assert feed(stream) == (messages, False)


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_garbage_never_raises_and_never_grows_without_bound(pieces: list[bytes]) -> None:
    feed(*pieces)


def test_ping_is_found_before_between_and_after_messages() -> None:
    one = message(b"body")
    assert feed(PING + one + PING + PING + one + PING) == ([PING, one, PING, PING, one, PING], False)


def test_pong_and_empty_lines_before_a_message_are_passed_over() -> None:
    assert feed(b"\r\n", message(), b"\r\n" + message()) == ([message(), message()], False)


def test_half_a_ping_waits_for_its_other_half() -> None:
    assert feed(b"\r\n") == ([], False)
    assert feed(b"\r", b"\n\r", b"\n") == ([PING], False)


def test_empty_line_in_a_body_is_no_end() -> None:
    tricky = message(b"a\r\n\r\nINVITE sip:y SIP/2.0\r\n\r\n")
    assert feed(tricky + message()) == ([tricky, message()], False)


def test_messages_before_a_fault_are_delivered_and_none_after_it() -> None:
    assert feed(message() + message(b"", "") + message()) == ([message()], True)
    assert feed(message(b"", ""), message()) == ([], True)


@pytest.mark.parametrize(
    ("bad", "status", "why"),
    [
        (message(b"", ""), 400, "no Content-Length over a stream"),
        (message(b"", "Content-Length: \r\n"), 400, "malformed Content-Length"),
        (message(b"", "Content-Length: 1 2\r\n"), 400, "malformed Content-Length"),
        (message(b"", "Content-Length: 0x10\r\n"), 400, "malformed Content-Length"),
        (message(b"", "Content-Length: 9999999999\r\n"), 400, "malformed Content-Length"),
        (message(b"", "l: 0\r\nContent-Length: 5\r\n"), 400, "more than one Content-Length"),
        (message(b"", f"Content-Length: {MAX_MESSAGE}\r\n"), 513, "message of more than 65536 bytes"),
        (message(b"", more=f"X: {'y' * MAX_HEAD}\r\n"), 513, "more than 16384 bytes of headers"),
        (b"A" * (MAX_HEAD + 4), 513, "more than 16384 bytes of headers"),
    ],
)
def test_stream_without_a_known_end_is_over(bad: bytes, status: int, why: str) -> None:
    framer = Framer()
    assert framer.feed(bad) == []
    assert framer.fault is not None
    assert (framer.fault.status, str(framer.fault)) == (status, why)
    assert framer.is_empty, "nothing is kept of it but its head"


def test_largest_message_and_largest_head_pass() -> None:
    largest = message(b"x" * (MAX_MESSAGE - len(message(b"x" * 60_000)) + 60_000))
    assert len(largest) == MAX_MESSAGE
    room = MAX_HEAD - len(message(b"", more="X: \r\n")) + 4
    head = message(b"", more=f"X: {'y' * room}\r\n")
    assert head.index(b"\r\n\r\n") == MAX_HEAD
    assert feed(largest, head) == ([largest, head], False)
    assert feed(head.replace(b"X:", b"XX:")) == ([], True)


def test_message_at_fault_can_still_be_answered() -> None:
    framer = Framer()
    framer.feed(message(b"abc", "Content-Length: abc\r\n", more="Call-ID: c1\r\n"))
    outline = outline_of(framer.head)
    assert isinstance(outline, Request)
    assert outline.call_id == "c1"
    framer = Framer()
    framer.feed(message(b"abc", more=f"Call-ID: c2\r\nX: {'y' * MAX_HEAD}\r\n"))
    outline = outline_of(framer.head)
    assert isinstance(outline, Request)
    assert (outline.call_id, outline.names) == ("c2", ["via", "call-id"])
    assert outline_of(b"garbage" * 9) is None
    assert outline_of(b"") is None
