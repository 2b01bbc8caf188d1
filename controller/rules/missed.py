"""Which calls are missed, and who is sent a message then.

Owns what counts as one, for the daemon and for tests of dialplans. Must not know who was told before, nor send anything.
"""

from __future__ import annotations

import re

from controller.rules.match import match_route
from controller.types import FORBIDDEN, CallRecord, Dialplan
from controller.types.messages import CALLER, Missed

_E164 = re.compile(r"\+[1-9][0-9]{5,14}")


def find_missed(dialplan: Dialplan, record: CallRecord) -> tuple[Missed, tuple[str, ...]] | None:
    """What is sent because of a call that is over, and to whom, as `Missed.to` has them: a caller without a number that a
    message could go to is left out. None where nothing is sent."""
    if record.winner is not None or record.offer.ours or record.cause == FORBIDDEN or dialplan.messaging is None:
        return None
    route = match_route(dialplan, record.offer)
    if route is None or route.missed is None:
        return None
    is_number = _E164.fullmatch(record.offer.caller) is not None
    return route.missed, tuple(to for to in route.missed.to if to != CALLER or is_number)
