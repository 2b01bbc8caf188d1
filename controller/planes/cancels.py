"""CANCELs whose INVITE came in a past life: where they may go.

Owns who may have sent one: a CANCEL cannot be asked for a password (RFC 3261 §22.1), so on a listener for phones it has to
do for every trunk that the INVITE may have proved. That harms nobody: where no INVITE of its branch went, it is answered
with 481. Remembers nothing, and sends nothing.
"""

from __future__ import annotations

from controller.planes import past
from controller.planes.called import Called
from controller.planes.offers import for_others
from controller.planes.outside import parse_target
from controller.planes.peers import Peers
from controller.planes.phones import Phones
from controller.planes.relays import Relays
from controller.switchboard import Switchboard
from sip.element import Element
from sip.message import Request
from sip.transaction import Hop


class PastCancels:
    """See the top of the file."""

    def __init__(
        self,
        element: Element,
        peers: Peers,
        phones: Phones,
        called: Called,
        relays: Relays,
        switchboard: Switchboard,
    ) -> None:
        self._element = element
        self._peers = peers
        self._phones = phones
        self._called = called
        self._relays = relays
        self._switchboard = switchboard

    def find_ways(self, cancel: Request, source: Hop) -> list[tuple[Request, Hop]]:
        """What a CANCEL is sent on as, once to each branch that its INVITE may have had."""
        target, element = parse_target(cancel).user, self._element
        dialplan, hops = self._switchboard.dialplan, self._peers.hops
        onward = for_others(cancel)
        found: dict[tuple[str, Hop], Request] = {}
        for identity in self._phones.suspects(source):
            trunk, user = self._called.read(cancel, target, source, identity)
            if element.has_passed(cancel, element.loop_tag_of(user)):
                return []  # two of us in a circle would copy it for as long as it has hops left
            if cancel.to_tag:
                return self._relays.find_cancels(cancel, source)
            for copy, hop in past.forward_cancel(onward, user, trunk, dialplan, hops, element, source.listener):
                found.setdefault((copy.via.branch, hop), copy)
        return [(copy, hop) for (_, hop), copy in found.items()]
