"""Requests within a dialog, which need no state: our sealed Route entry is their passport (RFC 3261 §16.4).

Owns where such a request goes and how its copy looks, or why it is refused. Must not know runs or transactions.
"""

from __future__ import annotations

from controller.planes.peers import Peers
from sip import builder
from sip.element import Element, Refusal
from sip.headers import find_uri
from sip.message import Request
from sip.transaction import Hop
from sip.uri import parse_uri


class Dialogs:
    """The calls that are up, known by what their requests bring along."""

    def __init__(self, element: Element, peers: Peers, counters: dict[str, int]) -> None:
        """``counters["refused_routes"]`` counts what brought nothing good."""
        self._element = element
        self._peers = peers
        self._counters = counters

    def forward(self, request: Request, came_by: str) -> tuple[Request, Hop] | int:
        """The copy to send on and where to, or the status of the refusal. ``came_by`` is the listener it came by."""
        element = self._element
        route = element.open_route(request)
        if route is Refusal.NOT_OURS:
            return 481
        if isinstance(route, Refusal):
            self._counters["refused_routes"] += 1
            return 403
        to_caller = route.callee_tag is None
        home = route.caller if to_caller else self._peers.home_of(route.trunk)
        home = element.find_way(home) if home is not None else None
        if route.pinned is not None:
            hop = element.find_way(route.pinned)
        else:
            uri = parse_uri(find_uri(route.onward) if route.onward else request.uri)
            hop = element.hop_of(uri, home or route.caller) or home  # a name not looked up: where the dialog began
        if hop is None:
            return 500
        if not self._peers.may_reach(hop, home, "" if to_caller else route.trunk):
            self._counters["refused_routes"] += 1
            return 403
        # a CANCEL, and an ACK to a failure, have the branch of their INVITE, above us and therefore below
        method = "INVITE" if request.method in ("CANCEL", "ACK") else request.method
        via = element.via_for(request, method, hop=hop, came_by=came_by)
        return builder.forward_request(request, request.uri, via, strip_routes=route.entries), hop
