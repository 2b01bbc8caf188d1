"""Messages under torture over TCP: the stand again, behind one connection and the real framer.

Owns what `sip.stream` does with the bytes of a connection, less the socket, and the table of what a stream decides
otherwise than a datagram, and why. Whatever comes, an OPTIONS is answered after it: on the same connection where that
is still of use, else on a new one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from sip.element import Element
from sip.framing import MAX_MESSAGE, PING, Framer
from sip.layer import make_refusal
from sip.parser import MAX_HEAD, outline_of
from sip.seal import Seal
from sip.transaction import Hop
from tests.sip import wire
from tests.torture.stand import SENDER, Stand, Verdict, opaque, read_verdict

OWNED = ("via", "max-forwards", "record-route", "route", "max-breadth")
_LINE_END = re.compile(rb"\r\n(?![ \t])")


class Fate(Enum):
    """What becomes of the connection."""

    OPEN = "open"  # the next message may follow
    WAITS = "waits"  # for the rest of this one
    CLOSED = "closed"  # nobody knows where the next one begins


@dataclass(frozen=True, slots=True)
class Rule:
    """How a stream decides about some bytes."""

    verdict: str | None  # None: as UDP does. A status stands for a request that UDP answers at all
    fate: Fate
    why: str


#: Where a stream differs from a datagram. What is not here has the same verdict over both, and leaves the connection.
RULES: Mapping[str, Rule] = {
    "whole message": Rule(None, Fate.OPEN, "it is the message that the datagram holds"),
    "no end of the head": Rule("silence", Fate.WAITS, "a datagram is over, a stream goes on: the rest may follow"),
    "head beyond limits": Rule(None, Fate.CLOSED, "513 as over UDP, and nothing more is read of what is too large"),
    "head without end": Rule("513", Fate.CLOSED, "over UDP it is no message at all; here something must be said"),
    "fewer bytes than it says": Rule("silence", Fate.WAITS, "RFC 3261 §18.3: UDP answers 400, a stream waits for them"),
    "Content-Length is broken": Rule("400", Fate.CLOSED, "RFC 3261 §18.3: 400, and the next boundary is unknown"),
    "Content-Length beyond limits": Rule("513", Fate.CLOSED, "nothing is kept for a message that is too large"),
}


def lengths(head: bytes) -> list[bytes]:
    """The values of Content-Length in a head; worked out apart from framer and parser."""
    lines = [line.partition(b":") for line in _LINE_END.split(head)[1:]]
    return [value.strip() for name, _, value in lines if name.strip(b" \t").lower() in (b"content-length", b"l")]


def measure(data: bytes) -> str:
    """Which of the rules decides about these bytes."""
    data = data.lstrip(b"\r\n")
    head, blank, body = data.partition(b"\r\n\r\n")
    if len(head) > MAX_HEAD:
        return "head beyond limits" if blank else "head without end"
    if not blank:
        return "no end of the head"
    values = lengths(head)
    if len(values) != 1 or not re.fullmatch(rb"[0-9]{1,9}", values[0]):
        return "Content-Length is broken"
    length = int(values[0])
    if len(head) + len(blank) + length > MAX_MESSAGE:
        return "Content-Length beyond limits"
    return "fewer bytes than it says" if length > len(body) else "whole message"


def as_streamed(data: bytes) -> bytes:
    """The message as its sender has to write it to a stream: Content-Length stands (RFC 3261 §18.3), and is not too
    short: what came after the message in its datagram would be the next message here."""
    head, blank, body = data.partition(b"\r\n\r\n")
    if data.startswith(b"\r\n\r\n"):  # a ping, then a message
        return data[:4] + as_streamed(data[4:])
    if blank and not lengths(head):
        return b"%b\r\nContent-Length: %d%b%b" % (head, len(body), blank, body)
    if measure(data) == "whole message":
        (length,) = lengths(head)
        return head + blank + body[: int(length)]
    return data


class StreamStand(Stand):
    """A stand whose messages come by TCP."""

    def __init__(self) -> None:
        local = wire.LOCAL
        seal = Seal({"k1": wire.SEAL_KEY}, "k1")
        super().__init__(Element(local, wire.BRANCH_KEY, seal, None, Hop(local.host, local.port, "tcp")))
        self.opened = 0
        self.connect()

    def connect(self) -> None:
        """A new connection of the same sender."""
        self.opened += 1
        self.hop = Hop(SENDER.host, 40_000 + self.opened, "tcp")
        self.framer = Framer()

    @property
    def fate(self) -> Fate:
        """What became of the connection so far."""
        if self.framer.fault is not None:
            return Fate.CLOSED
        return Fate.OPEN if self.framer.is_empty else Fate.WAITS

    def feed(self, segment: bytes) -> None:
        """Bytes come in."""
        if self.framer.fault is not None:
            return
        for piece in self.framer.feed(segment):
            if piece != PING:
                self.engine.receive(piece, self.hop, self.now)
        fault = self.framer.fault
        outline = outline_of(self.framer.head) if fault is not None else None
        refusal = make_refusal(outline, fault, self.hop) if fault is not None and outline is not None else None
        if refusal is not None:
            self.engine.outbox.append(refusal)

    def options(self) -> bytes:
        """Asks whether we are alive."""
        self.asked += 1
        number = f"alive-{self.asked}"
        via = f"SIP/2.0/TCP {SENDER.host}:{SENDER.port}"
        return wire.request("OPTIONS", via=via, branch=f"z9hG4bK-{number}", call_id=number, extra=["Content-Length: 0"])

    def check_alive(self) -> None:
        """A plain OPTIONS gets its 200, on this connection or, where that is of no use any more, on the next."""
        if self.fate is not Fate.OPEN:
            self.connect()
        self.feed(self.options())
        ((answer, hop),) = self.take()
        assert hop == self.hop
        assert answer.startswith(b"SIP/2.0 200 ")


def whole(stand: StreamStand, data: bytes) -> Verdict:
    """In one segment."""
    stand.feed(data)
    return read_verdict(stand.take())


def in_single_bytes(stand: StreamStand, data: bytes) -> Verdict:
    """Byte by byte."""
    for at in range(len(data)):
        stand.feed(data[at : at + 1])
    return read_verdict(stand.take())


def with_another(stand: StreamStand, data: bytes) -> Verdict:
    """Two messages in one segment: the other one, an OPTIONS, is answered first whatever follows it."""
    stand.feed(stand.options() + data)
    (answer, _), *rest = stand.take()
    assert answer.startswith(b"SIP/2.0 200 ")
    return read_verdict(rest)


def before_another(stand: StreamStand, data: bytes) -> Verdict:
    """Two messages in one segment: where this one leaves the connection open, the other one is answered."""
    alone = StreamStand()
    alone.feed(data)
    if alone.fate is not Fate.OPEN:
        return whole(stand, data)
    stand.feed(data + stand.options())
    *rest, (answer, _) = stand.take()
    assert answer.startswith(b"SIP/2.0 200 ")
    return read_verdict(rest)


SHAPES: tuple[Callable[[StreamStand, bytes], Verdict], ...] = (whole, in_single_bytes, with_another, before_another)


def without_length(lines: list[bytes]) -> list[bytes]:
    """All but Content-Length, which a stream asks for."""
    return [line for line in lines if not lengths(b"\r\n" + line)]


def compare(data: bytes, over_udp: Verdict) -> str:
    """The verdict over TCP is that over UDP, or what the rule says, in each shape; gives back the name of the rule."""
    data = as_streamed(data)
    name = measure(data)
    rule = RULES[name]
    allowed = {rule.verdict or str(over_udp)}
    if rule.verdict and not over_udp.statuses:  # an ACK, a response, or what has no way back
        allowed = {"silence", rule.verdict} if name == "head without end" else {"silence"}
    for shape in SHAPES:
        stand = StreamStand()
        verdict = shape(stand, data)
        context = f"{name}, {shape.__name__}: {data[:300]!r}"
        assert str(verdict) in allowed, context
        assert stand.fate is rule.fate, context
        assert {hop for _, hop in verdict.passed_back} <= {stand.hop}, context
        if verdict.forwarded:
            ours, theirs = (opaque(each.forwarded[-1].encode(), OWNED) for each in (verdict, over_udp))
            assert without_length(ours) == without_length(theirs), context
        stand.check_alive()
    return name
