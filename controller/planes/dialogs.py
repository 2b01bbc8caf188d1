"""Requests within a dialog, which need no state: our sealed Route entry is their passport (RFC 3261 §16.4).

Owns where such a request goes and how its copy looks, or why it is refused. Must not know runs or transactions.
"""

from __future__ import annotations

from controller.planes.call import is_sips
from controller.planes.peers import Peers
from controller.planes.phones import remove_credentials
from controller.planes.tries import Leg, Legs, Tries, ViaMaker
from controller.rules.expand import common_name
from sip import builder
from sip.element import Element, Refusal
from sip.guise import IDENTITY, Note, keep, remove, restore
from sip.headers import find_uri
from sip.message import Request
from sip.route import SealedRoute
from sip.sequence import mark
from sip.transaction import Hop
from sip.uri import parse_uri


class Dialogs:
    """The calls that are up, known by what their requests bring along."""

    def __init__(self, element: Element, peers: Peers, legs: Legs, counters: dict[str, int]) -> None:
        """``counters["refused_routes"]`` counts what brought nothing good."""
        self._element = element
        self._legs = legs
        self._peers = peers
        self._counters = counters

    def forward(self, request: Request, came_by: str) -> tuple[Request, Hop, Tries | None] | int:
        """The copy to send on, where to, and its tries if it may be challenged, or the status of the refusal.
        ``came_by`` is the listener it came by."""
        way = self._find_way(request, came_by)
        if isinstance(way, int):
            return way
        plain, hop, leg, note = way
        if leg is None:
            return plain, hop, None
        tries = self._legs.begin(leg, plain, hop, self._via_maker(request, hop, came_by, note))
        return tries.request(), hop, tries

    def copies(self, request: Request, came_by: str) -> list[tuple[Request, Hop]] | int:
        """Like `forward` for what is sent on without a transaction, ACK and CANCEL; usually one."""
        way = self._find_way(request, came_by)
        if isinstance(way, int):
            return way
        plain, hop, leg, note = way
        if leg is None:
            return [(plain, hop)]
        return [*self._legs.copies(leg, plain, hop, self._via_maker(request, hop, came_by, note))]

    def _find_way(self, request: Request, came_by: str) -> tuple[Request, Hop, Leg | None, str] | int:
        element = self._element
        route = element.open_route(request)
        if route is Refusal.NOT_OURS:
            return 481
        if isinstance(route, Refusal):
            self._counters["refused_routes"] += 1
            return 403
        to_caller = route.callee_tag is None
        home = route.caller if to_caller else self._peers.home_of(route.trunk)
        if home is not None:
            if not to_caller and route.side is not None and route.side.transport == home.transport:
                home = home._replace(listener=route.side.listener)  # which a reload may have changed for new calls
            home = element.find_way(home)
        if route.pinned is not None:
            hop = element.find_way(route.pinned)
        else:
            uri = parse_uri(find_uri(route.onward) if route.onward else request.uri)
            hop = element.hop_of(uri, home or route.caller) or home  # a name not looked up: where the dialog began
        if hop is None:
            return 500
        if hop.transport != "tls" and is_sips(request):
            return 480  # RFC 3261 §26.2.2: over TLS or not at all
        if not self._peers.may_reach(hop, home, "" if to_caller else route.trunk):
            self._counters["refused_routes"] += 1
            return 403
        sender, receiver = (route.callee_as, route.caller_as) if to_caller else (route.caller_as, route.callee_as)
        hides = bool(self._peers.untrusted) and self._is_hidden(route)
        note = ""  # behind the branch in our Via
        if sender is not None or receiver is not None or hides:
            written = Note(
                keep(request.require("from")) if sender is not None else "",
                keep(request.require("to")) if receiver is not None else "",
                hides=hides,
            )
            note = element.write_note(written, request.call_id)
        via = element.via_for(request, _tag_of(request), hop=hop, came_by=came_by) + note
        onward = builder.forward_request(request, request.uri, via, strip_routes=route.entries)
        if note:
            restore(onward, Note(sender or "", receiver or "", hides=hides))
        if not to_caller and not IDENTITY.isdisjoint(onward.names) and not self._peers.trunk_of(route.caller):
            remove(onward, IDENTITY)  # as in its INVITE: nobody vouches for a stranger
        if "authorization" in onward.names:  # an ACK has those of its INVITE (RFC 3261 §22.1)
            remove_credentials(onward)
        return onward, hop, _leg_of(route), note

    def _is_hidden(self, route: SealedRoute) -> bool:
        """Whether one of the two sides is not to learn who the other really is, or not to be believed."""
        untrusted = self._peers.untrusted
        return any(common_name(name) in untrusted for name in (route.trunk, self._peers.trunk_of(route.caller)))

    def _via_maker(self, request: Request, hop: Hop, came_by: str, note: str) -> ViaMaker:
        tag, cseq = _tag_of(request), request.cseq[0]

        def make(tried: int, number: int) -> str:
            return self._element.via_for(request, mark(tag, cseq, tried), hop=hop, came_by=came_by, cseq=number) + note

        return make


def _tag_of(request: Request) -> str:
    """What stands for the path in the branch: a CANCEL, and an ACK to a failure, have the branch of their INVITE, above
    us and therefore below."""
    method = request.method
    return "INVITE" if method in ("CANCEL", "ACK") else method if method.isalnum() else "OTHER"


def _leg_of(route: SealedRoute) -> Leg | None:
    """Where the request goes, if credentials may be asked for there."""
    if route.callee_tag is None:
        return Leg(route.caller_trunk, None) if route.caller_trunk else None
    return Leg(route.trunk, route.first, route.tried) if route.first is not None else None
