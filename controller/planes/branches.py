"""How the INVITE of a call looks on the way to a trunk, and what its caller sees of the responses.

Owns the copy that is sent for each attempt. Must not decide whom to try, nor send anything: what a trunk sees of a call
is put on here (`border`), and in `dialogs` for what follows within the call.
"""

from __future__ import annotations

from functools import lru_cache

from controller.bindings import called_there
from controller.planes.border.diversion import Why, why_diverted
from controller.planes.border.dress import Dress, make_dress
from controller.planes.border.early import forgo_reliability
from controller.planes.call import Attempt, Call
from controller.planes.media import put_sdp
from controller.planes.peers import is_behind_nat
from controller.planes.tries import Leg, Legs
from controller.types import Path, Trunk
from sip import builder
from sip.element import Element
from sip.errors import RemoteProtocolError
from sip.headers import find_uri
from sip.message import Request
from sip.route import SealedRoute
from sip.sequence import mark
from sip.transaction import Hop
from sip.uri import bare_host, bracketed, parse_uri

KNOWN = 4096  # paths whose tag is remembered: where a 3xx points is one as well, and there are many


def is_phone_elsewhere(call: Call) -> bool:
    """Whether the caller is a phone that proved itself by a password, and believes to be at another address than the one
    that it comes from: its connection is the only way back. With a proxy between the Contact is none of our business."""
    invite = call.invite
    if not call.identity or "record-route" in invite.names or "contact" not in invite.names:
        return False
    try:
        uri = parse_uri(find_uri(invite.require("contact")))
    except RemoteProtocolError:
        return True
    return uri.host != bare_host(bracketed(call.context.upstream.hop.host))


class Branches:
    """Makes the requests of attempts."""

    def __init__(self, element: Element, legs: Legs) -> None:
        self._element = element
        self._legs = legs
        self._tag_of = lru_cache(KNOWN)(element.path_tag_of)  # by the name of the path

    def make_invite(self, call: Call, attempt: Attempt, hop: Hop) -> Request:
        """The INVITE of an attempt; the same call, path and trial give the same one in any life."""
        invite, path, trial, element = call.invite, attempt.way, attempt.trial, self._element
        caller = call.context.upstream.hop
        tag = self._tag_of(path.name)
        trunk, source = call.trunks.get(path.trunk), call.trunks.get(call.offer.trunk)
        asked = trunk is not None and trunk.auth is not None
        if attempt.sdp is not None:
            invite = invite.copy()
            put_sdp(invite, attempt.sdp)
        media = ("o" if invite.body else "d") + attempt.leg if attempt.leg else ""
        dress = self._dress(call, attempt, hop)
        passport = SealedRoute(
            invite.from_tag,
            caller,
            path.trunk,
            callee=hop if is_behind_nat(call.trunks, path.trunk) else None,
            caller_behind_nat=is_behind_nat(call.trunks, call.offer.trunk)
            or is_phone_elsewhere(call)
            or call.offer.ours,  # its Contact is that of us all
            first=invite.cseq[0] if asked else None,
            caller_trunk=source.name if source is not None and source.auth is not None else "",
            media=media,
            caller_as=dress.caller_as if dress is not None else None,
            callee_as=dress.callee_as if dress is not None else None,
        )
        note = ""  # behind the branch in our Via
        if dress is not None and dress.note is not None:
            note = element.write_note(dress.note, invite.call_id)
        address = address_at(trunk, path, is_sips=call.is_sips)
        sips = call.is_sips, address.startswith("sips:")
        route = element.record_route(invite.call_id, passport, hop, sips)
        via = element.via_for(invite, tag, trial, call.loop_tag, hop=hop, came_by=caller.listener) + note
        plain = builder.forward_request(invite, address, via, record_route=route, breadth=attempt.breadth)
        if dress is not None:
            dress.put_on(plain)
        if attempt.silenced:
            forgo_reliability(plain)
        if not asked:
            return plain
        cseq = invite.cseq[0]

        def make_via(tried: int, number: int) -> str:
            marked, by = mark(tag, cseq, tried), caller.listener
            return element.via_for(invite, marked, trial, call.loop_tag, hop=hop, came_by=by, cseq=number) + note

        attempt.tries = self._legs.begin(Leg(path.trunk, cseq), plain, hop, make_via)
        return attempt.tries.request()

    def _dress(self, call: Call, attempt: Attempt, hop: Hop) -> Dress | None:
        trunk = call.trunks.get(attempt.way.trunk)
        if trunk is None:
            return None

        def why() -> Why:
            endpoint = attempt.path.endpoint
            return why_diverted(other.outcome for other in call.attempts.values() if other.path.endpoint != endpoint)

        theirs = call.trunks.get(call.offer.trunk)
        host = self._element.listeners[hop[2:]].host
        return make_dress(call.dialplan, call.offer, call.invite, trunk, theirs, host, why)

    def leg_of(self, path: str, trial: int) -> str:
        """The name of an attempt in the media relay: the same in any life."""
        return f"{self._tag_of(path)}-{trial}"


def address_at(trunk: Trunk | None, path: Path, *, is_sips: bool) -> str:
    """The Request-URI of what goes to somebody by a path, the same for an INVITE and its CANCEL (RFC 3261 §9.1)."""
    contact = trunk.contact if trunk is not None else ""
    address = called_there(path.address, contact) if contact else path.address
    return secured(address) if is_sips else address


def secured(address: str) -> str:
    """The SIPS URI of whoever has this one: a call that came to one is never sent on to a plain one (RFC 5630 §5.3)."""
    return address if address.startswith("sips:") else "sips" + address[3:].replace(";transport=tls", "")
