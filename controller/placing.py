"""Calls of our own: a user agent within the process, whose peer is the data plane beside it.

Owns the caller's side of a call that a message is said in: INVITE, ACK, the time that what is said takes, BYE. Its
requests go to the plane as those of any caller, so that trunks, failover, limits and records are those of all calls;
there is no second sequencer here. Sans-IO: the driver (`controller.engine`) hands bytes over both ways.

Rules

* The same key orders one call, however often; it is remembered for `REMEMBER` seconds after its end.
* Every call is ended: one that is not answered in its time by CANCEL, one that is by BYE, by whichever side comes first.
* An order that is taken back ends its call at once, whatever it has come to; taken back before it came, it calls nobody.
* What is ordered past `MAX_AT_ONCE` is refused, and so is what no trunk could carry: nobody waits for what cannot come.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from controller.rules.numbers import escape_user
from controller.testcall import invite_from, via_of
from controller.types import WITHDRAWN, CallOrder, CallState, PlacedNews
from sip import builder
from sip.errors import RemoteProtocolError
from sip.layer import TransactionLayer
from sip.message import Request, Response
from sip.timing import Deadlines, Timing
from sip.transaction import (
    Event,
    Hop,
    RequestReceived,
    ResponseReceived,
    Transaction,
    TransactionTimedOut,
    TransactionUnreachable,
)
from sip.uri import bracketed

MAX_AT_ONCE = 200
REMEMBER = 3600.0  # seconds
MAX_AHEAD = 10_000  # orders that were taken back before they came


@dataclass(slots=True, eq=False)
class _Call:
    """One call: the user of its INVITE transaction."""

    order: CallOrder
    invite: Request
    state: CallState = CallState.CALLING
    heard: bool = False
    cancelled: bool = False
    withdrawn: bool = False
    transaction: Transaction | None = None
    answer: Response | None = None
    ack: Request | None = None
    ticket: list[Any] | None = None


class Plane(Protocol):
    """The other side."""

    @property
    def inward(self) -> list[bytes]:
        """What is for us."""

    def receive(self, data: bytes, source: Hop, now: float) -> None:
        """Take one message of ours."""


class Placer:
    """See the top of the file. The driver takes ``outbox``, which is for the plane, and ``news``."""

    def __init__(self, local: Hop, token: Callable[[], str], timing: Timing | None = None) -> None:
        """``local`` is one of our listeners, by the address that others reach us by."""
        self.hop = Hop("::" if ":" in local.host else "0.0.0.0", 0, *local[2:])  # nobody's address: ours
        self.news: list[PlacedNews] = []
        self.orders: dict[str, CallOrder] = {}  # by Call-ID, until their calls are over
        self._local = local
        self._token = token
        self._deadlines = Deadlines()
        self._layer = TransactionLayer(self._deadlines, timing)
        self._calls: dict[str, _Call] = {}  # by Call-ID, the same
        self._known: dict[str, PlacedNews] = {}  # the last of each key
        self._ahead = 0  # of these, taken back before they came

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def outbox(self) -> list[bytes]:
        """What is for the plane; the driver clears it."""
        return self._layer.inward

    def look_up(self, key: str) -> PlacedNews | None:
        """How far the call with this key is; None for one that was never ordered."""
        return self._known.get(key)

    def place(self, order: CallOrder, now: float) -> str:
        """Call somebody; why not, "" if the call is on its way or was before."""
        if order.key in self._known:
            return ""
        if len(self._calls) >= MAX_AT_ONCE:
            return f"{MAX_AT_ONCE} calls of our own are under way"
        token = self._token()
        at = bracketed(self._local.host)
        user = escape_user(order.caller) if order.caller else "callward"
        invite = invite_from(
            f"<sip:{user}@{at}>", f"sip:{escape_user(order.number)}@{at}:{self._local.port}", self._local, token
        )
        call = self._calls[invite.call_id] = _Call(order, invite)
        self.orders[invite.call_id] = order
        self._note(call, CallState.CALLING)
        call.ticket = self._deadlines.arm(now + order.within, self._on_late, call)
        call.transaction = self._layer.request(invite, self.hop, now, call)
        return ""

    def withdraw(self, key: str, now: float) -> None:
        """Take an order back. Whatever crosses it on the way: from now on nobody is called by this key."""
        call = next((call for call in self._calls.values() if call.order.key == key), None)
        if call is not None:
            call.withdrawn = True
            self._on_late(now, call)
        elif key not in self._known and self._ahead < MAX_AHEAD:
            self._ahead += 1
            self._known[key] = PlacedNews(key, CallState.FAILED, WITHDRAWN)
            self._deadlines.arm(now + REMEMBER, self._forget_ahead, key)

    # -- the contract of the driver

    def talk_to(self, plane: Plane, now: float) -> None:
        """Hand everything over, both ways, until neither side has anything to say."""
        while self.outbox or plane.inward:
            for data in _take(self.outbox):
                plane.receive(data, self.hop, now)
            for data in _take(plane.inward):
                self.receive(data, now)

    def receive(self, data: bytes, now: float) -> None:
        """Take what the plane sends us."""
        self._layer.receive(data, self.hop, now)
        self._drain(now)

    def next_deadline(self) -> float:
        """When `handle_timer` is wanted next; infinity for never."""
        return self._deadlines.next_deadline()

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self._deadlines.fire_due(now)
        self._drain(now)

    def close(self, now: float) -> None:
        """End all calls."""
        for call in tuple(self._calls.values()):
            self._on_late(now, call)

    # -- events

    def _drain(self, now: float) -> None:
        self._layer.drain(self._on_event, now)

    def _on_event(self, event: Event, now: float) -> None:
        if isinstance(event, RequestReceived):
            if event.transaction is not None:
                self._on_request(event.transaction, event.request, now)
            return
        call = getattr(event, "user", None)
        if not isinstance(call, _Call):
            return  # a CANCEL or a BYE: that it was sent is all there is to it
        if isinstance(event, ResponseReceived):
            self._on_response(call, event.response, now)
        elif isinstance(event, TransactionTimedOut | TransactionUnreachable):
            self._end(call, CallState.FAILED, now, "408")

    def _on_response(self, call: _Call, response: Response, now: float) -> None:
        status = response.status
        if status < 200:
            call.heard = True
            if call.cancelled:
                self._cancel(call, now)
            elif status >= 180 and call.state is CallState.CALLING:
                self._note(call, CallState.RINGING)
        elif status >= 300:
            cause = WITHDRAWN if call.withdrawn else "408" if call.cancelled else str(status)
            if cause == "408" and call.state is CallState.RINGING:
                cause = "480"  # somebody was there, or might have been
            self._end(call, CallState.FAILED, now, cause)
        elif call.answer is None:
            self._on_answer(call, response, now)
        elif call.ack is not None:
            self._layer.send_stateless(call.ack, self.hop)  # it was lost, or the answer came twice

    def _on_answer(self, call: _Call, answer: Response, now: float) -> None:
        call.answer = answer
        try:
            call.ack = builder.make_glare_ack(answer, self._via(), _nobody)
        except RemoteProtocolError:  # without a Contact that is an address nobody can be talked to, nor hung up on
            self._end(call, CallState.FAILED, now, "502")
            return
        self._layer.send_stateless(call.ack, self.hop)
        if not call.withdrawn:
            self._note(call, CallState.ANSWERED)
        self._disarm(call)
        if call.cancelled:  # it crossed our CANCEL
            self._hang_up(now, call)
        else:
            call.ticket = self._deadlines.arm(now + call.order.hold, self._hang_up, call)

    def _on_request(self, transaction: Transaction, request: Request, now: float) -> None:
        """Within a call: they hang up, or want what we do not do."""
        call = self._calls.get(request.call_id)
        status = 481 if call is None else 200 if request.method in ("BYE", "OPTIONS", "INFO") else 488
        self._layer.respond(
            transaction, builder.make_response(request, status, call.invite.from_tag if call else "x"), now
        )
        if call is not None and request.method == "BYE":
            self._end(call, CallState.ENDED, now)

    # -- ends

    def _on_late(self, now: float, call: _Call) -> None:
        self._disarm(call)
        if call.answer is not None:
            self._hang_up(now, call)
        elif not call.cancelled:
            call.cancelled = True
            if call.heard:
                self._cancel(call, now)

    def _cancel(self, call: _Call, now: float) -> None:
        self._layer.request(builder.make_cancel(call.invite, None), self.hop, now, None)

    def _hang_up(self, now: float, call: _Call) -> None:
        if call.answer is not None:
            self._layer.request(builder.make_glare_bye(call.answer, self._via(), _nobody), self.hop, now, None)
        if call.withdrawn and call.state is not CallState.ANSWERED:  # nobody heard a word
            self._end(call, CallState.FAILED, now, WITHDRAWN)
        else:
            self._end(call, CallState.ENDED, now)

    def _end(self, call: _Call, state: CallState, now: float, cause: str = "") -> None:
        if self._calls.pop(call.invite.call_id, None) is None:
            return
        del self.orders[call.invite.call_id]
        self._disarm(call)
        self._note(call, state, cause)
        self._deadlines.arm(now + REMEMBER, self._forget, call.order.key)

    def _forget(self, _: float, key: str) -> None:
        self._known.pop(key, None)

    def _forget_ahead(self, now: float, key: str) -> None:
        self._ahead -= 1
        self._forget(now, key)

    def _note(self, call: _Call, state: CallState, cause: str = "") -> None:
        call.state = state
        news = self._known[call.order.key] = PlacedNews(call.order.key, state, cause)
        if state is not CallState.CALLING:
            self.news.append(news)

    def _disarm(self, call: _Call) -> None:
        if call.ticket is not None:
            Deadlines.cancel(call.ticket)
            call.ticket = None

    def _via(self) -> str:
        return via_of(self._local, self._token())


def _take(messages: list[bytes]) -> list[bytes]:
    taken = messages[:]
    messages.clear()
    return taken


def _nobody(_: str) -> bool:
    """No entry of the route is ours to leave out: all of it lies between us and whoever answered (RFC 3261 §12.1.2)."""
    return False
