"""How a test call looks on the wire, and what is kept of one.

Owns the messages and the memory of `controller.deep`. Must not decide when they are sent, or what answers to them mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from controller.health.detector import Detector
from controller.rules.numbers import escape_user, write_number
from controller.types import DeepProbe, Show, Trunk
from controller.wording import uri_of
from sip import builder
from sip.account import Account, Tried
from sip.element import Element
from sip.errors import RemoteProtocolError
from sip.headers import MAGIC_COOKIE, MAX_CSEQ
from sip.message import Request, Response
from sip.sequence import renumber
from sip.transaction import Hop, Transaction
from sip.uri import bracketed


@dataclass(slots=True, eq=False)
class Watch:
    """One trunk that is called to try."""

    detector: Detector
    deep: DeepProbe
    hop: Hop
    first: float  # sets the phase of its rhythm
    ticket: list[Any]  # of its next call
    call: Call | None = None  # until its INVITE is over
    due: float = 0.0  # when the next one is wanted, once this one is over
    failed: int = 0  # calls in a row
    drill: bool = False  # an operator waits for the outcome of the next


@dataclass(slots=True, eq=False)
class Call:
    """One test call: the user of its INVITE transaction."""

    watch: Watch
    invite: Request
    dialog: tuple[str, int, str]  # Call-ID, CSeq, our tag
    sent: float
    transaction: Transaction | None = None
    ticket: list[Any] | None = None  # of the moment when there must be a final
    status: int = 0  # the highest so far
    judged: bool = False  # its outcome is told, or is not wanted any more
    given_up: bool = False  # to be cancelled
    acks: dict[str, tuple[Request, Hop]] = field(default_factory=dict)  # by To tag of who answered
    tried: Tried = field(default_factory=Tried)


@dataclass(slots=True, eq=False)
class Bye:
    """The end of a test call, which may want credentials as well: the user of its transaction."""

    account: Account
    request: Request
    hop: Hop
    tried: Tried


def once_more(request: Request, via: str) -> Request:
    """The same request as another transaction (RFC 3261 §22.2)."""
    request = request.copy()
    renumber(request, min(request.cseq[0] + 1, MAX_CSEQ))
    request.replace_first_value("via", via)
    return request


def without(response: Response, *names: str) -> Response:
    """A copy of a response without these headers."""
    kept = [(name, line) for name, line in zip(response.names, response.lines, strict=True) if name not in names]
    return Response(response.status, response.reason, [name for name, _ in kept], [line for _, line in kept])


def ends_of(
    answer: Response, invite: Request, hop: Hop, element: Element, token: Callable[[], str], *, nat: bool
) -> tuple[tuple[Request, Hop], tuple[Request, Hop]]:
    """The ACK and the BYE for a 2xx to a test call, and where each goes, which may be by another transport. ``hop`` is where
    the INVITE went; ``nat``: what a Contact says leads nowhere."""

    def address(make: Callable[[Response, str, Callable[[str], bool]], Request]) -> tuple[Request, Hop]:
        request = make(answer, via_of(element.listeners[hop[2:]], token()), element.is_own)
        onward = (None if nat else element.next_hop(request, hop)) or hop
        if onward[2:] != hop[2:]:
            request.replace_first_value("via", via_of(element.listeners[onward[2:]], token()))
        return request, onward

    try:
        return address(builder.make_glare_ack), address(builder.make_glare_bye)
    except RemoteProtocolError:  # its Contact or its routes are no addresses: where it answered from, it will be
        tag = answer.to_tag
        answer = without(answer, "contact", "record-route")
        answer.set("to", f"To: <{invite.uri}>{f';tag={tag}' if tag else ''}")
        return address(builder.make_glare_ack), address(builder.make_glare_bye)


def via_of(local: Hop, token: str) -> str:
    """The Via of a request of our own."""
    # RFC 3581: come back to where this came from, whatever NAT made of the address
    us = f"{bracketed(local.host)}:{local.port}"
    return f"SIP/2.0/{local.transport.upper()} {us};branch={MAGIC_COOKIE}{token};rport"


def make_invite(trunk: Trunk, user: str, local: Hop, token: str) -> Request:
    """The INVITE of a test call.

    It offers what any call does: PCMU, both ways, at our own address; an offer on hold (``a=inactive``) may be treated
    differently, or be refused, where real calls pass. Media that comes before our BYE goes to the discard port (9).
    """
    return invite_from(_sender(trunk, local), uri_of(trunk, user), local, token)


def invite_from(sender: str, uri: str, local: Hop, token: str) -> Request:
    """An INVITE of our own, from whoever is named in From."""
    kind = "" if local.transport == "udp" else f";transport={local.transport}"
    host, us = local.host, f"{bracketed(local.host)}:{local.port}"
    address = f"IN IP{6 if ':' in host else 4} {host}"
    offer = [
        "v=0",
        f"o=callward {crc32(token.encode())} 1 {address}",
        "s=-",
        f"c={address}",
        "t=0 0",
        "m=audio 9 RTP/AVP 0",
        "a=rtpmap:0 PCMU/8000",
        "a=sendrecv",
        "",
    ]
    body = "\r\n".join(offer).encode()
    lines = [
        f"Via: {via_of(local, token)}",
        f"Max-Forwards: {builder.DEFAULT_MAX_FORWARDS}",
        f"From: {sender};tag={token}",
        f"To: <{uri}>",
        f"Call-ID: {token}@{bracketed(host)}",
        "CSeq: 1 INVITE",
        f"Contact: <sip:callward@{us}{kind}>",
        "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS",
        "Content-Type: application/sdp",
        f"Content-Length: {len(body)}",
    ]
    return Request("INVITE", uri, [line.partition(":")[0].lower() for line in lines], lines, body)


def _sender(trunk: Trunk, local: Hop) -> str:
    """Who calls: a number of ours where the trunk is shown one, for it may refuse any other caller."""
    identity = trunk.identity
    if identity is None or not identity.number or identity.show is Show.PASS:
        return f"<sip:callward@{bracketed(local.host)}:{local.port}>"
    number = escape_user(write_number(trunk.format, identity.number))
    return f"<sip:{number}@{bracketed(identity.domain or local.host)}>"
