"""The embedded data plane: a record-routing forking proxy, driven by runs.

Owns the translation: an INVITE becomes an offer, a branch an attempt, a response a milestone, a command a SIP
request. Sans-IO; nothing is awaited. It decides nothing: whom to ring is the run's business, what the caller may
see is the fork's. Requests within a dialog carry their way in our sealed Record-Route and need no state at all.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace

from controller.bindings import Bindings
from controller.credentials import Accounts
from controller.edge.overload import Overload
from controller.edge.sources import Sources
from controller.planes.anchoring import Anchoring
from controller.planes.border.redirects import Redirects
from controller.planes.call import Call
from controller.planes.called import Called
from controller.planes.calls import Calls
from controller.planes.cancels import PastCancels
from controller.planes.dialogs import Dialogs
from controller.planes.evidence import Evidence
from controller.planes.offers import for_others, make_offer, name_call, width_of
from controller.planes.outside import Answer, answer_outside, parse_target, refuse_extensions
from controller.planes.peers import Peers
from controller.planes.phones import Phones
from controller.planes.placed import make_chain
from controller.planes.relays import Relays
from controller.planes.sessions import Sessions
from controller.planes.strays import Strays
from controller.planes.texts import ReceivedTexts
from controller.planes.tries import Legs
from controller.switchboard import Switchboard
from controller.types import (
    NO_ROUTE,
    CallOrder,
    CallRecord,
    Fault,
    HealthView,
    OfferWithdrawn,
)
from sip import builder
from sip.element import Element
from sip.errors import RemoteProtocolError
from sip.fork import (
    Branch,
    BranchReleased,
    ForkEvent,
    Goodbye,
    ResponseContext,
)
from sip.layer import TransactionLayer
from sip.message import Request
from sip.timing import Deadlines, Timing
from sip.transaction import Event, Hop, RequestReceived, StrayResponse, Transaction, TransactionEnded


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
        self.texts = ReceivedTexts()
        self.swap_hops(hops)
        self.evidence = Evidence()
        self._view = HealthView()
        self.epoch_offset = 0.0  # epoch seconds minus `now`
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
        self._strays = Strays(self._layer, element, self._peers, switchboard, self.counters)
        self._calls = Calls(
            element, switchboard, deadlines, self.evidence, self._sessions, self._legs, self.anchoring, self._redirects
        )
        self._retry_after: str | None = None  # set: no new calls any more
        self.orders: Mapping[str, CallOrder] = {}  # of calls of our own, by Call-ID

    @property
    def outbox(self) -> list[tuple[bytes, Hop]]:
        """What the transport must send; the driver clears it."""
        return self._layer.outbox

    @property
    def inward(self) -> list[bytes]:
        """What is for who makes calls of our own; the driver clears it."""
        return self._layer.inward

    @property
    def hops(self) -> Mapping[str, Hop]:
        """Where each trunk is."""
        return self._peers.hops

    @property
    def calls(self) -> Calls:
        """Those that are being set up, to look at."""
        return self._calls

    @property
    def records(self) -> list[CallRecord]:
        """What became of calls that are over; the driver clears it."""
        return self._calls.records

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
        self.texts.swap(self._switchboard.dialplan)

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
        self._calls.lose_trunk(trunk, now)
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
            elif (request.method == "MESSAGE" and (answer := self._take_text(event)) is not None) or (
                answer := self.phones.register(event, now)
            ) is not None:
                self._reply(transaction, answer, now)
            else:
                self._reply(transaction, answer_outside(request), now)
        except RemoteProtocolError as error:
            if transaction is not None:
                self._answer(transaction, error.status, now)

    def _take_text(self, event: RequestReceived) -> Answer | None:
        request = event.request
        trunk, called = self.called.read(request, parse_target(request).user, event.source, event.identity)
        return self.texts.take(request, trunk, called, self._switchboard.dialplan)

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
        order = self.orders.get(request.call_id) if not event.source.port else None
        if order is not None:
            trunk, did = "", order.number
        else:
            trunk, did = self.called.read(request, uri.user, event.source, event.identity)
        loop_tag = self._element.loop_tag_of(did)
        if self._element.has_passed(request, loop_tag):
            self.counters["loops"] += 1
            self._answer(transaction, 482, now)
            return
        dialplan = self._switchboard.dialplan
        offer = make_offer(name_call(request, transaction.key), request, did, trunk, now + self.epoch_offset, dialplan)
        self.counters["offers"] += 1
        chain = None
        if order is not None:
            offer, chain = replace(offer, ours=True), make_chain(order, dialplan)
        commands = self._switchboard.begin(offer, self._view, now, chain)
        if commands is None:
            self._answer(transaction, 404, now)
            version = self._switchboard.dialplan.version
            self.records.append(CallRecord(offer, "", 404, None, NO_ROUTE, 0.0, [], (), panic=False, version=version))
            return
        context = ResponseContext(self._layer, transaction, self._element)
        transaction.user = context
        call = context.user = Call(offer, for_others(request), context, loop_tag, breadth, now, dialplan)
        call.hops, call.identity = self._peers.hops, event.identity
        call.share = max(1, breadth // width_of(self._switchboard.runs[offer.id].plan))
        self._calls.begin(call, commands, now)

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
            self._calls.tell(call, OfferWithdrawn(), now)
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
        self._calls.handle(call, event, now)
