"""SIP as it stands on the wire, for the tests of `sip`: what a caller sends, what a callee answers, what came out.

Everything is written out as text here, not made by `sip.builder`: a fault of the builder must not hide itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

from sip.element import Element
from sip.message import Request, Response
from sip.parser import parse_message
from sip.seal import Seal
from sip.timing import Deadlines
from sip.transaction import Hop

CALLER = Hop("192.0.2.1", 5070)
LOCAL = Hop("192.0.2.10", 5060)
CALLEE = Hop("192.0.2.21", 5060)

BRANCH_KEY = b"branch key of these tests, 32 B."
SEAL_KEY = bytes(range(32))

#: What nobody in a proxy understands must come through as it is.
ODD_LINES = ("X-Odd :\tas  it,is ;;", "s: compact subject", 'Warning: 399 x "a, \\"b\\" <c"', "Subject:")


def request_lines(
    method: str = "INVITE",
    uri: str = "sip:+15557000@192.0.2.10",
    *,
    via: str = "SIP/2.0/UDP 192.0.2.1:5070",
    branch: str = "z9hG4bK-caller-1",
    rport: bool = False,
    caller_tag: str = ";tag=caller",
    to_tag: str = "",
    call_id: str = "call-1@192.0.2.1",
    cseq: int = 7,
    cseq_method: str = "",
    hops: str = "70",
    extra: Iterable[str] = (),
) -> list[str]:
    """The lines of a request, first line first; ``branch=""`` is a peer of RFC 2543."""
    return [
        f"{method} {uri} SIP/2.0",
        f"Via: {via}{f';branch={branch}' if branch else ''}{';rport' if rport else ''}",
        f"Max-Forwards: {hops}",
        f"From: <sip:alice@example.com>{caller_tag}",
        f"To: <sip:+15557000@example.com>{f';tag={to_tag}' if to_tag else ''}",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {cseq_method or method}",
        *extra,
    ]


def encode(lines: Iterable[str], body: bytes = b"") -> bytes:
    """Lines to a datagram."""
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


def request(method: str = "INVITE", uri: str = "sip:+15557000@192.0.2.10", sdp: bytes = b"", **options: Any) -> bytes:
    """A request as a datagram; options as in `request_lines`."""
    return encode([*request_lines(method, uri, **options), *_lines_of(sdp)], sdp)


def parsed(data: bytes) -> Request:
    """A datagram that must be a request."""
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


def answered(data: bytes) -> Response:
    """A datagram that must be a response."""
    message = parse_message(data)
    assert isinstance(message, Response)
    return message


def answer(
    received: Request,
    status: int,
    to_tag: str = "callee",
    reason: str = "Because",
    extra: Iterable[str] = (),
    sdp: bytes = b"",
) -> bytes:
    """What a UAS sends back for a request it received (RFC 3261 §8.2.6)."""
    lines = [f"SIP/2.0 {status} {reason}"]
    for name, line in zip(received.names, received.lines, strict=True):
        if name in ("via", "from", "call-id", "cseq") or (name == "record-route" and 100 < status < 300):
            lines.append(line)
        elif name == "to":
            lines.append(f"{line};tag={to_tag}" if status > 100 and not received.to_tag else line)
    return encode([*lines, *extra, *_lines_of(sdp)], sdp)


def _lines_of(sdp: bytes) -> list[str]:
    return ["Content-Type: application/sdp", f"Content-Length: {len(sdp)}"] if sdp else []


def make_element(
    local: Hop = LOCAL,
    *,
    key: bytes = BRANCH_KEY,
    seal_key: bytes = SEAL_KEY,
    names: Mapping[str, str] | None = None,
) -> Element:
    """An element with the keys of these tests; calling it again is another life of it."""
    return Element(local, key, Seal({"k1": seal_key}, "k1"), names)


def run_until(deadlines: Deadlines, now: float, until: float) -> float:
    """Fire every deadline up to ``until``, each at its own time; gives back ``until``."""
    while (due := deadlines.next_deadline()) <= until and due < inf:
        now = max(now, due)
        deadlines.fire_due(now)
    return until
