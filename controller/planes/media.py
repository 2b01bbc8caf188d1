"""Media through rtpengine: offers and answers of anchored calls get its addresses, by its ng protocol (JSON form).

Owns what is asked of rtpengine and the messages that wait for its answers. Sans-IO: questions go into the layer's
outbox, as any datagram, and answers come back by the same socket. It decides no call and holds none up: what is not
answered within `Media.wait` goes on as it is, and once rtpengine is silent nothing waits for it until it answers a ping.

Rules

* Which calls are anchored stands in the sealed Record-Route (`SealedRoute.media`), so re-INVITEs after a restart of
  callward are anchored as well. rtpengine itself keeps the streams, so media never notices a restart.
* An offer and its answer are those of RFC 3264 in SIP: a request's body is an offer, but that of an ACK is an answer, as
  is a response's, but that of a 2xx or 18x to an INVITE without one. (A PRACK's body is taken for an offer.)
* While a message of a call waits, all that follows in that call waits behind it: nothing is overtaken.
* What comes from a trunk behind NAT says nothing about where its media comes from: rtpengine is told where it was seen.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from controller.types import Media, MediaNews
from sip.element import Element
from sip.errors import RemoteProtocolError
from sip.fork import ResponseContext
from sip.layer import TransactionLayer
from sip.message import Message, Request, Response
from sip.route import SealedRoute
from sip.timing import Deadlines
from sip.transaction import Hop

#: While rtpengine is silent it is asked for a sign of life so often at most, seconds.
RETRY = 1.0
#: So many calls may wait at once; beyond that messages go on as they are.
MAX_WAITING = 10_000
SDP = "application/sdp"


@dataclass(slots=True)
class _Question:
    """A command on its way to rtpengine."""

    then: Callable[[str | None, float], None]  # gets the new SDP, or None
    ticket: list[Any]  # of the moment when it is not waited for any more


class MediaRelay:
    """One rtpengine. ``news`` is for the log, ``counters`` for metrics."""

    def __init__(
        self,
        media: Media,
        layer: TransactionLayer,
        element: Element,
        deadlines: Deadlines,
        token: Callable[[], str],
        is_behind_nat: Callable[[Hop], bool],
    ) -> None:
        """``token`` makes unguessable cookies; ``is_behind_nat`` knows of an address whether its media comes from
        elsewhere than its SDP says."""
        self.media = media
        self.hop = Hop(media.host, media.port, "udp", element.listener_for(media.host, "udp") or "")
        self.silent = False
        self.news: list[MediaNews] = []
        self.counters: dict[str, int] = {"asked": 0, "refused": 0, "unanswered": 0, "passed": 0}
        self._layer = layer
        self._element = element
        self._deadlines = deadlines
        self._token = token
        self._is_behind_nat = is_behind_nat
        self._questions: dict[str, _Question] = {}  # by cookie
        self._lines: dict[str, list[tuple[Request | Response, Hop]]] = {}  # by Call-ID, behind the first that waits
        self._ping = ""  # the cookie of the last ping
        self._next_ping = 0.0

    # -- what is asked

    def offer(
        self, invite: Request, leg: str, source: Hop, then: Callable[[str | None, float], None], now: float
    ) -> None:
        """Anchor an attempt; ``then`` gets the SDP to offer in place of the caller's, or None, at once or later."""
        if _has_sdp(invite):
            self._ask(_command("offer", invite, leg, self._flags(source)), then, now)
        else:
            then(None, now)

    def release(self, call_id: str, from_tag: str, leg: str = "") -> None:
        """The call is over, or one leg of it: its ports are free."""
        command: dict[str, Any] = {"command": "delete", "call-id": call_id, "from-tag": from_tag}
        if leg:
            command["via-branch"] = leg
        if not self.silent:
            self._send(self._token(), command)

    def hold(self, message: Request | Response, source: Hop, now: float) -> bool:
        """For the layer: True if a message waits, because it is anchored or behind one that is."""
        line = self._lines.get(message.call_id)
        if line is not None:
            line.append((message, source))
            return True
        command = self._command_for(message, source) if _has_sdp(message) else None
        if command is None or self._is_not_to_be_had(now):
            return False
        self._lines[message.call_id] = []

        def go_on(sdp: str | None, when: float) -> None:
            if sdp is not None:
                put_sdp(message, sdp)
            self._let_go(message, source, when)

        self._ask(command, go_on, now)
        return True

    def _let_go(self, message: Request | Response, source: Hop, now: float) -> None:
        """A message goes on, and behind it those that waited, until one of them has to wait itself."""
        waiting = iter(self._lines.pop(message.call_id))
        self._layer.accept(message, source, now)
        for other, where in waiting:
            if self.hold(other, where, now):
                self._lines[message.call_id] += waiting
                return
            self._layer.accept(other, where, now)

    def _command_for(self, message: Request | Response, source: Hop) -> dict[str, Any] | None:
        """What to ask about a message within a call; None where that is not anchored."""
        if isinstance(message, Request):
            if not message.to_tag:
                return None  # a new call: whom it is for, and whether it is anchored, is not known yet
            try:
                route = self._element.open_route(message)
            except RemoteProtocolError:
                return None  # its sender is told so where it is dealt with
            if not isinstance(route, SealedRoute) or not route.media:
                return None
            kind = "answer" if message.method == "ACK" else "offer"
            return _command(kind, message, "", self._flags(source))
        if message.status == 100:
            return None
        anchored = self._anchored_by(message)
        if anchored is None:
            return None
        leg, had_offer = anchored
        return _command("answer" if had_offer else "offer", message, leg, self._flags(source))

    def _anchored_by(self, response: Response) -> tuple[str, bool] | None:
        """The leg of an anchored response, and whether its request made the offer; None if it is not anchored."""
        found = self._element.own_route(response)
        if found is not None and found[1].caller_tag == response.from_tag:
            route = found[1]
            return (route.media[1:], route.media[0] == "o") if route.media else None
        transaction = self._layer.find_client(response)
        context = getattr(transaction.user, "context", None) if transaction is not None else None
        offers = context.offers if isinstance(context, ResponseContext) else None
        return None if offers is None else ("", offers)

    def _flags(self, source: Hop) -> dict[str, Any]:
        if self._is_behind_nat(source):
            return {"received-from": ["IP6" if ":" in source.host else "IP4", source.host]}
        return {"flags": ["trust-address"]}

    def follow(self, request: Request, context: ResponseContext) -> None:
        """A request within a call goes on: what is anchored hears of its end, or of the answer to come."""
        route = self._element.open_route(request)
        if not isinstance(route, SealedRoute) or not route.media:
            return
        if request.method == "BYE":
            self.release(request.call_id, request.from_tag)
        else:
            context.offers = _has_sdp(request)

    # -- rtpengine

    def _is_not_to_be_had(self, now: float) -> bool:
        if not self.silent and len(self._questions) < MAX_WAITING:
            return False
        self.counters["passed"] += 1
        if self.silent and now >= self._next_ping:
            self._next_ping = now + RETRY
            self._ping = self._token()
            self._send(self._ping, {"command": "ping"})
        return True

    def _ask(self, command: dict[str, Any], then: Callable[[str | None, float], None], now: float) -> None:
        if self._is_not_to_be_had(now):
            then(None, now)
            return
        cookie = self._token()
        ticket = self._deadlines.arm(now + self.media.wait, self._on_silence, cookie)
        self._questions[cookie] = _Question(then, ticket)
        self.counters["asked"] += 1
        self._send(cookie, command)

    def _send(self, cookie: str, command: dict[str, Any]) -> None:
        self._layer.outbox.append((f"{cookie} {json.dumps(command)}".encode(), self.hop))

    def handle_answer(self, data: bytes, now: float) -> None:
        """Take what came from rtpengine's address."""
        cookie, _, text = data.partition(b" ")
        name = cookie.decode("ascii", "replace")
        if name == self._ping and name:
            self._ping = ""
            self._note(False, now, "it answers again")
        question = self._questions.pop(name, None)
        if question is None:
            return
        Deadlines.cancel(question.ticket)
        question.then(self._read(text), now)

    def _read(self, text: bytes) -> str | None:
        try:
            answer = json.loads(text)
            sdp = answer.get("sdp") if answer["result"] == "ok" else None
        except (ValueError, LookupError, AttributeError, TypeError):
            sdp = None
        if not isinstance(sdp, str):
            self.counters["refused"] += 1
            return None
        return sdp

    def unreachable(self, now: float) -> None:
        """The network says that nobody is there: nothing waits any longer."""
        self._note(True, now, "nobody listens at its address")
        self.give_up(now)

    def give_up(self, now: float) -> None:
        """This relay is not used any more: what waits goes on as it is."""
        questions, self._questions = self._questions, {}
        for question in questions.values():
            Deadlines.cancel(question.ticket)
            question.then(None, now)

    def _on_silence(self, now: float, cookie: str) -> None:
        question = self._questions.pop(cookie, None)
        if question is None:
            return
        self.counters["unanswered"] += 1
        self._note(True, now, f"no answer within {self.media.wait * 1000:.0f} ms")
        self._next_ping = now
        question.then(None, now)

    def _note(self, silent: bool, now: float, why: str) -> None:
        if silent != self.silent:
            self.silent = silent
            self.news.append(MediaNews(f"{self.media.host}:{self.media.port}", not silent, now, why))


