"""Which attempts have their media anchored, and what waits for the relay before it is sent.

Owns the relay of the dialplan in force, and the legs of attempts there. What a relay is asked is `media`'s business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from controller.planes.call import Attempt, Call
from controller.planes.media import MediaRelay
from controller.planes.peers import Peers
from controller.types import Media
from sip.element import Element
from sip.fork import ResponseContext
from sip.layer import TransactionLayer
from sip.message import Request
from sip.timing import Deadlines


class Anchoring:
    """See the top of the file."""

    def __init__(self, layer: TransactionLayer, element: Element, deadlines: Deadlines, peers: Peers) -> None:
        self._layer = layer
        self._element = element
        self._deadlines = deadlines
        self._peers = peers
        self.relay: MediaRelay | None = None

    def swap(self, media: Media | None, token: Callable[[], str], now: float) -> None:
        """Anchor media there from now on, or nowhere; ``token`` makes unguessable cookies."""
        if self.relay is not None:
            if media is not None and replace(media, where="") == replace(self.relay.media, where=""):
                return
            self.relay.give_up(now)
        self.relay, self._layer.hold = None, None
        if media is not None:
            self.relay = MediaRelay(
                media, self._layer, self._element, self._deadlines, token, self._peers.is_behind_nat
            )
            self._layer.hold = self.relay.hold

    def begin(self, call: Call, attempt: Attempt, leg: str, then: Callable[[float], None], now: float) -> None:
        """An attempt on a trunk: ``then`` sends its INVITE, at once, or when the relay has spoken, if it is still wanted."""
        relay = self.relay
        if relay is None or not self._is_anchored(call, attempt):
            then(now)
            return

        def go_on(sdp: str | None, when: float) -> None:
            attempt.waiting = False
            if attempt.dropped or call.context.user is not call:
                self.end(call, attempt)
            else:
                attempt.sdp = sdp
                then(when)

        attempt.leg, attempt.waiting = leg, True
        relay.offer(call.invite, leg, call.context.upstream.hop, go_on, now)

    def end(self, call: Call, attempt: Attempt) -> None:
        """An attempt is over, or was never sent: its ports are free."""
        if self.relay is not None and attempt.leg:
            self.relay.release(call.invite.call_id, call.invite.from_tag, attempt.leg)
            attempt.leg = ""

    def finish(self, call: Call, winner: int | None) -> None:
        """A call is decided: only who has won needs ports any more."""
        if self.relay is not None:
            for number, attempt in call.attempts.items():
                if number != winner:
                    self.end(call, attempt)

    def follow(self, request: Request, context: ResponseContext) -> None:
        """A request within a call goes on."""
        if self.relay is not None:
            self.relay.follow(request, context)

    @staticmethod
    def _is_anchored(call: Call, attempt: Attempt) -> bool:
        sides = call.trunks.get(attempt.way.trunk), call.trunks.get(call.offer.trunk)
        return any(trunk is not None and trunk.anchored for trunk in sides)
