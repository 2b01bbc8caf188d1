"""Requests within a dialog on their way through us: ACK and CANCEL without state, all others in a transaction.

Owns what is done with them and with the responses to them; where they go and how they look is for `dialogs`. There is no
policy here: a request has one branch, and what comes back goes upstream as it is, but for challenges that are ours.
"""

from __future__ import annotations

from controller.planes.anchoring import Anchoring
from controller.planes.dialogs import Dialogs
from controller.planes.outside import parse_target
from controller.planes.sessions import Sessions
from controller.planes.tries import Legs, Tries
from sip import builder
from sip.element import Element
from sip.fork import BranchAnswered, BranchFailed, ForkEvent, Goodbye, ResponseContext
from sip.layer import TransactionLayer
from sip.machines import INVITE_SERVER, NON_INVITE_SERVER
from sip.message import Request
from sip.transaction import Event, Hop, ResponseReceived, Transaction


class Relays:
    """See the top of the file."""

    def __init__(
        self,
        layer: TransactionLayer,
        element: Element,
        dialogs: Dialogs,
        legs: Legs,
        sessions: Sessions,
        anchoring: Anchoring,
        counters: dict[str, int],
    ) -> None:
        """``counters["relayed"]`` counts requests."""
        self._layer = layer
        self._element = element
        self._dialogs = dialogs
        self._legs = legs
        self._sessions = sessions
        self._anchoring = anchoring
        self._counters = counters

    def relay(self, transaction: Transaction, request: Request, source: Hop, now: float) -> None:
        """A request within a dialog: our sealed Route entry is its passport (RFC 3261 §16.4)."""
        if "?" in request.uri:
            parse_target(request)
        onward = self._dialogs.forward(request, source.listener)
        if isinstance(onward, int):
            ResponseContext(self._layer, transaction, self._element).respond(onward, now)
            return
        forwarded, hop, tries = onward
        context = ResponseContext(self._layer, transaction, self._element, relay=True)
        transaction.user = context
        self._counters["relayed"] += 1
        refreshes = self._sessions.relay(request, now)
        if tries is not None or refreshes:
            context.user = _Relayed(tries, refreshes)
        self._anchoring.follow(request, context)
        context.add_branch(1, forwarded, hop, now)
        if request.method == "INVITE":
            # behind its copy: who has heard 100 sends it no more, and this process may be killed between the two
            self._layer.respond(transaction, builder.make_response(request, 100), now)
            if tries is not None:
                self._legs.note(tries)

    def pass_ack(self, request: Request, source: Hop) -> None:
        """An ACK to a 2xx is forwarded without a transaction; one that we cannot vouch for is dropped."""
        onward = self._dialogs.copies(request, source.listener)
        if not isinstance(onward, int):
            for ack, hop in onward:
                self._layer.send_stateless(ack, hop)

    def find_cancels(self, request: Request, source: Hop) -> list[tuple[Request, Hop]]:
        """What a CANCEL of a re-INVITE of a past life is sent on as."""
        onward = self._dialogs.copies(request, source.listener)
        return [] if isinstance(onward, int) else onward

    def handle(self, event: ForkEvent, now: float) -> None:
        """Take an event of a request within a dialog, or of a call that is decided."""
        context = event.context
        relayed = context.user if isinstance(context.user, _Relayed) else _NOTHING
        if isinstance(event, BranchAnswered):
            if relayed.refreshes:
                self._sessions.refresh(relayed.refreshes, context.branches[event.branch].answer, now)
            context.respond_with(event.branch, now)
        elif isinstance(event, BranchFailed):
            tries = relayed.tries
            if tries is not None and try_again(event, tries, now):
                if context.upstream.table is INVITE_SERVER:
                    self._legs.note(tries)
            elif tries is not None and event.status in (401, 407):
                # not its sender's to answer; whoever cancels waits for another word
                context.respond(487 if context.branches[event.branch].cancel_wanted else 403, now)
            elif event.status == 408 and context.upstream.table is NON_INVITE_SERVER:
                # RFC 4320 §4.2: whoever says so, its sender has timed out as well
                self._layer.abandon(context.upstream, now)
            else:
                context.respond_best(now)

    def handle_goodbye(self, goodbye: Goodbye, event: Event, now: float) -> None:
        """Somebody who answered in vain may want credentials before he is hung up on."""
        if isinstance(event, ResponseReceived):
            again = self._legs.say_goodbye_again(goodbye, event.response)
            if again is not None:
                self._layer.request(again.request, again.hop, now, again)


class _Relayed:
    """What is kept of a request on its way, where anything is: the user of its response context."""

    __slots__ = ("refreshes", "tries")

    def __init__(self, tries: Tries | None, refreshes: str) -> None:
        self.tries = tries
        self.refreshes = refreshes  # the key of the call whose session may begin anew


_NOTHING = _Relayed(None, "")


def try_again(event: BranchFailed, tries: Tries, now: float) -> bool:
    """Send the request of a branch that was challenged once more, in its place. False if it has failed."""
    context, response = event.context, event.response
    if response is None or context.final or context.branches[event.branch].cancel_wanted:
        return False
    request = tries.again(response)
    if request is None:
        return False
    before = context.branches[event.branch]
    context.add_branch(event.branch, request, tries.hop, now, before.back, before.owner)
    return True
