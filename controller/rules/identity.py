"""Whose number a trunk is shown as that of the caller, and whether a call to it was diverted by us.

Owns the choice of numbers; how they are written is `rules.numbers`, where they stand in messages the plane's business.
"""

from __future__ import annotations

from controller.rules.match import find_inbound, match_route
from controller.types import Asserted, Dialplan, Identity, Offer, Show, Trunk


def shown_number(dialplan: Dialplan, offer: Offer, trunk: Trunk) -> str:
    """The number of ours that stands in From, "" where the caller's own passes."""
    identity = trunk.identity
    if identity is None or identity.show is Show.PASS:
        return ""
    return identity.number if identity.show is Show.NUMBER else own_number(dialplan, offer, identity)


def asserted_number(dialplan: Dialplan, offer: Offer, trunk: Trunk) -> str:
    """The number of ours that stands beside From, "" where there is none."""
    identity = trunk.identity
    if identity is None or identity.asserted is Asserted.OFF:
        return ""
    if identity.show is Show.PASS and identity.number:
        return identity.number
    return shown_number(dialplan, offer, trunk) or own_number(dialplan, offer, identity)


def own_number(dialplan: Dialplan, offer: Offer, identity: Identity) -> str:
    """A number of ours that the call belongs to: that which was called, in a call outward the PBX user's if it is one
    of ours, else that of the trunk. "" where there is none."""
    if is_diverted(dialplan, offer):
        return as_routed(dialplan, offer.did)
    if find_inbound(dialplan, offer.caller) is not None:
        return as_routed(dialplan, offer.caller)
    return identity.number


def is_diverted(dialplan: Dialplan, offer: Offer) -> bool:
    """Whether it is a call to a number of ours, which whoever gets it is not; a call outward is none."""
    route = match_route(dialplan, offer) if not offer.ours else None
    return route is not None and not route.outbound


def as_routed(dialplan: Dialplan, number: str) -> str:
    """A number with its plus where the dialplan writes it so."""
    twin = f"+{number}"
    return twin if not number.startswith("+") and twin in dialplan.routes else number
