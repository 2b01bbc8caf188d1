"""From an offer to its route: exact DID first, then the default route.

Must not look at health: a route says who is meant, the plan says how to reach them now.
"""

from __future__ import annotations

from controller.types import Dialplan, Offer, Route


def match_route(dialplan: Dialplan, offer: Offer) -> Route | None:
    """The route of an offer, or None if nobody here owns the called number."""
    routes = dialplan.routes
    did = offer.did
    found = routes.get(did)
    if found is None and did and not did.startswith("+"):
        found = routes.get("+" + did)  # carriers differ in whether they send the plus of E.164
    elif found is None:
        found = routes.get(did[1:])
    return found or dialplan.default
