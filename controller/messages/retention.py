"""How long what is kept of messages is kept.

Owns the figures and the schedule; the store does it (`Store.purge`: texts first, then identities, then rows). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.types.messages import Client, Messaging

EVERY = 60.0  # seconds between two purges
ROWS = Client("").keep  # of tenants that the dialplan does not name: as one that it says nothing of


def keeps(messaging: Messaging) -> Mapping[str, float]:
    """By tenant: seconds that rows without identity stay; "" for any other tenant."""
    return {"": ROWS, **{name: client.keep for name, client in messaging.clients.items()}}


def next_purge(last: float | None, now: float) -> float:
    """When the next purge is due: at once after a start, for the daemon may have been away for long."""
    return now if last is None else max(now, last + EVERY)
