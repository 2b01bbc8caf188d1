"""The embedded data plane: a record-routing forking proxy, driven by runs.

Owns the translation: an INVITE becomes an offer, a branch an attempt, a response a milestone, a command a SIP
request. Sans-IO; nothing is awaited. It decides nothing: whom to ring is the run's business, what the caller may
see is the fork's. Requests within a dialog carry their way in our sealed Record-Route and need no state at all.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from math import inf
from typing import Any

from controller.planes import past
from controller.rules.run import MAX_TRIALS
from controller.switchboard import Switchboard
from controller.types import (
    ANSWERED,
    CALL_RESPONSE,
    CALL_SILENT,
    COMPLETED_ELSEWHERE,
    NO_PROGRESS,
    NO_REPLY,
    NO_ROUTE,
    TALKED,
    TRANSPORT_ERROR,
    WITHDRAWN,
    AttemptFailed,
    AttemptProgressed,
    AttemptRecord,
    CallRecord,
    CallSign,
    CancelAttempt,
    DeadlineReached,
    Fault,
    Finish,
    HealthView,
    Milestone,
    Offer,
    OfferWithdrawn,
    Path,
    Plan,
    ReportSilent,
    RunCommand,
    RunEvent,
    Sample,
    StartAttempt,
    Trunk,
)
from sip import builder
from sip.element import MAX_DATAGRAM, Element, Refusal
from sip.errors import RemoteProtocolError
from sip.fork import (
    Branch,
    BranchAnswered,
    BranchFailed,
    BranchProgressed,
    BranchReleased,
    ForkEvent,
    ResponseContext,
    make_release,
)
from sip.headers import find_uri, parse_via
from sip.layer import TransactionLayer, reply_hop
from sip.machines import NON_INVITE_SERVER
from sip.message import Request
from sip.route import SealedRoute
from sip.timing import Deadlines, Timing
from sip.transaction import Event, Hop, RequestReceived, StrayResponse, Transaction, TransactionEnded
from sip.uri import Uri, parse_uri

#: What may pass through us, within a call that we set up.
ALLOW = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, MESSAGE"
MAX_TALKING = 50_000  # calls whose length is measured
NO_BREADTH = "440"  # RFC 5393 §5.3.3: as if the branch had been told so
#: What may come to us outside a call: we are the registrar, presence server and mailbox of nobody.
ALLOW_OUTSIDE = "Allow: INVITE, ACK, CANCEL, OPTIONS"
_WITHIN_ONLY = frozenset(("BYE", "PRACK", "UPDATE", "INFO"))  # without a dialog there is none: 481
_FOR_OTHERS = frozenset(("REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "REFER"))  # known, but not here: 405


class _Attempt:
    """The SIP side of one attempt."""

    __slots__ = ("breadth", "fallback", "heard", "path", "started", "told")

    def __init__(self, path: Path, started: float) -> None:
        self.breadth = 0  # its share of the call's, as long as its branch is open
        self.path = path
        self.started = started
        self.heard = False
        self.told = False  # what it says about the quality of its trunk
        self.fallback: tuple[Request, Hop] | None = None  # over UDP, when it is too large and TCP fails (§18.1.1)


class _Call:
    """The SIP side of one run: the user of its response context."""

    __slots__ = (
        "attempts",
        "context",
        "deadline",
        "failed",
        "hops",
        "invite",
        "loop_tag",
        "offer",
        "reason",
        "share",
        "spare",
        "started",
        "ticket",
        "trunks",
    )

    def __init__(
        self, offer: Offer, invite: Request, context: ResponseContext, loop_tag: str, breadth: int, started: float
    ) -> None:
        self.offer = offer
        self.invite = invite
        self.context = context
        self.loop_tag = loop_tag
        self.spare = self.share = breadth  # RFC 5393 §5.3.3: what open branches have not taken; what the next one gets
        self.started = started
        self.attempts: dict[int, _Attempt] = {}
        self.reason: str | None = None  # what the caller's CANCEL said
        self.deadline = inf
        self.ticket: list[Any] | None = None
        self.failed: list[tuple[str, str, str]] = []  # endpoint, trunk, code
        self.hops: Mapping[str, Hop] = {}  # those of the dialplan that it began with, as its plan
        self.trunks: Mapping[str, Trunk] = {}


class EmbeddedPlane:
    """See the top of the file. The driver drains ``outbox``, ``samples``, ``strays``, ``records`` and ``faults``."""

    def __init__(
        self,
        switchboard: Switchboard,
        element: Element,
        hops: Mapping[str, Hop],
        deadlines: Deadlines,
        timing: Timing | None = None,
    ) -> None:
        """``hops`` maps each trunk to its address, resolved ahead."""
        self._switchboard = switchboard
        self._element = element
        self._hops: Mapping[str, Hop] = {}
        self._homes: dict[str, Hop] = {}  # the same with trunks that have left: calls may still be up there
        self._hosts: dict[str, set[str]] = {}  # each host that a trunk ever had in this life, for the same reason
        self._owners: dict[tuple[str, int], str] = {}  # carrier (or trunk) behind each address, by any transport
        self._at: dict[str, list[tuple[str, Hop]]] = {}  # the trunks at each host
        self.swap_hops(hops)
        self._deadlines = deadlines
        self._layer = TransactionLayer(deadlines, timing)
        self._path_tags: dict[str, str] = {}
        self._view = HealthView()
        self.epoch_offset = 0.0  # epoch seconds minus `now`
        self.past_until = inf  # until when what rang in a past life may still answer
        self.samples: list[Sample] = []
        self.signs: list[CallSign] = []
        self._talking: dict[str, tuple[str, float]] = {}  # by Call-ID: the trunk, and since when; a figure, no state
        self.strays: list[StrayResponse] = []
        self.records: list[CallRecord] = []
        self.faults: list[Fault] = []
        self.counters: dict[str, int] = {
            "offers": 0,
            "relayed": 0,
            "refused_routes": 0,
            "glare": 0,
            "past_life": 0,
            "loops": 0,
        }
        self._calls: dict[str, _Call] = {}  # under way, by offer id
        self._retry_after: str | None = None  # set: no new calls any more

    @property
    def outbox(self) -> list[tuple[bytes, Hop]]:
        """What the transport must send; the driver clears it."""
        return self._layer.outbox

    def refuse_new(self, retry_after: int) -> None:
        """Take no new calls any more: whoever has one is told to come back after so many seconds."""
        self._retry_after = f"Retry-After: {retry_after}"

    def set_states(self, view: HealthView) -> None:
        """Route new offers by this view."""
        self._view = view

    def swap_hops(self, hops: Mapping[str, Hop]) -> None:
        """Use these addresses for new attempts; call it after the switchboard has its dialplan."""
        self._hops = hops
        self._homes.update(hops)
        for name, hop in hops.items():
            self._hosts.setdefault(name, set()).add(hop.host)
        trunks = self._switchboard.dialplan.trunks
        self._owners = {hop[:2]: trunks[name].carrier or name for name, hop in hops.items() if name in trunks}
        self._at = {}
        for name, hop in hops.items():
            self._at.setdefault(hop.host, []).append((name, hop))

    # -- input

    def receive(self, data: bytes, source: Hop, now: float) -> None:
        """Take one datagram."""
        self._layer.receive(data, source, now)
        self.drain(now)

    def unreachable(self, branch: str, now: float) -> None:
        """The transport could not deliver the packet with this Via branch."""
        self._layer.transport_failed(branch, now)
        self.drain(now)

    def disconnected(self, hop: Hop, now: float) -> None:
        """The connection to a hop is lost: its calls move on, those that ring there with somebody beside them."""
        self._layer.disconnected(hop, now)
        self.drain(now)
        for trunk in [name for name, other in self._hops.items() if other == hop]:
            self.lose_trunk(trunk, now)

    def lose_trunk(self, trunk: str, now: float) -> None:
        """Health says that a trunk is down: runs with an unanswered attempt there move on."""
        for run_id, commands in self._switchboard.lose_trunk(trunk, now):
            self._execute(self._calls[run_id], commands, now)
        self.drain(now)

    def drain(self, now: float) -> None:
        """Deal with all that the layer has to tell; call it after firing the deadlines."""
        layer = self._layer
        while layer.events:
            events, layer.events = layer.events, []
            for event in events:
                try:
                    self._on_event(event, now)
                except Exception:  # noqa: BLE001  # a fault of ours in one call must not cost the others
                    self.faults.append(Fault(traceback.format_exc()))

    def _on_event(self, event: Event, now: float) -> None:
        if isinstance(event, RequestReceived):
            self._on_request(event, now)
        elif isinstance(event, StrayResponse):
            self._on_stray(event, now)
        elif isinstance(event.user, Branch):
            for fork_event in event.user.context.handle(event.user, event, now):
                self._on_fork_event(fork_event, now)
        elif isinstance(event, TransactionEnded) and isinstance(event.user, ResponseContext):
            event.user.user = None  # nobody upstream is left; cut the cycle

    def __len__(self) -> int:
        return len(self._calls)

    # -- requests

    def _on_request(self, event: RequestReceived, now: float) -> None:
        request, transaction = event.request, event.transaction
        try:
            if transaction is None:
                self._on_ack(request)
            elif request.method == "CANCEL":
                self._on_cancel(transaction, request, event.source, now)
            elif "proxy-require" in request.names:  # RFC 3261 §16.3 step 5: we support no extension of a proxy's
                self._refuse_extensions(transaction, request, "proxy-require", now)
            elif request.to_tag:
                self._relay(transaction, request, now)
            elif self._retry_after is not None and request.method in ("INVITE", "OPTIONS"):
                self._answer(transaction, 503, now, self._retry_after)  # OPTIONS too: neighbours route away
            elif request.method == "INVITE":
                self._on_invite(transaction, request, event.source, now)
            else:
                self._on_other(transaction, request, now)
        except RemoteProtocolError as error:
            if transaction is not None:
                self._answer(transaction, error.status, now)

    def _on_invite(self, transaction: Transaction, request: Request, source: Hop, now: float) -> None:
        self._layer.respond(transaction, builder.make_response(request, 100), now)
        uri = parse_target(request)
        if not builder.hops_left(request):
            self._answer(transaction, 483, now)
            return
        breadth = builder.breadth_left(request)
        if not breadth:
            self._answer(transaction, 440, now)
            return
        loop_tag = self._element.loop_tag_of(uri.user)
        if self._element.has_passed(request, loop_tag):
            self.counters["loops"] += 1
            self._answer(transaction, 482, now)
            return
        offer_id = ";".join((request.call_id, *map(str, transaction.key[:2])))  # unique while the transaction lives
        offer = Offer(
            id=offer_id,
            did=uri.user,
            caller=parse_caller(request),
            moment=now + self.epoch_offset,
            trunk=self._trunk_of(source),
        )
        self.counters["offers"] += 1
        commands = self._switchboard.begin(offer, self._view, now)
        if commands is None:
            self._answer(transaction, 404, now)
            version = self._switchboard.dialplan.version
            self.records.append(CallRecord(offer, "", 404, None, NO_ROUTE, 0.0, [], (), panic=False, version=version))
            return
        context = ResponseContext(self._layer, transaction, self._element)
        transaction.user = context
        call = context.user = _Call(offer, _without_routes(request), context, loop_tag, breadth, now)
        call.hops, call.trunks = self._hops, self._switchboard.dialplan.trunks
        self._calls[offer.id] = call
        call.share = max(1, breadth // _width(self._switchboard.runs[offer.id].plan))
        self._execute(call, commands, now)

    def _trunk_of(self, source: Hop) -> str:
        """The trunk whose address a packet really came from, "" where that is not one and certain.

        A peer may send from another port than it listens on, as every new TCP connection does; where several trunks
        share a host the port has to tell them apart, over TCP unless they have the same one.
        """
        found = self._at.get(source.host, [])
        if len(found) > 1 and (source.transport == "udp" or len({hop.port for _, hop in found}) > 1):
            found = [(name, hop) for name, hop in found if hop.port == source.port]
        if len(found) > 1:
            found = [(name, hop) for name, hop in found if hop.transport == source.transport]
        return found[0][0] if len(found) == 1 else ""

    def _on_other(self, transaction: Transaction, request: Request, now: float) -> None:
        """A request outside a dialog that is no call: it is ours to answer, whatever its hop count (§16.3 step 3)."""
        parse_target(request)
        method = request.method
        if method == "OPTIONS":
            if "require" in request.names:
                self._refuse_extensions(transaction, request, "require", now)
            else:
                self._answer(transaction, 200, now, ALLOW, "Accept: application/sdp", "Supported:")
        elif method in _WITHIN_ONLY:
            self._answer(transaction, 481, now)
        else:  # RFC 3261 §21.5.2: 501 is for what we have never heard of
            self._answer(transaction, 405 if method in _FOR_OTHERS else 501, now, ALLOW_OUTSIDE)

    def _refuse_extensions(self, transaction: Transaction, request: Request, name: str, now: float) -> None:
        """RFC 3261 §8.2.2.3: say which extensions we do not support."""
        self._answer(transaction, 420, now, f"Unsupported: {', '.join(request.get_all(name))}")

    def _on_cancel(self, transaction: Transaction, request: Request, source: Hop, now: float) -> None:
        invite = self._layer.find_invite(request)
        if invite is None:
            self._on_past_cancel(transaction, request, source, now)
            return
        self._answer(transaction, 200, now)
        context = invite.user
        if not isinstance(context, ResponseContext):
            return
        call = context.user
        if isinstance(call, _Call):
            call.reason = request.get("reason")
            self._tell(call, OfferWithdrawn(), now)
        else:  # a re-INVITE: its final comes from the other side
            for branch in list(context.branches):
                context.cancel_branch(branch, request.get("reason"), now)

    def _on_past_cancel(self, transaction: Transaction, request: Request, source: Hop, now: float) -> None:
        """Its INVITE may have come in a past life: it goes on without a transaction, and so do the answers to it."""
        onward: list[tuple[Request, Hop]] = []
        if now <= self.past_until:
            if self._element.has_passed(request, self._element.loop_tag_of(parse_target(request).user)):
                pass  # two of us in a circle would copy it for as long as it has hops left
            elif request.to_tag:
                within = self._forward_in_dialog(request)
                onward = [] if isinstance(within, int) else [within]
            else:
                user, trunk = parse_target(request).user, self._trunk_of(source)
                dialplan = self._switchboard.dialplan
                onward = list(past.forward_cancel(request, user, trunk, dialplan, self._hops, self._element))
        if not onward:
            self._answer(transaction, 481, now)
            return
        self.counters["past_life"] += 1
        self._layer.abandon(transaction, now)
        for cancel, hop in onward:
            self._layer.send_stateless(cancel, hop)

    def _relay(self, transaction: Transaction, request: Request, now: float) -> None:
        """A request within a dialog: our sealed Route entry is its passport (RFC 3261 §16.4)."""
        if "?" in request.uri:
            parse_target(request)
        onward = self._forward_in_dialog(request)
        if isinstance(onward, int):
            self._answer(transaction, onward, now)
            return
        if request.method == "INVITE":
            self._layer.respond(transaction, builder.make_response(request, 100), now)
        context = ResponseContext(self._layer, transaction, self._element, relay=True)
        transaction.user = context
        self.counters["relayed"] += 1
        if request.method == "BYE":
            self._note_goodbye(request.call_id, now)
        context.add_branch(1, *onward, now)

    def _on_ack(self, request: Request) -> None:
        """An ACK to a 2xx is forwarded without a transaction; one that we cannot vouch for is dropped."""
        onward = self._forward_in_dialog(request)
        if not isinstance(onward, int):
            self._layer.send_stateless(*onward)

    def _forward_in_dialog(self, request: Request) -> tuple[Request, Hop] | int:
        """The copy to send on and where to, or the status of the refusal."""
        element = self._element
        route = element.open_route(request)
        if route is Refusal.NOT_OURS:
            return 481
        if isinstance(route, Refusal):
            self.counters["refused_routes"] += 1
            return 403
        onward = element.hop_of(parse_uri(find_uri(route.onward) if route.onward else request.uri))
        home = route.caller if route.callee_tag is None else self._homes.get(route.trunk)
        hop = onward or home  # a name that was not looked up ahead: where the dialog began
        if hop is None or hop.transport not in element.locals:
            return 500
        hosts = self._hosts.get(route.trunk, ()) if route.callee_tag is not None else ()
        if hop.host not in hosts and not self._may_reach(hop, home):
            self.counters["refused_routes"] += 1
            return 403
        # a CANCEL, and an ACK to a failure, have the branch of their INVITE, above us and therefore below
        method = "INVITE" if request.method in ("CANCEL", "ACK") else request.method
        via = element.via_for(request, method, transport=hop.transport)
        return builder.forward_request(request, request.uri, via, strip_routes=route.entries), hop

    def _may_reach(self, hop: Hop, home: Hop | None) -> bool:
        """A dialog leads to its own trunk or to none: other trunks trust our address, and it was not meant for them."""
        owner = self._owners.get(hop[:2])
        return owner is None or (home is not None and (hop.host == home.host or owner == self._owners.get(home[:2])))

    def _answer(self, transaction: Transaction, status: int, now: float, *extra: str) -> None:
        ResponseContext(self._layer, transaction, self._element).respond(status, now, *extra)

    # -- responses

    def _on_fork_event(self, event: ForkEvent, now: float) -> None:
        context = event.context
        call = context.user
        if isinstance(event, BranchReleased):
            self.counters["glare"] += 1
            return
        if not isinstance(call, _Call):  # within a dialog, or a call that is decided
            if isinstance(event, BranchAnswered):
                context.respond_with(event.branch, now)
            elif isinstance(event, BranchFailed):
                if event.status == 408 and context.upstream.table is NON_INVITE_SERVER:
                    # RFC 4320 §4.2: whoever says so, its sender has timed out as well
                    self._layer.abandon(context.upstream, now)
                else:
                    context.respond_best(now)
            return
        attempt = call.attempts[event.branch]
        if isinstance(event, BranchFailed):
            if not event.status and attempt.fallback is not None:
                (request, hop), attempt.fallback = attempt.fallback, None
                if not context.branches[event.branch].cancel_wanted:
                    context.add_branch(event.branch, request, hop, now)
                    return
            call.spare += attempt.breadth
            attempt.breadth = 0
            if not event.status:
                self.samples.append(Sample(attempt.path.trunk, alive=False, code=TRANSPORT_ERROR))
            elif not event.local:
                self._note_life(attempt, now)
            cause = str(event.status) if event.status else TRANSPORT_ERROR
            if not event.local or not event.status:
                self._note_sign(call, attempt, cause, now, event.retry_after)
            self._tell(call, AttemptFailed(event.branch, cause), now)
            return
        self._note_life(attempt, now)
        if isinstance(event, BranchProgressed):
            alerting = 180 <= event.status < 190
            if alerting:
                self._note_sign(call, attempt, str(event.status), now)
            milestone = Milestone.ALERTING if alerting else Milestone.ACCEPTED
            self._tell(call, AttemptProgressed(event.branch, milestone), now)
        else:
            self._note_sign(call, attempt, "200", now)
            self._tell(call, AttemptProgressed(event.branch, Milestone.ANSWERED), now)

    def _note_sign(self, call: _Call, attempt: _Attempt, code: str, now: float, retry_after: float = 0.0) -> None:
        """The first thing that an attempt says about the quality of its trunk; what comes later is the callee's."""
        if attempt.told:
            return
        attempt.told = True
        endpoint, trunk = attempt.path.endpoint, attempt.path.trunk
        after = tuple((other, why) for who, other, why in call.failed if who == endpoint) if call.failed else ()
        self.signs.append(CallSign(trunk, code, now - attempt.started, after, retry_after))
        if code[0] not in "12":
            call.failed.append((endpoint, trunk, code))

    def _note_life(self, attempt: _Attempt, now: float) -> None:
        if not attempt.heard:
            attempt.heard = True
            self.samples.append(Sample(attempt.path.trunk, True, CALL_RESPONSE, now - attempt.started))

    def _on_stray(self, event: StrayResponse, now: float) -> None:
        """A response to a branch of a past life goes on by its Vias alone; anything else is not ours.

        Nor is one to a branch of this life that is over (by an ICMP error, by its timer): its response context has
        spoken, or will, and no final may reach the caller past it.
        """
        try:
            vias = [parse_via(value) for value in event.response.get_all("via")[:2]]
        except RemoteProtocolError:
            return
        if len(vias) > 1 and self._element.made_branch(vias[0], vias[1], event.response):
            method = event.response.cseq[1]
            timing = self._layer.timing
            # Whoever sent a request that is neither INVITE nor CANCEL has given up after 64 x T1 (RFC 4320 §4.2).
            long = method in ("INVITE", "CANCEL")
            until = self.past_until if long else self.past_until - timing.timer_c + timing.t1x64
            awaited = self._layer.has_server(vias[1], method)
            if awaited and method == "INVITE" and 200 <= event.response.status < 300:
                self._release_late(event)
            if awaited or now > until:
                return
            hop = reply_hop(vias[1])
            if hop is not None and hop.transport in self._element.locals:
                self.counters["past_life"] += 1
                self._layer.send_stateless(self._element.forward_response(event.response), hop)
            if method == "INVITE" and event.response.status >= 300:
                trunk, dialplan = self._trunk_of(hop) if hop is not None else "", self._switchboard.dialplan
                ack = past.acknowledge(event.response, trunk, dialplan, self._hops, self._element)
                if ack is not None:
                    self._layer.send_stateless(*ack)
        else:
            self.strays.append(event)

    def _release_late(self, event: StrayResponse) -> None:
        """Somebody answers whose branch is over, given up and past Timer B: ACK and BYE, each time, without state.

        Only while the caller's transaction knows that it is no copy of the winner's, whose call a BYE would end; and
        not to a re-INVITE, for the same reason.
        """
        element, answer = self._element, event.response
        if element.path_tag_in(answer.via) == "INVITE":
            return
        try:
            for request, hop in make_release(element, answer, 1, event.source):
                self._layer.send_stateless(request, hop)
        except RemoteProtocolError:
            return
        self.counters["glare"] += 1

    # -- commands

    def _tell(self, call: _Call, event: RunEvent, now: float) -> None:
        self._execute(call, self._switchboard.handle(call.offer.id, event, now), now)

    def _execute(self, call: _Call, commands: list[RunCommand], now: float) -> None:
        for command in commands:
            if isinstance(command, StartAttempt):
                self._start(call, command, now)
            elif isinstance(command, CancelAttempt):
                if command.why in (NO_REPLY, NO_PROGRESS):
                    self._note_sign(call, call.attempts[command.attempt], command.why, now)
                call.context.cancel_branch(command.attempt, self._reason_for(call, command.why), now)
            elif isinstance(command, ReportSilent):
                trunk = call.attempts[command.attempt].path.trunk
                self.samples.append(Sample(trunk, alive=False, code=CALL_SILENT))
            elif isinstance(command, Finish):
                self._finish(call, command, now)
        self._arm(call)

    def _start(self, call: _Call, command: StartAttempt, now: float) -> None:
        path, element = command.path, self._element
        attempt = call.attempts[command.attempt] = _Attempt(path, now)
        hop = call.hops.get(path.trunk)
        if hop is None or hop.transport not in element.locals:
            self._deadlines.arm(now, self._on_not_sent, call, command.attempt, TRANSPORT_ERROR)
            return
        if not call.spare:
            call.context.consider(440)
            self._deadlines.arm(now, self._on_not_sent, call, command.attempt, NO_BREADTH)
            return
        attempt.breadth = min(call.share, call.spare)
        call.spare -= attempt.breadth
        tag = self._path_tags.get(path.name)
        if tag is None:
            tag = self._path_tags[path.name] = element.path_tag_of(path.name)
        request = self._forward(call, attempt, tag, command.trial, hop.transport)
        trunk = call.trunks.get(path.trunk)
        if trunk is not None and trunk.large_over_tcp and len(request.encode()) > MAX_DATAGRAM:
            attempt.fallback = request, hop
            hop = Hop(hop.host, hop.port, "tcp")
            request = self._forward(call, attempt, tag, command.trial, "tcp")
        call.context.add_branch(command.attempt, request, hop, now)

    def _forward(self, call: _Call, attempt: _Attempt, tag: str, trial: int, transport: str) -> Request:
        invite, path, element = call.invite, attempt.path, self._element
        passport = SealedRoute(invite.from_tag, call.context.upstream.hop, path.trunk)
        route = element.record_route(invite.call_id, passport, transport)
        via = element.via_for(invite, tag, trial, call.loop_tag, transport=transport)
        return builder.forward_request(invite, path.address, via, record_route=route, breadth=attempt.breadth)

    def _finish(self, call: _Call, command: Finish, now: float) -> None:
        context = call.context
        if command.winner is not None:
            context.respond_with(command.winner, now)
            self._note_talk(call.invite.call_id, call.attempts[command.winner].path.trunk, now)
        elif command.cause == WITHDRAWN:
            context.respond(487, now)
        else:
            context.respond_best(now)
        self._record(call, command, now)
        self._calls.pop(call.offer.id, None)
        context.user = None  # what its losers still have to say is the fork's business alone

    def _record(self, call: _Call, command: Finish, now: float) -> None:
        run = self._switchboard.close(call.offer.id)
        if run is None:
            return
        winner = call.attempts[command.winner].path.name if command.winner is not None else None
        self.records.append(
            CallRecord(
                offer=call.offer,
                chain=run.plan.chain,
                status=call.context.final,
                winner=winner,
                cause=command.cause,
                seconds=now - call.started,
                attempts=[
                    AttemptRecord(
                        call.attempts[a.id].path.name, a.started - call.started, a.milestone.name.lower(), a.cause
                    )
                    for a in run.attempts.values()
                    if a.id in call.attempts
                ],
                skipped=run.plan.skipped,
                panic=run.plan.panic,
                version=run.plan.version,
                decisions=run.plan.decisions,
                demoted=run.plan.demoted,
            )
        )

    def _note_talk(self, call_id: str, trunk: str, now: float) -> None:
        talking = self._talking
        if len(talking) >= MAX_TALKING:  # those that never said goodbye are the oldest
            del talking[next(iter(talking))]
        talking[call_id] = trunk, now
        self.signs.append(CallSign(trunk, ANSWERED, 0.0))

    def _note_goodbye(self, call_id: str, now: float) -> None:
        talk = self._talking.pop(call_id, None)
        if talk is not None:
            trunk, since = talk
            self.signs.append(CallSign(trunk, TALKED, now - since))

    def _reason_for(self, call: _Call, why: str) -> str | None:
        """Losers of a win log no missed call; a caller's own reason is passed on; a timeout says nothing."""
        if why == COMPLETED_ELSEWHERE:
            return builder.COMPLETED_ELSEWHERE
        return call.reason if why == WITHDRAWN else None

    def _arm(self, call: _Call) -> None:
        deadline = self._switchboard.deadline(call.offer.id)
        if deadline == call.deadline:
            return
        if call.ticket is not None:
            Deadlines.cancel(call.ticket)
            call.ticket = None
        call.deadline = deadline
        if deadline != inf:
            call.ticket = self._deadlines.arm(deadline, self._on_deadline, call)

    def _on_deadline(self, now: float, call: _Call) -> None:
        call.ticket = None
        call.deadline = inf
        self._tell(call, DeadlineReached(), now)

    def _on_not_sent(self, now: float, call: _Call, attempt: int, cause: str) -> None:
        self._tell(call, AttemptFailed(attempt, cause), now)


def parse_target(request: Request) -> Uri:
    """The Request-URI. Headers in it would be ours to make real, and may be anything (RFC 4475 §3.1.2.11)."""
    uri = parse_uri(request.uri)
    if uri.headers:
        raise RemoteProtocolError("headers in the Request-URI")
    return uri


def parse_caller(request: Request) -> str:
    """The user part of From, "" where there is none."""
    try:
        return parse_uri(find_uri(request.require("from"))).user
    except RemoteProtocolError:
        return ""  # tel: and anonymous callers are callers as well


def _width(plan: Plan) -> int:
    """How many branches a plan may have open at once: hedges count, and a path that is tried anew beside its first try."""
    return MAX_TRIALS * sum(len(target.paths) for stage in plan.stages for target in stage.targets) or 1


def _without_routes(request: Request) -> Request:
    """Routes that a caller preloads must not lead past the chain."""
    if "route" not in request.names:
        return request
    copy = request.copy()
    while "route" in copy.names:
        index = copy.names.index("route")
        del copy.names[index], copy.lines[index]
    return copy
