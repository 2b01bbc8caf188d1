"""The SIP side of one run and of its attempts: plain records that the plane keeps while a call is being set up.

Owns no behaviour. Everything that is known of a call before its final response stands here, nothing of it afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, Any

from controller.planes.tries import Tries
from controller.types import Dialplan, Offer, Path, Trunk
from sip.fork import ResponseContext
from sip.message import Request
from sip.transaction import Hop

if TYPE_CHECKING:
    from controller.planes.border.early import EarlyVoice


class Attempt:
    """The SIP side of one attempt."""

    __slots__ = (
        "breadth",
        "dropped",
        "ended",
        "fallback",
        "heard",
        "leg",
        "outcome",
        "path",
        "rang",
        "redirected",
        "sdp",
        "silenced",
        "started",
        "told",
        "trial",
        "tries",
        "waiting",
        "way",
    )

    def __init__(self, path: Path, trial: int, started: float) -> None:
        self.breadth = 0  # its share of the call's, as long as its branch is open
        self.path = path
        self.trial = trial  # of this path within the call
        self.started = started
        self.ended = inf  # when it failed or was given up
        self.heard = False
        self.rang: float | None = None  # when somebody's phone was first heard to ring there
        self.way = path  # the same, or where a 3xx of it points
        self.redirected: tuple[str, ...] = ()  # where it was sent by 3xx
        self.silenced = False  # its provisional responses may lose their SDP
        self.outcome = ""  # why it ended or was given up, as far as that is known
        self.sdp: str | None = None  # what the media relay made of the caller's
        self.leg = ""  # its name in the media relay, where it is anchored
        self.waiting = False  # for the media relay, before its branch is there
        self.dropped = False  # given up meanwhile
        self.told = False  # what it says about the quality of its trunk
        self.tries: Tries | None = None  # of its INVITE, if its trunk may ask for credentials
        #: Over UDP, when it is too large and TCP fails (§18.1.1).
        self.fallback: tuple[Request, Hop, Tries | None] | None = None

    @property
    def owner(self) -> str | None:
        """Whose credentials a BYE of ours may need on its branch, None where nobody may ask for them."""
        return self.tries.trunk if self.tries is not None else None


class Call:
    """The SIP side of one run: the user of its response context."""

    __slots__ = (
        "attempts",
        "context",
        "deadline",
        "dialplan",
        "failed",
        "hops",
        "identity",
        "invite",
        "is_sips",
        "loop_tag",
        "offer",
        "reason",
        "share",
        "spare",
        "started",
        "ticket",
        "trunks",
        "voice",
    )

    def __init__(
        self,
        offer: Offer,
        invite: Request,
        context: ResponseContext,
        loop_tag: str,
        breadth: int,
        started: float,
        dialplan: Dialplan,
    ) -> None:
        self.offer = offer
        self.invite = invite
        self.is_sips = is_sips(invite)
        self.context = context
        self.loop_tag = loop_tag
        self.spare = self.share = breadth  # RFC 5393 §5.3.3: what open branches have not taken; what the next one gets
        self.started = started
        self.attempts: dict[int, Attempt] = {}
        self.reason: str | None = None  # what the caller's CANCEL said
        self.deadline = inf
        self.ticket: list[Any] | None = None
        self.failed: list[tuple[str, str, str]] = []  # endpoint, trunk, code
        self.identity = ""  # the user that its caller has proved to be
        self.hops: Mapping[str, Hop] = {}  # those of the dialplan that it began with, as its plan
        self.voice: EarlyVoice | None = None  # whose early media is heard, where that is asked
        self.dialplan = dialplan
        self.trunks: Mapping[str, Trunk] = dialplan.trunks


def is_sips(request: Request) -> bool:
    """Whether a request must go over TLS, all the way (RFC 3261 §26.2.2)."""
    return request.uri[:5].lower() == "sips:"
