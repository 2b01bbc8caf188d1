"""What we put into headers ourselves cannot end its line, hide itself or turn the direction of text."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip import builder
from sip.message import Message, Request
from sip.parser import parse_message
from sip.text import clean, quote
from tests.sip.wire import parsed, request

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

#: Any text, with more of what harms than chance would bring.
EVIL = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from('\r\n\0\t \x0b\x0c\x7f\x85\u2028\u2029:;,<>"\\' + BIDI))
)


@given(EVIL)
def test_nothing_harmful_is_left_and_nothing_else_is_lost(text: str) -> None:
    cleaned = clean(text)
    assert not [c for c in cleaned if unicodedata.category(c) == "Cc" or c in BIDI or c in "\u2028\u2029"]
    assert clean(cleaned) == cleaned
    kept = iter(text)
    assert all(char in kept for char in cleaned), "the rest is there, in its order"
    without = text.replace("\\", "")
    assert cleaned.replace("\\", "") == clean(without), "of the rest at most backslashes are lost"


@given(EVIL)
def test_what_is_quoted_stays_quoted(text: str) -> None:
    raw = '"' + "".join(f"\\{char}" for char in text) + '"'  # each character escaped (RFC 3261 §25.1, quoted-pair)
    assert re.fullmatch(r'"(?:[^"\\]|\\.)*"', clean(raw), re.DOTALL)


@pytest.mark.parametrize("text", ["Łukasz Żółć", "山田 太郎", "שלום", "O'Neil (sales)", "👩‍💻", ""])
def test_names_of_people_stay_as_they_are(text: str) -> None:
    assert clean(text) == text


@given(EVIL)
def test_a_display_name_stays_within_its_quotes(name: str) -> None:
    data = request(caller_tag="").replace(b"From: <", b"From: " + quote(name).encode() + b" <")
    message = parse_message(data)
    assert message.names == parsed(request(caller_tag="")).names
    assert message.lines[2].endswith('" <sip:alice@example.com>')


@given(EVIL, EVIL, EVIL)
def test_whatever_a_message_of_ours_is_made_of_it_stays_one_message(one: str, two: str, three: str) -> None:
    """Header injection is impossible: what comes out of the builder has the headers it was made with, and no more."""
    invite = parsed(request(extra=["Contact: <sip:alice@192.0.2.1>"]))
    answer = builder.make_response(invite, 200, one, two, [f"Contact: <sip:x@y>{three}", f"X-Ours: {one}"])
    messages: list[Message] = [
        answer,
        builder.make_cancel(builder.forward_request(invite, one, two, record_route=three), two),
        builder.make_lost_ack(one, answer),
        builder.make_ack(builder.forward_request(invite, one, two), answer),
        builder.forward_request(invite, one, two, record_route=three, breadth=3),
    ]
    for message in messages:
        head, _, rest = message.encode().partition(b"\r\n\r\n")
        assert rest == b""
        lines = head.decode("utf-8", "surrogateescape").split("\r\n")
        assert len(lines) == len(message.lines) + 1
        assert not any(char in line for line in lines for char in "\r\n\0")
        assert [line.partition(":")[0].lower() for line in lines[1:]] == message.names


def test_a_reason_of_the_caller_cannot_bring_a_header_along() -> None:
    invite = builder.forward_request(parsed(request()), "sip:a@b", "SIP/2.0/UDP p;branch=z9hG4bKx")
    cancel = parse_message(builder.make_cancel(invite, 'SIP;cause=200;text="a\r\nX-Evil: 1\u202e"').encode())
    assert isinstance(cancel, Request)
    assert "x-evil" not in cancel.names
    assert cancel.get("reason") == 'SIP;cause=200;text="aX-Evil: 1"'
