"""From an INVITE to an offer: who calls whom, in numbers as we think of them.

Owns the reading of From and of the Request-URI by the format of the trunk that the call comes from.
"""

from __future__ import annotations

from controller.rules.numbers import read_number
from controller.types import Dialplan, NumberFormat, Offer
from sip.errors import RemoteProtocolError
from sip.headers import find_uri
from sip.message import Request
from sip.uri import Uri, parse_uri


def make_offer(offer_id: str, invite: Request, target: Uri, trunk: str, moment: float, dialplan: Dialplan) -> Offer:
    """What a call asks for. ``target`` is its Request-URI, ``trunk`` that whose address it came from, or ""."""
    form = format_of(dialplan, trunk)
    return Offer(
        id=offer_id,
        did=read_number(form, target.user, called=True),
        caller=read_number(form, parse_caller(invite)),
        moment=moment,
        trunk=trunk,
    )


def format_of(dialplan: Dialplan, trunk: str) -> NumberFormat | None:
    """How a trunk writes numbers; what is no trunk writes them as we do."""
    found = dialplan.trunks.get(trunk)
    return found.format if found is not None else None


def parse_caller(request: Request) -> str:
    """The user part of From, "" where there is none."""
    try:
        return parse_uri(find_uri(request.require("from"))).user
    except RemoteProtocolError:
        return ""  # tel: and anonymous callers are callers as well
