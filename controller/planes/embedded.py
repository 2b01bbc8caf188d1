"""The embedded data plane: a record-routing forking proxy, driven by runs.

Owns the translation: an INVITE becomes an offer, a branch an attempt, a response a milestone, a command a SIP
request. Sans-IO; nothing is awaited. It decides nothing: whom to ring is the run's business, what the caller may
see is the fork's. Requests within a dialog carry their way in our sealed Record-Route and need no state at all.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from functools import partial
from math import inf

from controller.bindings import Bindings
from controller.credentials import Accounts
from controller.edge.overload import Overload
from controller.edge.sources import Sources
from controller.planes.again import Again
from controller.planes.anchoring import Anchoring
from controller.planes.border.early import hear
from controller.planes.border.redirects import Redirects
from controller.planes.branches import Branches
from controller.planes.call import Attempt, Call
from controller.planes.called import Called
from controller.planes.cancels import PastCancels
from controller.planes.dialogs import Dialogs
from controller.planes.evidence import Evidence
from controller.planes.offers import for_others, make_offer, width_of
from controller.planes.outside import Answer, answer_outside, parse_target, refuse_extensions
from controller.planes.peers import Peers
from controller.planes.phones import Phones
from controller.planes.record import make_record
from controller.planes.relays import Relays
from controller.planes.sessions import Sessions
from controller.planes.strays import Strays
from controller.planes.tries import Legs
from controller.rules.run import Run
from controller.switchboard import Switchboard
from controller.types import (
    CALL_SILENT,
    COMPLETED_ELSEWHERE,
    FORBIDDEN,
    FULL,
    NO_PROGRESS,
    NO_REPLY,
    NO_ROUTE,
    NOT_SECURE,
    TRANSPORT_ERROR,
    WITHDRAWN,
    AttemptFailed,
    AttemptProgressed,
    CallRecord,
    CancelAttempt,
    DeadlineReached,
    Fault,
    Finish,
    HealthView,
    Milestone,
    OfferWithdrawn,
    ReportSilent,
    RunCommand,
    RunEvent,
    StartAttempt,
)
from sip import builder
from sip.element import MAX_DATAGRAM, Element
from sip.errors import RemoteProtocolError
from sip.fork import (
    Branch,
    BranchAnswered,
    BranchFailed,
    BranchProgressed,
    BranchReleased,
    ForkEvent,
    Goodbye,
    ResponseContext,
)
from sip.layer import TransactionLayer
from sip.message import Request
from sip.timing import Deadlines, Timing
from sip.transaction import Event, Hop, RequestReceived, StrayResponse, Transaction, TransactionEnded

NO_BREADTH = "440"  # RFC 5393 §5.3.3: as if the branch had been told so


class EmbeddedPlane:
    """See the top of the file. The driver drains ``outbox``, ``evidence``, ``strays``, ``records`` and ``faults``."""

    def __init__(
        self,
        switchboard: Switchboard,
        element: Element,
        hops: Mapping[str, Hop],
        deadlines: Deadlines,
        timing: Timing | None = None,
        accounts: Accounts | None = None,
        secret: str = "",
        bindings: Bindings | None = None,
    ) -> None:
        """``hops`` maps each trunk to its address, resolved ahead; ``secret``, new in each life, is for `Phones`, and so
        are their ``bindings``."""
        self._switchboard = switchboard
        self._element = element
        self._peers = Peers()
        self._deadlines = deadlines
        self._layer = TransactionLayer(deadlines, timing)
        self.phones = Phones(element, self._peers.sources, secret, bindings or Bindings())
        self._redirects = Redirects(element)
        self.swap_hops(hops)
        self.evidence = Evidence()
        self._view = HealthView()
        self.epoch_offset = 0.0  # epoch seconds minus `now`
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
        self.called = Called(self._peers, switchboard, self.phones)
        self._legs = Legs(element, accounts or Accounts(element.cnonce_of), self._peers)
        dialogs = Dialogs(element, self._peers, self._legs, self.counters)
        self._sessions = Sessions(switchboard, self.evidence)
        self.anchoring = Anchoring(self._layer, element, deadlines, self._peers)
        self._relays = Relays(self._layer, element, dialogs, self._legs, self._sessions, self.anchoring, self.counters)
        self._past_cancels = PastCancels(element, self._peers, self.phones, self.called, self._relays, switchboard)
        self._branches = Branches(element, self._legs)
        self._again = Again(self._branches, self._redirects, self.anchoring, switchboard)
        self._strays = Strays(self._layer, element, self._peers, switchboard, self.counters)
        self._calls: dict[str, Call] = {}  # under way, by offer id
        self._retry_after: str | None = None  # set: no new calls any more

    @property
    def outbox(self) -> list[tuple[bytes, Hop]]:
        """What the transport must send; the driver clears it."""
        return self._layer.outbox

    @property
    def strays(self) -> list[StrayResponse]:
        """Responses that belong to nothing of ours; the driver clears it."""
        return self._strays.unknown

    @property
    def sources(self) -> Sources:
        """Who is at which address."""
        return self._peers.sources

    def set_past(self, until: float) -> None:
        """Until when what rang in a past life may still answer."""
        self._strays.past_until = until

    def refuse_new(self, retry_after: int) -> None:
        """Take no new calls any more: whoever has one is told to come back after so many seconds."""
        self._retry_after = f"Retry-After: {retry_after}"

    def meter(self, may_send: Callable[[bytes, Hop], bool] | None) -> None:
        """Ask before each message is sent."""
        self._layer.meter = may_send

    def guard(self, overload: Overload | None) -> None:
        """While there is too much, let this one refuse new calls and say so in responses."""
        self._layer.gate = overload.gate if overload is not None else None
        self._layer.feedback = overload.tell if overload is not None else None

    def set_states(self, view: HealthView) -> None:
        """Route new offers by this view."""
        self._view = view

    def swap_hops(self, hops: Mapping[str, Hop]) -> None:
        """Use these addresses for new attempts; call it after the switchboard has its dialplan."""
        dialplan = self._switchboard.dialplan
        trunks = dialplan.trunks
        self._peers.swap(hops, trunks)
        self.phones.swap(dialplan)
        self._layer.screen = self.phones.screen if self.phones.listeners else None
        self._layer.behind_nat = frozenset(
            hop.host for name, hop in hops.items() if name in trunks and trunks[name].nat
        )
        self._redirects.swap(self._switchboard.dialplan)

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
        for trunk in self._peers.trunks_at(hop):
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
            self._strays.handle(event, now)
        elif isinstance(event.user, Branch):
            for fork_event in event.user.context.handle(event.user, event, now):
                self._on_fork_event(fork_event, now)
        elif isinstance(event.user, Goodbye):
            self._relays.handle_goodbye(event.user, event, now)
        elif isinstance(event, TransactionEnded) and isinstance(event.user, ResponseContext):
            event.user.user = None  # nobody upstream is left; cut the cycle

    def __len__(self) -> int:
        return len(self._calls)

    # -- requests

    def _on_request(self, event: RequestReceived, now: float) -> None:
        request, transaction = event.request, event.transaction
        try:
            if transaction is None:
                self._relays.pass_ack(request, event.source)
            elif request.method == "CANCEL":
                self._on_cancel(transaction, request, event.source, now)
            elif "proxy-require" in request.names:  # RFC 3261 §16.3 step 5: we support no extension of a proxy's
                self._reply(transaction, refuse_extensions(request, "proxy-require"), now)
            elif request.to_tag:
                self._relays.relay(transaction, request, event.source, now)
            elif self._retry_after is not None and request.method in ("INVITE", "OPTIONS"):
                self._answer(transaction, 503, now, self._retry_after)  # OPTIONS too: neighbours route away
            elif request.method == "INVITE":
                self._on_invite(transaction, event, now)
            elif (answer := self.phones.register(event, now)) is not None:
                self._reply(transaction, answer, now)
            else:
                self._reply(transaction, answer_outside(request), now)
        except RemoteProtocolError as error:
            if transaction is not None:
                self._answer(transaction, error.status, now)

    def _on_invite(self, transaction: Transaction, event: RequestReceived, now: float) -> None:
        request = event.request
        self._layer.respond(transaction, builder.make_response(request, 100), now)
        uri = parse_target(request)
        if not builder.hops_left(request):
            self._answer(transaction, 483, now)
            return
        breadth = builder.breadth_left(request)
        if not breadth:
            self._answer(transaction, 440, now)
            return
        trunk, did = self.called.read(request, uri.user, event.source, event.identity)
        loop_tag = self._element.loop_tag_of(did)
        if self._element.has_passed(request, loop_tag):
            self.counters["loops"] += 1
            self._answer(transaction, 482, now)
            return
        offer_id = ";".join((request.call_id, *map(str, transaction.key[:2])))  # unique while the transaction lives
        dialplan = self._switchboard.dialplan
        offer = make_offer(offer_id, request, did, trunk, now + self.epoch_offset, dialplan)
        self.counters["offers"] += 1
        commands = self._switchboard.begin(offer, self._view, now)
        if commands is None:
            self._answer(transaction, 404, now)
            version = self._switchboard.dialplan.version
            self.records.append(CallRecord(offer, "", 404, None, NO_ROUTE, 0.0, [], (), panic=False, version=version))
            return
        context = ResponseContext(self._layer, transaction, self._element)
        transaction.user = context
        call = context.user = Call(offer, for_others(request), context, loop_tag, breadth, now, dialplan)
        call.hops, call.identity = self._peers.hops, event.identity
        self._calls[offer.id] = call
        call.share = max(1, breadth // width_of(self._switchboard.runs[offer.id].plan))
        self._execute(call, commands, now)

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
        if isinstance(call, Call):
            call.reason = request.get("reason")
            self._tell(call, OfferWithdrawn(), now)
        else:  # a re-INVITE: its final comes from the other side
            for branch in list(context.branches):
                context.cancel_branch(branch, request.get("reason"), now)

    def _on_past_cancel(self, transaction: Transaction, request: Request, source: Hop, now: float) -> None:
        """Its INVITE may have come in a past life: it goes on without a transaction, and so do the answers to it."""
        onward = self._past_cancels.find_ways(request, source) if now <= self._strays.past_until else []
        if not onward:
            self._answer(transaction, 481, now)
            return
        self.counters["past_life"] += 1
        self._layer.abandon(transaction, now)
        for cancel, hop in onward:
            self._layer.send_stateless(cancel, hop)

    def _reply(self, transaction: Transaction, answer: Answer, now: float) -> None:
        status, extra = answer
        self._answer(transaction, status, now, *extra)

    def _answer(self, transaction: Transaction, status: int, now: float, *extra: str) -> None:
        ResponseContext(self._layer, transaction, self._element).respond(status, now, *extra)

    # -- responses

    def _on_fork_event(self, event: ForkEvent, now: float) -> None:
        context = event.context
        call = context.user
        if isinstance(event, BranchReleased):
            self.counters["glare"] += 1
            return
        if not isinstance(call, Call):  # within a dialog, or a call that is decided
            self._relays.handle(event, now)
            return
        attempt = call.attempts[event.branch]
        if isinstance(event, BranchFailed):
            if not event.local:  # whoever is asked in his place may be another trunk
                self.evidence.note_life(attempt, now)
            if self._again.handle(call, attempt, event, now):
                if event.status:
                    self._tell(call, AttemptProgressed(event.branch, Milestone.ACCEPTED), now)
                return
            call.spare += attempt.breadth
            attempt.breadth = 0
            self.anchoring.end(call, attempt)
            if not event.status:
                self.evidence.note_failure(attempt, TRANSPORT_ERROR)
            cause = attempt.outcome = str(event.status) if event.status else TRANSPORT_ERROR
            if not event.local or not event.status:
                self.evidence.note_sign(call, attempt, cause, now, event.retry_after)
            self._tell(call, AttemptFailed(event.branch, cause), now)
            return
        self.evidence.note_life(attempt, now)
        if attempt.tries is not None and (isinstance(event, BranchAnswered) or event.status > 100):
            attempt.tries.let_in()
        if isinstance(event, BranchProgressed):
            alerting = 180 <= event.status < 190
            if alerting:
                self.evidence.note_sign(call, attempt, str(event.status), now)
            milestone = Milestone.ALERTING if alerting else Milestone.ACCEPTED
            self._tell(call, AttemptProgressed(event.branch, milestone), now)
        else:
            self.evidence.note_sign(call, attempt, "200", now)
            self._tell(call, AttemptProgressed(event.branch, Milestone.ANSWERED), now)

    # -- commands

    def _tell(self, call: Call, event: RunEvent, now: float) -> None:
        self._execute(call, self._switchboard.handle(call.offer.id, event, now), now)

    def _execute(self, call: Call, commands: list[RunCommand], now: float) -> None:
        try:
            self._obey(call, commands, now)
        except Exception:  # a fault of ours: neither a caller nor a line may wait for ever
            for branch in tuple(call.context.branches):
                call.context.cancel_branch(branch, None, now)
            call.context.respond(500, now)
            self._forget(call, None)
            raise
        finally:
            self._arm(call)

    def _obey(self, call: Call, commands: list[RunCommand], now: float) -> None:
        for command in commands:
            if isinstance(command, StartAttempt):
                self._start(call, command, now)
            elif isinstance(command, CancelAttempt):
                attempt = call.attempts[command.attempt]
                attempt.outcome = command.why
                if command.why in (NO_REPLY, NO_PROGRESS) and not attempt.waiting:
                    self.evidence.note_sign(call, attempt, command.why, now)
                self._cancel(call, command, now)
            elif isinstance(command, ReportSilent):
                if not call.attempts[command.attempt].waiting:  # else nobody was asked yet
                    self.evidence.note_failure(call.attempts[command.attempt], CALL_SILENT)
            elif isinstance(command, Finish):
                self._finish(call, command, now)

    def _cancel(self, call: Call, command: CancelAttempt, now: float) -> None:
        attempt = call.attempts[command.attempt]
        if attempt.waiting:
            attempt.dropped = True
            call.spare += attempt.breadth
            attempt.breadth = 0
            call.context.consider(408)
        else:
            call.context.cancel_branch(command.attempt, self._reason_for(call, command.why), now)

    def _start(self, call: Call, command: StartAttempt, now: float) -> None:
        path, element = command.path, self._element
        attempt = call.attempts[command.attempt] = Attempt(path, command.trial, now)
        hop = call.hops.get(path.trunk)
        if hop is None or hop[2:] not in element.listeners:
            self._deadlines.arm(now, self._on_not_sent, call, command.attempt, TRANSPORT_ERROR)
            return
        if call.is_sips and hop.transport != "tls":
            call.context.consider(480)
            self._deadlines.arm(now, self._on_not_sent, call, command.attempt, NOT_SECURE)
            return
        if not call.spare:
            call.context.consider(440)
            self._deadlines.arm(now, self._on_not_sent, call, command.attempt, NO_BREADTH)
            return
        attempt.breadth = min(call.share, call.spare)
        call.spare -= attempt.breadth
        leg = self._branches.leg_of(path.name, command.trial)
        self.anchoring.begin(call, attempt, leg, partial(self._send, call, command, hop), now)

    def _send(self, call: Call, command: StartAttempt, hop: Hop, now: float) -> None:
        """The INVITE of an attempt leaves."""
        attempt, trunk = call.attempts[command.attempt], call.trunks.get(command.path.trunk)
        run = self._switchboard.runs[call.offer.id]
        back = hear(call, command.attempt, run.plan.stages[run.attempts[command.attempt].stage].early_media)
        request = self._branches.make_invite(call, attempt, hop)
        if trunk is not None and trunk.large_over_tcp and len(request.encode()) > MAX_DATAGRAM:
            listener = self._element.listener_for(hop.host, "tcp", hop)
            if listener is not None:
                attempt.fallback = request, hop, attempt.tries
                hop = Hop(hop.host, hop.port, "tcp", listener)
                request = self._branches.make_invite(call, attempt, hop)
        call.context.add_branch(command.attempt, request, hop, now, back, attempt.owner)

    def _finish(self, call: Call, command: Finish, now: float) -> None:
        context = call.context
        if command.winner is not None:
            self._sessions.begin(call, command.winner, context.branches[command.winner].answer, now)
            context.respond_with(command.winner, now)
            tries = call.attempts[command.winner].tries
            if tries is not None:
                self._legs.note(tries)
        elif command.cause == WITHDRAWN:
            context.respond(487, now)
        elif command.cause in (FULL, FORBIDDEN):
            refusal = self._switchboard.runs[call.offer.id].plan.refusal
            context.respond(refusal.status if refusal is not None else 503, now)
        else:
            context.respond_best(now)
        run = self._forget(call, command.winner)
        if run is not None:
            self.records.append(make_record(call, run, command, now))

    def _forget(self, call: Call, winner: int | None) -> Run | None:
        """A call is decided."""
        self._calls.pop(call.offer.id, None)
        self.anchoring.finish(call, winner)
        call.context.user = None  # what its losers still have to say is the fork's business alone
        return self._switchboard.close(call.offer.id)

    def _reason_for(self, call: Call, why: str) -> str | None:
        """Losers of a win log no missed call; a caller's own reason is passed on; a timeout says nothing."""
        if why == COMPLETED_ELSEWHERE:
            return builder.COMPLETED_ELSEWHERE
        return call.reason if why == WITHDRAWN else None

    def _arm(self, call: Call) -> None:
        deadline = self._switchboard.deadline(call.offer.id)
        if deadline == call.deadline:
            return
        if call.ticket is not None:
            Deadlines.cancel(call.ticket)
            call.ticket = None
        call.deadline = deadline
        if deadline != inf:
            call.ticket = self._deadlines.arm(deadline, self._on_deadline, call)

    def _on_deadline(self, now: float, call: Call) -> None:
        call.ticket = None
        call.deadline = inf
        self._tell(call, DeadlineReached(), now)

    def _on_not_sent(self, now: float, call: Call, attempt: int, cause: str) -> None:
        self._tell(call, AttemptFailed(attempt, cause), now)
