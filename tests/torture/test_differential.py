"""The parser against another one, `sipmessage` (BSD), on messages that both must read the same way.

That one is a reader of its own and no judge: it takes no folding, blanks before colons or odd bytes, so only plain
messages are compared.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.headers import find_uri
from sip.message import Request, Response
from sip.parser import parse_message, validate
from sip.uri import parse_uri
from tests.sip import wire

other = pytest.importorskip(
    "sipmessage", reason="sipmessage is not installed (a dev dependency: make test installs it)"
)

WORD = st.text("abcXYZ0189-.!%*_+`'~".replace("%", ""), min_size=1, max_size=12)
HOST = st.sampled_from(["example.com", "192.0.2.7", "[2001:db8::7]", "a-b.example", "H"])
PORT = st.sampled_from(["", ":5060", ":5099", ":65535"])
PARAM = st.one_of(st.builds(";{}={}".format, WORD, WORD), st.sampled_from([";rport", ";lr", ";received=192.0.2.1"]))
USER = st.sampled_from(["+15557000", "alice", "a%20b", "sips%3Aa%40b", "100"])
DISPLAY = st.sampled_from(["", "Alice ", "A. B. ", '"Bell, A." ', '"a \\" <x>" ', '"" '])


@st.composite
def plain(draw: st.DrawFn) -> bytes:
    """A message without anything that only one of the two understands."""

    def address(tag: str) -> str:
        return f"{draw(DISPLAY)}<sip:{draw(USER)}@{draw(HOST)}{draw(PORT)}>{f';tag={tag}' if tag else ''}"

    names = dict(
        zip("VFTIM", draw(st.sampled_from([("Via", "From", "To", "Call-ID", "Contact"), tuple("vftim")])), strict=True)
    )
    vias = [
        f"SIP/2.0/{draw(st.sampled_from(['UDP', 'TCP']))} {draw(HOST)}{draw(PORT)};branch=z9hG4bK{draw(WORD)}"
        for _ in range(draw(st.integers(1, 3)))
    ]
    method = draw(st.sampled_from(["INVITE", "BYE", "OPTIONS", "ODD"]))
    start = draw(
        st.sampled_from([f"{method} sip:{draw(USER)}@{draw(HOST)}{draw(PORT)} SIP/2.0", "SIP/2.0 183 In Progress"])
    )
    via_lines = (
        [f"{names['V']}: {', '.join(vias)}"] if draw(st.booleans()) else [f"{names['V']}: {via}" for via in vias]
    )
    body = draw(st.binary(max_size=20))
    lines = [
        start,
        *via_lines,
        f"{names['F']}: {address(draw(WORD))}",
        f"{names['T']}: {address('')}",
        f"{names['I']}: {draw(WORD)}@{draw(WORD)}",
        f"CSeq: {draw(st.integers(0, 2**31 - 1))} {method}",
        f"Max-Forwards: {draw(st.integers(0, 255))}",
        f"{names['M']}: {address('')}",
        f"Content-Length: {len(body)}",
    ]
    return wire.encode(lines, body)


@given(plain())
def test_both_read_the_same(data: bytes) -> None:
    ours, theirs = parse_message(data), other.Message.parse(data)
    validate(ours)
    if isinstance(ours, Request):
        uri = parse_uri(ours.uri)
        assert (ours.method, uri.user, uri.port) == (theirs.method, theirs.uri.user or "", theirs.uri.port)
        assert uri.host == theirs.uri.host.strip("[]").lower()
    else:
        assert isinstance(ours, Response)
        assert (ours.status, ours.reason) == (theirs.code, theirs.phrase)
    assert ours.body == theirs.body
    assert ours.call_id == theirs.call_id
    assert ours.cseq == (theirs.cseq.sequence, theirs.cseq.method)
    assert int(ours.require("max-forwards")) == theirs.max_forwards
    top, *_ = theirs.via
    assert (ours.via.transport, ours.via.host, ours.via.port) == (top.transport, top.host, top.port or 0)
    assert ours.via.branch == top.parameters["branch"]
    assert len(ours.get_all("via")) == len(theirs.via)
    assert ours.from_tag == theirs.from_address.parameters["tag"]
    for name, address in (("from", theirs.from_address), ("to", theirs.to_address), ("contact", theirs.contact[0])):
        mine = parse_uri(find_uri(ours.require(name)))
        assert (mine.user, mine.port) == (address.uri.user or "", address.uri.port)
