"""The response context of RFC 3261 §16: one server transaction, its branches, and what the caller sees.

It offers `add_branch`, `cancel_branch` and `respond_*`, and keeps the RFC's promises: exactly one final response
upstream, no CANCEL before a 1xx (pending CANCEL), every 2xx dealt with, the best response of those that failed.
Whom to ring, and when, is decided elsewhere (rules.run for calls): this file never starts a branch by itself.

One deliberate deviation from §16.7 step 5 (a proxy forwards every 2xx): the caller gets one 2xx, and a second one
is released by us with ACK and BYE, so that no caller ever has to sort out two answered phones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sip import builder
from sip.element import Element
from sip.errors import RemoteProtocolError
from sip.headers import parse_retry_after
from sip.layer import TransactionLayer
from sip.message import Request, Response
from sip.timing import Deadlines
from sip.transaction import (
    Event,
    Hop,
    ResponseReceived,
    Transaction,
    TransactionEnded,
    TransactionTimedOut,
    TransactionUnreachable,
)

#: Which response the caller gets when nobody answered: the lowest rank wins (RFC 3261 §16.7 step 6). 6xx first, then
#: what a person said, then faults, then silence. 482 may be an echo of our own forking, but where nothing else was heard
#: the call runs in a circle, and those before us must know. A 401 or 407 is a trunk asking us, not the caller; 487 is an
#: echo of our CANCELs; a redirect would send the caller past us.
_RANK_OF_STATUS = {408: 4, 440: 4, 482: 5, 401: 7, 407: 7, 487: 8}
_RANK_OF_CLASS = {6: 0, 4: 1, 5: 3, 3: 6}
#: So many dialogs of one branch are released at most: no fork has that many phones, but a forger has many tags.
MAX_RELEASED = 8
_NOT_FOR_THE_CALLER = frozenset((6, 7, 8))


@dataclass(slots=True)
class BranchProgressed:
    """A branch got a provisional response."""

    context: ResponseContext
    branch: int
    status: int


@dataclass(slots=True)
class BranchAnswered:
    """A branch got its first 2xx and nobody has won yet: `respond_with` makes it the winner."""

    context: ResponseContext
    branch: int


@dataclass(slots=True)
class BranchFailed:
    """A branch ended without a 2xx. ``status`` 0 means the transport failed, 408 may be our own timeout."""

    context: ResponseContext
    branch: int
    status: int
    local: bool = False  # no response stands behind it
    retry_after: int = 0  # seconds, as the response says (RFC 3261 §20.33)
    response: Response | None = field(default=None, compare=False)  # as it came


@dataclass(slots=True)
class BranchReleased:
    """A 2xx came from a branch that did not win: it was sent ACK and BYE."""

    context: ResponseContext
    branch: int


class Goodbye:
    """A BYE of ours to somebody who answered in vain (its transaction's user), where it may be challenged."""

    __slots__ = ("hop", "owner", "request", "tried")

    def __init__(self, owner: Any, request: Request, hop: Hop, tried: Any = None) -> None:
        self.owner = owner  # of the branch
        self.request = request
        self.hop = hop
        self.tried = tried  # the owner's


ForkEvent = BranchProgressed | BranchAnswered | BranchFailed | BranchReleased


#: Makes of a response, without our Via, what upstream is to see: the way back of what the request was dressed in.
Back = Callable[[Response], Response]


class Branch:
    """One forwarded request (its transaction's user)."""

    __slots__ = (
        "answer",
        "back",
        "cancel_reason",
        "cancel_wanted",
        "context",
        "dialog",
        "done",
        "id",
        "owner",
        "patience",
        "released",
        "request",
        "status",
        "transaction",
    )

    def __init__(
        self, context: ResponseContext, branch_id: int, request: Request, back: Back | None, owner: Any
    ) -> None:
        self.context = context
        self.back = back
        self.owner = owner
        self.id = branch_id
        self.dialog = (request.call_id, request.cseq[0], request.from_tag)
        self.request: Request | None = request  # until there is nothing left to cancel
        self.transaction: Transaction | None = None
        self.status = 0  # the highest provisional so far, then the final
        self.done = False  # a final has come, or none will
        self.answer: Response | None = None  # its first 2xx, until it is passed on
        self.released: tuple[str, ...] = ()  # To tags of who answered in vain; behind a fork there may be several
        self.cancel_wanted = False
        self.cancel_reason: str | None = None
        self.patience: list[Any] | None = None  # Timer C, or the wait for the final of a cancelled branch


class ResponseContext:
    """See the top of the file. ``user`` belongs to the driver."""

    __slots__ = (
        "__weakref__",
        "_element",
        "_failures",
        "_layer",
        "_relay",
        "_winner_tag",
        "branches",
        "final",
        "offers",
        "upstream",
        "user",
        "winner",
    )

    def __init__(
        self,
        layer: TransactionLayer,
        upstream: Transaction,
        element: Element,
        *,
        user: Any = None,
        relay: bool = False,
    ) -> None:
        """``relay`` marks a request within a dialog: its one branch has no policy behind it, so its final goes
        upstream as it is, and Timer C bounds it where no policy timer does (RFC 3261 §16.8)."""
        self._layer = layer
        self._element = element
        self._relay = relay
        self._failures: dict[int, Response | int] = {}  # by branch; below 0: of those that were never started
        self.upstream = upstream
        self.user = user
        self.offers: bool | None = None  # for a media relay: whether a request within an anchored call makes an offer
        self.branches: dict[int, Branch] = {}
        self.final = 0  # status of the final sent upstream, 0 while open
        self.winner: int | None = None
        self._winner_tag = ""  # one branch may bring several dialogs; the caller gets one

    # -- commands

    def add_branch(
        self, branch_id: int, request: Request, hop: Hop, now: float, back: Back | None = None, owner: Any = None
    ) -> None:
        """Forward ``request`` on a new branch; its top Via is ours already. ``back`` undoes in responses whatever else
        the request differs in from that of upstream. With an ``owner``, the driver's, the responses to a BYE of ours
        are told (`Goodbye`). A branch that failed may be added once more, and has then not failed."""
        self._failures.pop(branch_id, None)
        branch = Branch(self, branch_id, request, back, owner)
        self.branches[branch_id] = branch
        branch.transaction = self._layer.request(request, hop, now, branch)
        if self._relay and request.method != "INVITE":
            self._arm(branch, now + self._layer.timing.until_t2)

    def cancel_branch(self, branch_id: int, reason: str | None, now: float) -> None:
        """End a branch. Before its first 1xx the CANCEL is pending (RFC 3261 §9.1); a 2xx may still come."""
        branch = self.branches.get(branch_id)
        if branch is None or branch.done or branch.cancel_wanted:
            return
        branch.cancel_wanted = True
        branch.cancel_reason = reason
        if not self.final:  # given up: silence counts as 408, ringing without an answer as 480
            self._failures[branch_id] = 480 if branch.status >= 180 else 408
        if branch.status:
            self._send_cancel(branch, now)

    def consider(self, status: int) -> None:
        """A branch that was never started counts as if it had failed with this."""
        if not self.final:
            self._failures[-1 - len(self._failures)] = status

    def respond_with(self, branch_id: int, now: float) -> bool:
        """Make this answered branch the winner: its 2xx goes upstream. False if a final was sent before."""
        branch = self.branches.get(branch_id)
        if branch is None or branch.answer is None or self.final:
            return False
        self.winner, self._winner_tag = branch_id, branch.answer.to_tag
        self._send_final(self._undress(branch, branch.answer), now)
        branch.answer = None
        return True

    def respond(self, status: int, now: float, *extra: str) -> bool:
        """Send a final of our own upstream, with ``extra`` header lines. False if one was sent before."""
        request = self.upstream.request
        if self.final or request is None:
            return False
        tag = self._element.to_tag_for(request)
        self._send_final(builder.make_response(request, status, tag, extra=extra), now)
        return True

    def respond_best(self, now: float) -> bool:
        """Send the best of the responses that failed branches gave; 480 when there is none fit to pass on."""
        if self.final:
            return False
        best = self._find_best()
        status = best if isinstance(best, int) else best.status
        if status == 503:  # §16.7 step 6: our caller must not think that *we* are overloaded
            return self.respond(500, now)
        if isinstance(best, int):
            return self.respond(best or 480, now)
        self._send_final(best, now)
        return True

    # -- events of the branches

    def handle(self, branch: Branch, event: Event, now: float) -> list[ForkEvent]:
        """Take an event of a branch's client transaction."""
        if isinstance(event, ResponseReceived):
            return self._handle_response(branch, event.response, now)
        if isinstance(event, TransactionUnreachable):
            return self._fail(branch, 0, 503, local=True)
        if isinstance(event, TransactionTimedOut):
            return self._fail(branch, 408, 408, local=True)
        if isinstance(event, TransactionEnded):
            failed = self._fail(branch, 408, 408, local=True)  # the answer that ended it was of another dialog
            self._disarm(branch)
            if self.branches.get(branch.id) is branch:  # else it was tried again by another transport
                del self.branches[branch.id]
            branch.transaction = None
            return failed
        return []

    def _handle_response(self, branch: Branch, response: Response, now: float) -> list[ForkEvent]:
        status = response.status
        if status < 200:
            return self._handle_provisional(branch, response, now)
        if status < 300:
            return self._handle_answer(branch, response, now)
        if branch.done:
            return []
        return self._fail(branch, status, response, local=False)

    def _handle_provisional(self, branch: Branch, response: Response, now: float) -> list[ForkEvent]:
        if branch.done:
            return []
        first = not branch.status
        status = response.status
        branch.status = max(branch.status, status)
        if branch.cancel_wanted:
            if first:
                self._send_cancel(branch, now)
        elif not self.final:
            if response.cseq[1] != "INVITE":  # RFC 4320 §4.1: nothing but a 100, and that not before its time
                return []
            if status > 100:  # §16.7 step 5: 100 is hop by hop
                self._layer.respond(self.upstream, self._undress(branch, response), now)
            if self._relay and (first or status > 100):
                self._arm(branch, now + self._layer.timing.timer_c)
        return [BranchProgressed(self, branch.id, status)]

    def _handle_answer(self, branch: Branch, response: Response, now: float) -> list[ForkEvent]:
        if (response.call_id, response.cseq[0], response.from_tag) != branch.dialog:
            return []  # nobody makes us send ACK and BYE into a dialog that is not this one
        self._disarm(branch)
        first = not branch.done
        branch.done = True
        branch.status = response.status
        branch.request = None
        if not self.final:
            if first:
                branch.answer = response
            return [BranchAnswered(self, branch.id)] if first else []
        tag = response.to_tag
        if self.winner == branch.id and tag == self._winner_tag:
            # a retransmission: the caller's ACK was lost, or is on its way
            self._layer.respond(self.upstream, self._undress(branch, response), now)
            return []
        if response.cseq[1] != "INVITE":
            return []
        first = tag not in branch.released
        if first:
            if len(branch.released) == MAX_RELEASED:
                return []
            branch.released += (tag,)
        self._release(branch, response, now, bye=first)
        return [BranchReleased(self, branch.id)] if first else []

    def _release(self, branch: Branch, answer: Response, now: float, *, bye: bool) -> None:
        """ACK each 2xx of a loser, and hang up once (glare)."""
        if branch.transaction is None:
            return
        number = branch.released.index(answer.to_tag) + 1
        try:
            ack, goodbye = make_release(self._element, answer, number, branch.transaction.hop)
        except RemoteProtocolError:
            return  # a 2xx without usable addresses cannot be acknowledged; its sender times out by itself
        self._layer.send_stateless(*ack)
        if bye:
            owner = branch.owner
            self._layer.request(*goodbye, now, None if owner is None else Goodbye(owner, *goodbye))

    def _fail(self, branch: Branch, status: int, best: Response | int, *, local: bool) -> list[ForkEvent]:
        if branch.done:
            return []
        self._disarm(branch)
        branch.done = True
        if self._relay or not branch.cancel_wanted:  # who cancels a relayed request hears the 487 of the other side
            self._failures[branch.id] = best if isinstance(best, int) else self._undress(branch, best)
        branch.status = status
        branch.request = None
        if isinstance(best, int):
            return [BranchFailed(self, branch.id, status, local)]
        retry_after = parse_retry_after(best.get("retry-after")) if status >= 500 else 0
        return [BranchFailed(self, branch.id, status, local, retry_after, best)]

    # -- inside

    def _send_final(self, response: Response, now: float) -> None:
        self.final = response.status
        self._failures.clear()
        self._layer.respond(self.upstream, response, now)

    def _undress(self, branch: Branch, response: Response) -> Response:
        forwarded = self._element.forward_response(response)
        return forwarded if branch.back is None else branch.back(forwarded)

    def _find_best(self) -> Response | int:
        """The best of what the branches came to (§16.7 step 6); 0 if nothing is fit to pass on."""
        failures = list(self._failures.values())
        if self._relay:
            return failures[-1] if failures else 0
        best = min(failures, key=_rank, default=0)
        return 0 if _rank(best) in _NOT_FOR_THE_CALLER else best

    def _send_cancel(self, branch: Branch, now: float) -> None:
        invite = branch.request
        if branch.transaction is None or invite is None:
            return
        if invite.method == "INVITE":  # §9.1: no other request is cancelled
            cancel = builder.make_cancel(invite, branch.cancel_reason)
            self._layer.request(cancel, branch.transaction.hop, now, None)
        # §9.1: a peer that never answers the CANCEL with a 487 is done after 64 x T1 all the same
        self._arm(branch, now + self._layer.timing.t1x64)

    def _arm(self, branch: Branch, when: float) -> None:
        self._disarm(branch)
        branch.patience = self._layer.deadlines.arm(when, self._on_patience_over, branch)

    def _disarm(self, branch: Branch) -> None:
        if branch.patience is not None:
            Deadlines.cancel(branch.patience)
            branch.patience = None

    def _on_patience_over(self, now: float, branch: Branch) -> None:
        branch.patience = None
        if branch.done or branch.transaction is None:
            return
        request = self.upstream.request
        if request is not None and request.method != "INVITE":  # RFC 4320 §4.1: its sender must hear something now
            self._layer.respond(self.upstream, builder.make_response(request, 100), now)
        elif branch.cancel_wanted:  # cancelled long ago and still no final: forget it
            self._layer.abandon(branch.transaction, now)
        else:  # Timer C (§16.8): ringing without end
            self.cancel_branch(branch.id, None, now)


def _rank(response: Response | int) -> int:
    """The lowest is the best; of equals the first."""
    status = response if isinstance(response, int) else response.status
    return _RANK_OF_STATUS.get(status, _RANK_OF_CLASS.get(status // 100, 9))


def make_release(
    element: Element, answer: Response, number: int, default: Hop
) -> tuple[tuple[Request, Hop], tuple[Request, Hop]]:
    """ACK and BYE to somebody who answered in vain, and where they go, which may be by another transport than the
    INVITE. ``number`` tells the dialogs of one branch apart, ``default`` is where they go by no better address.

    Raises `RemoteProtocolError` where the 2xx has no usable addresses.
    """

    found = element.own_route(answer)
    pinned = found[1].callee if found is not None else None

    def is_own(uri: str) -> bool:
        """Whether it is the Record-Route of this pass; of a later one, on the way to him, it is a part of the route."""
        return element.is_own(uri) if found is None else found[0] in uri

    def address(request: Request) -> tuple[Request, Hop]:
        hop = pinned or element.next_hop(request, default) or default
        if hop[2:] != default[2:]:
            via = element.via_for(answer, request.method, number, hop=hop)
            request.replace_first_value("via", via)
        return request, hop

    def via(method: str) -> str:
        return element.via_for(answer, method, number, hop=default)

    ack = builder.make_glare_ack(answer, via("ACK"), is_own)
    return address(ack), address(builder.make_glare_bye(answer, via("BYE"), is_own))
