"""Calls that nobody answered, told to the process for messages, which sends whom a message the route says.

Owns how often one counts: a caller who tries again and again is one missed call (`rules.missed` knows which calls are). The key of each comes from the call, so that
what is told twice is sent once. Must not send anything itself, nor know what is sent.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from controller import clock
from controller.handover import Handover
from controller.rules.missed import find_missed
from controller.types import CallRecord, Dialplan
from controller.types.messages import CALLER

USEFUL = 600.0  # seconds: who hears of a missed call later than that wonders
AGAIN_AFTER = 600.0  # seconds before the same caller of the same number is missed anew
REMEMBERED = 10_000


class MissedCalls:
    """See the top of the file."""

    def __init__(self, handover: Handover) -> None:
        self._handover = handover
        self._recent: OrderedDict[tuple[str, str], float] = OrderedDict()

    def hear(self, record: CallRecord, dialplan: Dialplan) -> None:
        """Take the record of a call that is over."""
        found = find_missed(dialplan, record)
        if found is None:
            return
        offer, now = record.offer, clock.monotonic()
        who = (offer.did, offer.caller)
        last = self._recent.pop(who, None)
        self._recent[who] = now if last is None or now - last >= AGAIN_AFTER else last
        if len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)
        if self._recent[who] != now:
            return
        params = {"caller": offer.caller, "called": offer.did}
        missed, whom = found
        for to in whom:
            address = offer.caller if to == CALLER else to
            key = hashlib.sha256(f"{offer.id}|{to}".encode("utf-8", "surrogateescape")).hexdigest()
            more = {
                "key": key,
                "tenant": missed.tenant,
                "cascade": missed.cascade,
                "template": missed.template,
                "language": missed.language,
                "to": address,
                "params": params,
            }
            self._handover.put("missed", key, USEFUL, more)
