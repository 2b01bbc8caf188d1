"""From an offer to its route: exact DID first, then the longest prefix, then outbound, then the default route.

Owns the line between inbound and outbound: only what comes from a trunk that an outbound route names may take it, and
only for what a phone can dial. Whoever else dials a number that is not ours gets nowhere: no toll fraud through us.
Must not look at health: a route says who is meant, the plan says how to reach them now.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from controller.types import Dialplan, Offer, Route

LONGEST_PREFIX = 15  # digits of a number (ITU-T E.164 §6)
LONGEST_DIALLED = 32  # characters: a number with all that a PBX may put before and behind it
_Found = TypeVar("_Found")
_DIALLED = re.compile(r"\+?[0-9*#]+")


def match_route(dialplan: Dialplan, offer: Offer) -> Route | None:
    """The route of an offer, or None if nobody here owns the called number."""
    return (
        find_inbound(dialplan, offer.did)
        or (_find_outbound(dialplan.outbound, offer) if dialplan.outbound else None)
        or dialplan.default
    )


def find_inbound(dialplan: Dialplan, number: str) -> Route | None:
    """The route that a number has because it is one of ours."""
    return _find(dialplan.routes, number) or (_find_prefix(dialplan.prefixes, number) if dialplan.prefixes else None)


def _find_outbound(outbound: Mapping[str, Mapping[str, Route]], offer: Offer) -> Route | None:
    """The way out for a call of one of our PBXs."""
    if not offer.trunk or len(offer.did) > LONGEST_DIALLED or not _DIALLED.fullmatch(offer.did):
        return None
    by_trunk = _find_prefix(outbound, offer.did) or outbound.get("")
    return by_trunk.get(offer.trunk) if by_trunk else None  # who may not take the longest gets no shorter one


def _find(routes: Mapping[str, _Found], did: str) -> _Found | None:
    """The route of a number as it was sent, else of its twin: carriers differ in whether they send E.164's plus."""
    found = routes.get(did)
    if found is None and did:
        found = routes.get(did[1:] if did.startswith("+") else "+" + did)
    return found


def _find_prefix(prefixes: Mapping[str, _Found], did: str) -> _Found | None:
    plus = "+" if did.startswith("+") else ""
    digits = did[len(plus) :]
    for length in range(min(len(digits), LONGEST_PREFIX), 0, -1):
        found = _find(prefixes, plus + digits[:length])
        if found is not None:
            return found
    return None
