"""Messages of our own over SIP (RFC 3428): a MESSAGE to somebody at a trunk, without I/O.

Owns how such a request looks on the wire, which trunk is tried next, and what an answer means. Never on the path of a
call. The driver's part is as with `controller.registration`.

Rules

* The same key sends one message, however often; it is remembered for `REMEMBER` seconds.
* Another trunk is tried only where it is certain that the last one did not pass the message on: a failure that it
  answered with, or a transport that failed. Where nobody answers, nobody can say: nothing is sent a second time.
* Trunks that are DOWN come last.
* Only answers with our own unguessable branch, from the address that was asked, count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.credentials import Accounts
from controller.health.board import Board
from controller.rules.numbers import escape_user, write_number
from controller.testcall import once_more, via_of
from controller.types import Show, TargetState, Trunk
from controller.types.texts import TextNews, TextOrder, TextState
from controller.wording import uri_of
from sip import builder
from sip.account import Tried
from sip.element import Element
from sip.layer import TransactionLayer
from sip.message import Request, Response
from sip.timing import Deadlines, Timing
from sip.transaction import (
    Event,
    Hop,
    ResponseReceived,
    Transaction,
    TransactionTimedOut,
    TransactionUnreachable,
)
from sip.uri import bracketed

MAX_AT_ONCE = 200
REMEMBER = 600.0  # seconds
MAX_OCTETS = 1000  # of a text: a MESSAGE is no longer than 1,300 octets in all (RFC 3428 §8)

#: Statuses that are about the person or the text: another trunk would say the same.
_FINAL = frozenset({"404", "410", "413", "414", "415", "480", "484", "486", "488", "513"})


@dataclass(slots=True, eq=False)
class _Text:
    """One message: the user of its transactions."""

    order: TextOrder
    trunks: list[Trunk]  # still to be tried
    trunk: Trunk | None = None  # that has it now
    request: Request | None = None
    transaction: Transaction | None = None
    ticket: list[Any] | None = None
    tried: Tried = field(default_factory=Tried)
    cause: str = "503"  # of the last failure
    asked: str = ""  # Call-ID of the request under way


class Texts:
    """All messages of our own."""

    def __init__(
        self,
        board: Board,
        hops: Mapping[str, Hop],
        element: Element,
        token: Callable[[], str],
        timing: Timing | None = None,
        accounts: Accounts | None = None,
    ) -> None:
        """``hops`` has the resolved address of each trunk by name, ``token`` makes unguessable tokens."""
        self._board = board
        self._hops = hops
        self._element = element
        self._token = token
        self._accounts = accounts or Accounts(element.cnonce_of)
        self._deadlines = Deadlines()
        self._layer = TransactionLayer(self._deadlines, timing)
        self._open: set[_Text] = set()
        self._known: dict[str, TextNews] = {}  # the last of each key
        self._news: list[TextNews] = []

    @property
    def outbox(self) -> list[tuple[bytes, Hop]]:
        """What the transport must send; the driver clears it."""
        return self._layer.outbox

    def __len__(self) -> int:
        """How many messages have no outcome yet."""
        return len(self._open)

    def look_up(self, key: str) -> TextNews | None:
        """How far the message with this key is; None for one that was never ordered."""
        return self._known.get(key)

    def update(self, hops: Mapping[str, Hop]) -> None:
        """Follow addresses that changed."""
        self._hops = hops

    def send(self, order: TextOrder, now: float) -> str:
        """Send a message; why not, "" if it is on its way or was before."""
        if order.key in self._known:
            return ""
        if len(self._open) >= MAX_AT_ONCE:
            return f"{MAX_AT_ONCE} messages of our own are under way"
        if len(order.text.encode()) > MAX_OCTETS:
            return f"a text of more than {MAX_OCTETS} octets"
        trunks = self._trunks_of(order)
        if not trunks:
            return "no trunk that could carry it"
        text = _Text(order, trunks)
        self._open.add(text)
        self._known[order.key] = TextNews(order.key, TextState.SENDING)
        text.ticket = self._deadlines.arm(now + order.within, self._on_late, text)
        self._next(text, now)
        return ""

    # ------------------------------------------------------------------ the contract of the driver

    def next_deadline(self) -> float:
        """When `handle_timer` is wanted next; infinity for never."""
        return self._deadlines.next_deadline()

    def handle_timer(self, now: float) -> list[TextNews]:
        """Do what is due."""
        self._deadlines.fire_due(now)
        return self.take_news(now)

    def handle_response(self, response: Response, source: Hop, now: float) -> tuple[bool, list[TextNews]]:
        """Take in a response. Returns whether it was ours to deal with, and what it changed; a spoofed one is ours and
        changes nothing."""
        transaction = self._layer.find_client(response)
        if transaction is None:
            return False, []
        text = transaction.user
        if source == transaction.hop and (not isinstance(text, _Text) or response.call_id == text.asked):
            self._layer.receive_response(response, source, now)
        return True, self.take_news(now)

    def unreachable(self, branch: str, now: float) -> list[TextNews]:
        """The transport could not deliver the packet with this Via branch."""
        self._layer.transport_failed(branch, now)
        return self.take_news(now)

    def disconnected(self, hop: Hop, now: float) -> list[TextNews]:
        """The connection to ``hop`` is lost: it may have carried the message."""
        for text in tuple(self._open):
            if text.transaction is not None and text.transaction.hop == hop:
                self._end(text, TextState.UNCLEAR, now)
        self._layer.disconnected(hop, now)
        return self.take_news(now)

    # ------------------------------------------------------------------ trunks

    def _trunks_of(self, order: TextOrder) -> list[Trunk]:
        """Those that are named, all their addresses, as far as we can reach them; the dead ones last."""
        found: list[tuple[bool, int, Trunk]] = []
        for detector in self._board.detectors():
            trunk = detector.trunk
            name = trunk.group if trunk.group in order.trunks else trunk.name
            hop = self._hops.get(trunk.name)
            if name in order.trunks and hop is not None and hop[2:] in self._element.listeners:
                found.append((detector.state is TargetState.DOWN, order.trunks.index(name), trunk))
        return [trunk for _, _, trunk in sorted(found, key=lambda each: each[:2])]

    def _next(self, text: _Text, now: float) -> None:
        if not text.trunks:
            self._end(text, TextState.FAILED, now, text.cause)
            return
        text.trunk = text.trunks.pop(0)
        local = self._element.listeners[self._hops[text.trunk.name][2:]]
        text.request = make_message(text.trunk, text.order, local, self._token())
        text.tried = Tried()
        self._send(text, now)

    def _send(self, text: _Text, now: float) -> None:
        assert text.trunk is not None
        assert text.request is not None
        account = self._accounts.find(text.trunk.name)
        if account is not None:
            account.dress(text.request, text.tried)
        if text.transaction is not None:
            text.transaction.user = None  # what is left of it is its own business
        text.asked = text.request.call_id
        text.transaction = self._layer.request(text.request, self._hops[text.trunk.name], now, text)

    # ------------------------------------------------------------------ what comes back

    def take_news(self, now: float) -> list[TextNews]:
        """What became of messages since the last call."""
        self._layer.drain(self._on_event, now)
        news, self._news = self._news, []
        return news

    def _on_event(self, event: Event, now: float) -> None:
        text = getattr(event, "user", None)
        if not isinstance(text, _Text):
            return
        if text not in self._open:  # an answer that nobody waits for any more is kept for whoever asks
            if isinstance(event, ResponseReceived) and 200 <= event.response.status < 300:
                self._note(text, _state_of(event.response.status), now)
        elif isinstance(event, ResponseReceived):
            self._on_response(text, event.response, now)
        elif isinstance(event, TransactionUnreachable):
            text.cause = "503"
            self._next(text, now)
        elif isinstance(event, TransactionTimedOut):
            self._end(text, TextState.UNCLEAR, now)

    def _on_response(self, text: _Text, response: Response, now: float) -> None:
        status = response.status
        if status < 200:
            return
        if status < 300:
            self._end(text, _state_of(status), now)
            return
        if status in (401, 407) and self._try_again(text, response, now):
            return
        text.cause = str(status)
        if text.cause in _FINAL or status >= 600:
            text.trunks.clear()
        self._next(text, now)

    def _try_again(self, text: _Text, response: Response, now: float) -> bool:
        """Answer a challenge. False if it is the outcome."""
        assert text.trunk is not None
        assert text.request is not None
        account = self._accounts.find(text.trunk.name)
        if account is None:
            return False
        why = account.learn(response, text.tried)
        if why:
            self._accounts.note_refusal(text.trunk.name, why)
            return False
        local = self._element.listeners[self._hops[text.trunk.name][2:]]
        text.request = once_more(text.request, via_of(local, self._token()))
        self._send(text, now)
        return True

    def _on_late(self, now: float, text: _Text) -> None:
        text.ticket = None
        self._end(text, TextState.UNCLEAR, now)

    def _end(self, text: _Text, state: TextState, now: float, cause: str = "") -> None:
        if text not in self._open:
            return
        self._open.discard(text)
        if text.ticket is not None:
            Deadlines.cancel(text.ticket)
            text.ticket = None
        self._note(text, state, now, cause)

    def _note(self, text: _Text, state: TextState, now: float, cause: str = "") -> None:
        if text.order.key not in self._known:
            return  # long ago
        news = self._known[text.order.key] = TextNews(text.order.key, state, cause)
        self._news.append(news)
        self._deadlines.arm(now + REMEMBER, self._forget, text.order.key)

    def _forget(self, _: float, key: str) -> None:
        self._known.pop(key, None)


def _state_of(status: int) -> TextState:
    return TextState.TAKEN if status == 202 else TextState.DELIVERED


def make_message(trunk: Trunk, order: TextOrder, local: Hop, token: str) -> Request:
    """A MESSAGE (RFC 3428 §4): no Contact, no dialog."""
    number = escape_user(write_number(trunk.format, order.number, called=True))
    uri = uri_of(trunk, number)
    body = order.text.encode()
    lines = [
        f"Via: {via_of(local, token)}",
        f"Max-Forwards: {builder.DEFAULT_MAX_FORWARDS}",
        f"From: <{_sender(trunk, order.sender, local)}>;tag={token}",
        f"To: <{uri}>",
        f"Call-ID: {token}@{bracketed(local.host)}",
        "CSeq: 1 MESSAGE",
        "Content-Type: text/plain;charset=UTF-8",
        f"Content-Length: {len(body)}",
    ]
    return Request("MESSAGE", uri, [line.partition(":")[0].lower() for line in lines], lines, body)


def _sender(trunk: Trunk, sender: str, local: Hop) -> str:
    """Who writes: the number that was asked for, else the one of ours that the trunk is shown."""
    identity = trunk.identity
    own = identity.number if identity is not None and identity.show is not Show.PASS else ""
    number = sender or own
    at = bracketed((identity.domain if identity is not None else "") or local.host)
    if not number:
        return f"sip:callward@{bracketed(local.host)}:{local.port}"
    return f"sip:{escape_user(write_number(trunk.format, number))}@{at}"
