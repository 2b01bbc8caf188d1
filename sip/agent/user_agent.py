"""The user agent itself: what it does with what comes, as its script says or a caller's orders.

As a callee it follows its `Script`, which may be replaced at any time; as a caller it does what it is told (`place_call`,
`cancel`, `hang_up`, `reinvite`). Deterministic: tags and branches come from its name and a counter. It keeps the rules of
a UA (RFC 3261 §8, §9, §12-§15) except where its script breaks them. No media, no authentication, no strict routing.
"""

from __future__ import annotations

import re
from dataclasses import replace

from sip import builder
from sip.agent.journal import Journal
from sip.agent.messages import Composer, enter_dialog, open_dialog
from sip.agent.script import AgentCall, CallState, Script
from sip.errors import RemoteProtocolError
from sip.headers import find_uri
from sip.layer import TransactionLayer
from sip.message import Request, Response
from sip.parser import parse_message
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
from sip.uri import parse_uri

_BRANCH = re.compile(rb"^(?:Via|v)\s*:[^\r\n]*;\s*branch=([^;,\s\r\n]+)", re.MULTILINE | re.IGNORECASE)


class Agent(Journal):
    """See the top of the file. ``name`` is a token, unique: tags, branches and the Contact are made of it."""

    def __init__(self, name: str, local: Hop, script: Script | None = None, timing: Timing | None = None) -> None:
        super().__init__(name)
        self.local = local
        self.script = script or Script()
        self.scripts: dict[str, Script] = {}  # of single users behind it; theirs goes before ``script``
        self.dead = False  # see `die`
        self.outbox: list[tuple[bytes, Hop]] = []
        self._timing = timing
        self._compose = Composer(name, local)
        self._start_over()

    def _start_over(self) -> None:
        self._deadlines = Deadlines()
        self._layer = TransactionLayer(self._deadlines, self._timing)
        self._layer.outbox = self.outbox
        self._live.clear()
        self._lost: dict[str, int] = {}  # INVITE datagrams that the script dropped, by Call-ID

    # -- the contract of the driver

    def receive(self, data: bytes, source: Hop, now: float) -> None:
        """Take one datagram."""
        if self.dead or self._loses(data):
            return
        self._count_final(data)
        self._layer.receive(data, source, now)
        self._drain(now)

    def unreachable(self, quoted: bytes, hop: Hop, now: float) -> None:
        """``hop`` cannot be reached; ``quoted`` is the start of the packet that could not be delivered."""
        match = _BRANCH.search(quoted)
        if match is not None:
            self._layer.transport_failed(match[1].decode("ascii", "replace"), now)
            self._drain(now)

    def next_deadline(self) -> float:
        """When `handle_timer` is wanted next; infinity for never."""
        return self._deadlines.next_deadline()

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self._deadlines.fire_due(now)
        self._drain(now)

    # -- life and death

    def die(self, now: float) -> None:
        """Lose power: forget all calls, ignore everything, say nothing."""
        for call in self._live.values():
            if call.state is not CallState.ENDED:
                call.state, call.ended = CallState.ENDED, now
        self.outbox.clear()
        self._start_over()
        self.dead = True
        self._note(now, "", "died")

    def revive(self, now: float) -> None:
        """Come back from `die` with nothing remembered."""
        self.dead = False
        self._note(now, "", "revived")

    # -- what a caller does

    def place_call(self, uri: str, hop: Hop, now: float, *, caller: str = "+15550001") -> str:
        """Send an INVITE for ``uri`` to ``hop``; returns the Call-ID, by which the call is known from then on."""
        tag, call_id = self._compose.number("tag"), f"{self._compose.number('call')}@{self.local.host}"
        invite = self._compose.invite(call_id, tag, caller, uri)
        call = AgentCall(call_id, parse_uri(uri).user, False, self.script, invite, tag, now)
        call.local, call.remote, call.target = invite.require("from"), invite.require("to"), uri
        self._keep(call, now, "placed")
        call.transaction = self._layer.request(invite, hop, now, (call, "invite"))
        return call_id

    def cancel(self, call: AgentCall | str, now: float) -> None:
        """Give up a call that is not answered; the CANCEL waits for a 1xx (RFC 3261 §9.1)."""
        call = self.find(call)
        if call.incoming or call.status or call.cancelled:
            return
        call.cancelled = True
        self._note(now, call.id, "cancelling")
        if call.heard:
            self._send_cancel(call, now)

    def hang_up(self, call: AgentCall | str, now: float) -> None:
        """BYE, by either side; a callee waits for the ACK to its 2xx first (RFC 3261 §15)."""
        call = self.find(call)
        if call.state is not CallState.ANSWERED:
            return
        if call.unacked:
            call.goodbye = True
            return
        self._end(call, now, "hung up")
        self._send_in_dialog(call, "BYE", now)

    def reinvite(self, call: AgentCall | str, now: float) -> None:
        """A new offer within the dialog, by either side (RFC 3261 §14.1)."""
        call = self.find(call)
        if call.state is CallState.ANSWERED:
            self._send_in_dialog(call, "INVITE", now)

    # -- what a callee does; its script calls these, a test may as well

    def ring(self, call: AgentCall | str, now: float) -> None:
        """180, unless something stronger was said."""
        call = self.find(call)
        if call.transaction is None or call.status or call.state is not CallState.INVITED:
            return
        call.state, call.rang = CallState.RINGING, now
        self._note(now, call.id, "ringing")
        self._layer.respond(call.transaction, self._compose.response(call.invite, 180, call.tag), now)

    def answer(self, call: AgentCall | str, now: float) -> None:
        """200 with a session, repeated until the ACK (RFC 3261 §13.3.1.4)."""
        call = self.find(call)
        if call.transaction is None or call.status:
            return
        call.status, call.state, call.answered = 200, CallState.ANSWERED, now
        self._note(now, call.id, "answered")
        self._accept(call, call.transaction, call.invite, now)

    def reject(self, call: AgentCall | str, status: int, now: float) -> None:
        """A final that is no 2xx."""
        call = self.find(call)
        if call.transaction is None or call.status:
            return
        call.status = status
        self._end(call, now, "cancelled" if call.cancelled else f"rejected {status}")
        response = self._compose.response(call.invite, status, call.tag, call.script.headers)
        self._layer.respond(call.transaction, response, now)

    # -- events of the layer

    def _drain(self, now: float) -> None:
        layer = self._layer
        while layer.events:
            events, layer.events = layer.events, []
            for event in events:
                try:
                    self._handle(event, now)
                except RemoteProtocolError as error:
                    self._note(now, "", f"malformed: {error}")

    def _handle(self, event: Event, now: float) -> None:
        if isinstance(event, RequestReceived):
            if event.transaction is None:
                self._on_ack(event.request, now)
            elif event.request.method == "CANCEL":
                self._on_cancel(event.transaction, event.request, now)
            elif event.request.to_tag:
                self._on_request_in_dialog(event.transaction, event.request, now)
            elif event.request.method == "INVITE":
                self._on_invite(event.transaction, event.request, now)
            elif event.request.method != "OPTIONS":
                self._layer.respond(event.transaction, self._compose.response(event.request, 405), now)
            elif self.script.options:
                self._layer.respond(event.transaction, self._compose.response(event.request, self.script.options), now)
            else:
                self._layer.forget(event.transaction)
        elif isinstance(event, ResponseReceived) and event.user is not None:
            call, what = event.user
            self._on_response(call, what, event.response, now)
        elif isinstance(event, TransactionTimedOut | TransactionUnreachable) and event.user is not None:
            call, what = event.user
            silence = isinstance(event, TransactionTimedOut)
            self._on_no_response(call, what, *((408, "timed out") if silence else (503, "unreachable")), now)

    # -- requests

    def _on_invite(self, transaction: Transaction, request: Request, now: float) -> None:
        user, arm = parse_uri(request.uri).user, self._deadlines.arm
        script = self.scripts.get(user, self.script)
        if script.refuse_merged and any(_is_same(call.invite, request) for call in self._live.values()):
            self._note(now, request.call_id, "merged")
            self._layer.respond(transaction, self._compose.response(request, 482), now)
            return
        call = AgentCall(request.call_id, user, True, script, request, self._compose.number("tag"), now)
        open_dialog(call, request)
        call.transaction = transaction
        self._keep(call, now, "invited")
        if script.silent:
            arm(now + self._layer.timing.t1x64, self._give_up, call)
            return
        if script.trying:
            self._layer.respond(transaction, builder.make_response(request, 100), now)
        if script.ring_after is not None:
            arm(now + script.ring_after, self._on_script, call, 180)
        if script.reject:
            arm(now + script.reject_after, self._on_script, call, script.reject)
        if script.answer_after is not None:
            arm(now + script.answer_after, self._on_script, call, 200)
        self._deadlines.fire_due(now)

    def _on_script(self, now: float, call: AgentCall, status: int) -> None:
        if call.cancelled:
            return
        if status < 200:
            self.ring(call, now)
        elif status < 300:
            self.answer(call, now)
        else:
            self.reject(call, status, now)

    def _on_cancel(self, transaction: Transaction, cancel: Request, now: float) -> None:
        invite = self._layer.find_invite(cancel)
        call = None if invite is None else next((c for c in self._live.values() if c.transaction is invite), None)
        if call is not None and call.script.silent:
            self._layer.forget(transaction)
            return
        self._layer.respond(transaction, self._compose.response(cancel, 481 if call is None else 200), now)
        if call is None or call.status or call.cancelled:
            return
        call.cancelled, call.reason = True, cancel.get("reason") or ""
        if call.script.answer_cancelled is None:
            self.reject(call, 487, now)
        else:
            self._note(now, call.id, "cancelled")
            self._deadlines.arm(now + call.script.answer_cancelled, self._answer_late, call)
            self._deadlines.fire_due(now)

    def _answer_late(self, now: float, call: AgentCall) -> None:
        self.answer(call, now)

    def _on_request_in_dialog(self, transaction: Transaction, request: Request, now: float) -> None:
        call = self._find_dialog(request)
        if call is None or call.state is not CallState.ANSWERED:
            self._layer.respond(transaction, self._compose.response(request, 481), now)
        elif request.method == "INVITE":
            call.target = find_uri(request.require("contact"))
            self._note(now, call.id, "reinvited")
            self._accept(call, transaction, request, now)
        else:
            if request.method == "BYE":
                call.reason = request.get("reason") or ""
                self._end(call, now, "ended")
            self._layer.respond(transaction, self._compose.response(request, 200), now)

    def _on_ack(self, ack: Request, now: float) -> None:
        call = self._find_dialog(ack)
        if call is None or call.unacked != ack.cseq[0]:
            return
        call.unacked = 0
        if not call.acked and call.incoming:
            call.acked = True
            self._note(now, call.id, "acked")
            if call.script.hang_up_after is not None:
                self._deadlines.arm(now + call.script.hang_up_after, self._on_hang_up, call)
        if call.goodbye:
            self.hang_up(call, now)

    def _on_hang_up(self, now: float, call: AgentCall) -> None:
        self.hang_up(call, now)

    def _accept(self, call: AgentCall, transaction: Transaction, invite: Request, now: float) -> None:
        response = self._compose.response(invite, 200, call.tag, call.script.headers)
        timing = self._layer.timing
        self._layer.respond(transaction, response, now)
        call.unacked = invite.cseq[0]
        again = (call, call.unacked, response.encode(), transaction.hop, now + timing.t1x64)
        self._deadlines.arm(now + timing.t1, self._repeat, timing.t1, *again)

    def _repeat(
        self, now: float, interval: float, call: AgentCall, cseq: int, wire: bytes, hop: Hop, until: float
    ) -> None:
        if call.unacked != cseq or call.state is CallState.ENDED:
            return
        if now >= until:
            call.unacked = 0
            self._note(now, call.id, "never acked")
            self.hang_up(call, now)
            return
        self.outbox.append((wire, hop))
        interval = min(interval * 2, self._layer.timing.t2)
        self._deadlines.arm(min(now + interval, until), self._repeat, interval, call, cseq, wire, hop, until)

    # -- responses

    def _on_response(self, call: AgentCall, what: str, response: Response, now: float) -> None:
        status = response.status
        if what != "invite":
            if status >= 200:
                if what == "reinvite" and status < 300:
                    self._send_ack(call, response)
                self._note(now, call.id, f"{what} {status}")
        elif status < 200:
            self._on_provisional(call, status, now)
        elif status >= 300:
            call.status = status
            self._end(call, now, f"final {status}")
        elif not call.status:
            call.status, call.state, call.answered = status, CallState.ANSWERED, now
            enter_dialog(call, response)
            self._note(now, call.id, "answered")
            self._send_ack(call, response)
            if call.cancelled:  # it crossed our CANCEL: nobody wants to talk any more
                self.hang_up(call, now)
        elif response.require("to") == call.remote:  # our ACK was lost
            self._send_ack(call, response)
        else:  # another phone as well: release it (RFC 3261 §13.2.2.4)
            other = replace(call)
            enter_dialog(other, response)
            self._note(now, call.id, "answered again")
            self._send_ack(other, response)
            self._send_in_dialog(other, "BYE", now)

    def _on_provisional(self, call: AgentCall, status: int, now: float) -> None:
        first, call.heard = not call.heard, True
        if call.cancelled and first:
            self._send_cancel(call, now)
        if status == 180 and call.state is CallState.INVITED:
            call.state, call.rang = CallState.RINGING, now
            self._note(now, call.id, "ringing")
        elif status != 180 and (status != 100 or first):
            self._note(now, call.id, "trying" if status == 100 else f"progress {status}")

    def _on_no_response(self, call: AgentCall, what: str, status: int, why: str, now: float) -> None:
        if what != "invite":
            self._note(now, call.id, f"{what} {why}")
        elif not call.status:
            call.status = status
            self._end(call, now, why)

    def _send_cancel(self, call: AgentCall, now: float) -> None:
        if call.transaction is not None:
            self._layer.request(builder.make_cancel(call.invite, None), call.transaction.hop, now, None)
            # §9.1: without a final for 64 x T1 the INVITE is considered dead
            self._deadlines.arm(now + self._layer.timing.t1x64, self._abandon, call)

    def _abandon(self, now: float, call: AgentCall) -> None:
        if call.transaction is not None and not call.status:
            self._layer.abandon(call.transaction, now)

    def _send_in_dialog(self, call: AgentCall, method: str, now: float) -> None:
        call.cseq += 1
        request, hop = self._compose.in_dialog(call, method, call.cseq)
        self._layer.request(request, hop, now, (call, "bye" if method == "BYE" else "reinvite"))

    def _send_ack(self, call: AgentCall, response: Response) -> None:
        """ACK to a 2xx: a request of its own, along the route set (RFC 3261 §13.2.2.4)."""
        self._layer.send_stateless(*self._compose.in_dialog(call, "ACK", response.cseq[0]))

    # -- inside

    def _end(self, call: AgentCall, now: float, what: str) -> None:
        call.state, call.ended = CallState.ENDED, now
        self._note(now, call.id, what)
        self._deadlines.arm(now + self._layer.timing.t1x64, self._forget, call)

    def _give_up(self, now: float, call: AgentCall) -> None:
        """A silent agent has no final to send; its caller is long gone."""
        if call.transaction is not None:
            self._layer.forget(call.transaction)
        call.state, call.ended = CallState.ENDED, now
        self._forget(now, call)

    def _forget(self, now: float, call: AgentCall) -> None:
        self._live.pop(call.tag, None)

    def _find_dialog(self, request: Request) -> AgentCall | None:
        call = self._live.get(request.to_tag)
        return call if call is not None and call.id == request.call_id else None

    def _loses(self, data: bytes) -> bool:
        """Whether the script wants this datagram lost."""
        if not self.script.drop_invites or not data.startswith(b"INVITE "):
            return False
        try:
            request = parse_message(data)
            if request.to_tag:
                return False
            lost = self._lost.get(request.call_id, 0)
        except RemoteProtocolError:
            return False
        self._lost[request.call_id] = lost + 1
        return lost < self.script.drop_invites

    def _count_final(self, data: bytes) -> None:
        """Note each different final to an INVITE of ours, before the transaction absorbs what should not be there."""
        if not data.startswith(b"SIP/2.0 ") or data[8:9] == b"1":
            return
        try:
            response = parse_message(data)
            call = self._live.get(response.from_tag)
            if call is None or call.incoming or response.cseq != call.invite.cseq:
                return
            final = (int(data[8:11]), response.to_tag)
        except RemoteProtocolError:
            return
        if final not in call.finals:
            call.finals.append(final)


def _is_same(invite: Request, other: Request) -> bool:
    """The same request by another path (RFC 3261 §8.2.2.2); repeats by the same path never come so far."""
    return invite.call_id == other.call_id and invite.from_tag == other.from_tag and invite.cseq == other.cseq
