"""Responses that belong to no transaction: of a past life, of a branch that is over, or not ours at all.

Owns what becomes of them: a response whose branch proves to be ours goes on by its Vias alone, whoever answered in vain
is released, the rest is left to others in `unknown`. Remembers nothing of calls.
"""

from __future__ import annotations

from math import inf

from controller.planes import past
from controller.planes.peers import Peers
from controller.switchboard import Switchboard
from sip import builder
from sip.element import Element
from sip.errors import RemoteProtocolError
from sip.fork import Goodbye, make_release
from sip.headers import parse_via
from sip.layer import TransactionLayer, reply_hop
from sip.message import Response
from sip.transaction import StrayResponse


class Strays:
    """See the top of the file."""

    def __init__(
        self,
        layer: TransactionLayer,
        element: Element,
        peers: Peers,
        switchboard: Switchboard,
        counters: dict[str, int],
    ) -> None:
        self._layer = layer
        self._element = element
        self._peers = peers
        self._switchboard = switchboard
        self._counters = counters
        self.past_until = inf  # until when what rang in a past life may still answer
        self.unknown: list[StrayResponse] = []

    def handle(self, event: StrayResponse, now: float) -> None:
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
                self._release_late(event, now)
            if awaited or now > until:
                return
            hop = reply_hop(vias[1])
            if hop is not None:
                hop = self._element.find_way(hop._replace(listener=self._element.came_by(vias[0])))
            forwarded = self._forward(event.response)
            if hop is not None and forwarded is not None:
                self._counters["past_life"] += 1
                self._layer.send_stateless(forwarded, hop)
            if method == "INVITE" and event.response.status >= 300:
                trunk, dialplan = self._peers.trunk_of(hop) if hop is not None else "", self._switchboard.dialplan
                ack = past.acknowledge(event.response, trunk, dialplan, self._peers.hops, self._element)
                if ack is not None:
                    self._layer.send_stateless(*ack)
        else:
            self.unknown.append(event)

    def _forward(self, response: Response) -> Response | None:
        """What goes on; None for what is dealt with when its request comes again."""
        forwarded = self._element.forward_response(response)
        if self._element.numbered(response.via) is None:
            return forwarded
        if response.status in (401, 407):  # not meant for the sender; and an INVITE that got its 100 never comes again
            return builder.veil_challenge(forwarded) if response.cseq[1] == "INVITE" else None
        guessed = response.status == 481 and response.cseq[1] == "PRACK"  # perhaps the wrong try of its INVITE
        return None if guessed else forwarded

    def _release_late(self, event: StrayResponse, now: float) -> None:
        """Somebody answers whose branch is over, given up and past Timer B: ACK and BYE, each time, without state.

        Only while the caller's transaction knows that it is no copy of the winner's, whose call a BYE would end; and
        not to a re-INVITE, for the same reason.
        """
        element, answer = self._element, event.response
        if element.path_tag_in(answer.via) == "INVITE":
            return
        try:
            ack, bye = make_release(element, answer, 1, event.source)
        except RemoteProtocolError:
            return
        self._layer.send_stateless(*ack)
        if element.numbered(answer.via) is None:
            self._layer.send_stateless(*bye)
        elif not self._layer.has_client(bye[0].via.branch, "BYE"):  # it may be challenged, and that answered
            self._layer.request(*bye, now, Goodbye(self._peers.trunk_of(event.source), *bye))
        self._counters["glare"] += 1
