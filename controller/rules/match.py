"""From an offer to its route: exact DID first, then the longest prefix, then the default route.

Must not look at health: a route says who is meant, the plan says how to reach them now.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.types import Dialplan, Offer, Route

LONGEST_PREFIX = 15  # digits of a number (ITU-T E.164 §6)


def match_route(dialplan: Dialplan, offer: Offer) -> Route | None:
    """The route of an offer, or None if nobody here owns the called number."""
    did = offer.did
    return (
        _find(dialplan.routes, did)
        or (_find_prefix(dialplan.prefixes, did) if dialplan.prefixes else None)
        or dialplan.default
    )


def _find(routes: Mapping[str, Route], did: str) -> Route | None:
    """The route of a number as it was sent, else of its twin: carriers differ in whether they send E.164's plus."""
    found = routes.get(did)
    if found is None and did:
        found = routes.get(did[1:] if did.startswith("+") else "+" + did)
    return found


def _find_prefix(prefixes: Mapping[str, Route], did: str) -> Route | None:
    plus = "+" if did.startswith("+") else ""
    digits = did[len(plus) :]
    for length in range(min(len(digits), LONGEST_PREFIX), 0, -1):
        found = _find(prefixes, plus + digits[:length])
        if found is not None:
            return found
    return None
