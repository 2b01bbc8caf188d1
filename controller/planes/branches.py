"""How the INVITE of a call looks on the way to a trunk, and what its caller sees of the responses.

Owns the copy that is sent for each attempt. Must not decide whom to try, nor send anything: later policies of what a
trunk sees (its numbers, its credentials) have their place here, and in `dialogs` for what follows within the call.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.planes.call import Attempt, Call
from controller.types import Trunk
from sip import builder
from sip.element import Element
from sip.message import Request
from sip.route import SealedRoute
from sip.transaction import Hop


def is_behind_nat(trunks: Mapping[str, Trunk], name: str) -> bool:
    """Whether a trunk of that name is there, and behind NAT."""
    trunk = trunks.get(name)
    return trunk is not None and trunk.nat


class Branches:
    """Makes the requests of attempts."""

    def __init__(self, element: Element) -> None:
        self._element = element
        self._path_tags: dict[str, str] = {}  # by the name of the path

    def make_invite(self, call: Call, attempt: Attempt, trial: int, hop: Hop) -> Request:
        """The INVITE of an attempt; the same call, path and trial give the same one in any life."""
        invite, path, element = call.invite, attempt.path, self._element
        caller = call.context.upstream.hop
        passport = SealedRoute(
            invite.from_tag,
            caller,
            path.trunk,
            callee=hop if is_behind_nat(call.trunks, path.trunk) else None,
            caller_behind_nat=is_behind_nat(call.trunks, call.offer.trunk),
        )
        route = element.record_route(invite.call_id, passport, hop)
        via = element.via_for(invite, self._tag_of(path.name), trial, call.loop_tag, hop=hop, came_by=caller.listener)
        return builder.forward_request(invite, path.address, via, record_route=route, breadth=attempt.breadth)

    def _tag_of(self, path: str) -> str:
        tag = self._path_tags.get(path)
        if tag is None:
            tag = self._path_tags[path] = self._element.path_tag_of(path)
        return tag
