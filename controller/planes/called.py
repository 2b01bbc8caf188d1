"""Which number a call is for, and from which trunk: where the Request-URI alone does not say.

Owns the reading of calls that come to a Contact of ours, which a registrar puts into the Request-URI (RFC 3261 §16.5):
the number that was dialled stands in P-Called-Party-ID (RFC 7315 §4.2) or in To. Must not look a number up.

A Contact of ours cannot be guessed, so who calls it was told by the registrar of its trunk. That is enough to be heard,
and to be known as that trunk's; it is not enough to call out at our expense: for that the address decides, as ever.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.planes.peers import Peers
from controller.planes.phones import Phones
from controller.switchboard import Switchboard
from controller.types import DidFrom, Trunk
from sip.errors import RemoteProtocolError
from sip.headers import find_uri
from sip.message import Request
from sip.transaction import Hop
from sip.uri import parse_uri


class Called:
    """See the top of the file. ``accounts``: the trunks that register, by the user part of our Contact there."""

    def __init__(self, peers: Peers, switchboard: Switchboard, phones: Phones) -> None:
        self._peers = peers
        self._phones = phones
        self._switchboard = switchboard
        self.accounts: Mapping[str, Trunk] = {}

    def read(self, request: Request, user: str, source: Hop, identity: str = "") -> tuple[str, str]:
        """The trunk that a call comes from, "" for none, and the number that it is for; ``user`` is that of its
        Request-URI, ``identity`` the name of who has proved to be its sender."""
        dialplan = self._switchboard.dialplan
        peers = self._peers
        name = peers.one_of(self._phones.trunk_of(identity)) if identity else peers.trunk_of(source)
        account = self.accounts.get(user)
        trunk = account or dialplan.trunks.get(name)
        if trunk is None or (account is None and trunk.did_from is DidFrom.AUTO):
            return name, user
        if not name and not any(trunk.name in callers for callers in dialplan.outbound.values()):
            name = trunk.name
        return name, _read_did(request, user, trunk.did_from)


def _read_did(request: Request, user: str, where: DidFrom) -> str:
    if where is DidFrom.REQUEST_URI:
        return user
    names = {DidFrom.TO: ("to",), DidFrom.CALLED_PARTY: ("p-called-party-id",)}.get(where, ("p-called-party-id", "to"))
    return next((found for name in names if (found := _user_of(request, name))), user)


def _user_of(request: Request, name: str) -> str:
    """The user part of an address, or the number of a ``tel:`` URI (RFC 3966); "" where there is none."""
    value = request.get(name)
    if value is None:
        return ""
    try:
        text = find_uri(value)
        if text[:4].lower() == "tel:":
            return "".join(char for char in text[4:].partition(";")[0] if char not in "-.() ")
        return parse_uri(text).user
    except RemoteProtocolError:
        return ""