def _command(kind: str, message: Message, leg: str, flags: dict[str, Any]) -> dict[str, Any]:
    """``from-tag`` is who made the offer; in a response to his own request that is From, and so it is in the ACK's
    answer the other way round."""
    offerer, answerer = message.from_tag, message.to_tag
    if (kind == "offer") == isinstance(message, Response):  # the 2xx that offers, the ACK that answers
        offerer, answerer = answerer, offerer
    command: dict[str, Any] = {
        "command": kind,
        "call-id": message.call_id,
        "from-tag": offerer,
        "sdp": message.body.decode(),
        "replace": ["origin", "session-connection"],
        "ICE": "remove",
        **flags,
    }
    if answerer:
        command["to-tag"] = answerer
    if leg:
        command["via-branch"] = leg
    return command


def _has_sdp(message: Message) -> bool:
    if not message.body or (message.get("content-type") or "").partition(";")[0].strip().lower() != SDP:
        return False
    try:
        message.body.decode()
    except UnicodeDecodeError:  # no session description (RFC 8866 §5), and nothing that JSON could hold
        return False
    return True


def put_sdp(message: Message, sdp: str) -> None:
    """Give a message another session description."""
    message.body = sdp.encode("utf-8", "replace")
    message.set("content-length", f"Content-Length: {len(message.body)}")
