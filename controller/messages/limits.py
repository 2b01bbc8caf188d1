"""How much a tenant, whoever it names, a block of numbers and a sender of ours may do.

Owns the limits of the dialplan and what was used of them. They are in memory and of each daemon: two daemons let twice as
much through, and a restart begins anew. A limit that may never be passed belongs to the provider's account. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from controller.messages.gcra import Gcra
from controller.types.messages import Messaging


@dataclass(frozen=True, slots=True)
class Limited:
    """A request that goes over a limit."""

    limit: str  # "tenant", "prefix", or the name of a caller's key: "ip", "session"
    retry_after: float  # seconds until one more may come


class Limits:
    """What requests are counted by. A tenant's own keys are apart from those of others; prefixes are shared."""

    def __init__(self, messaging: Messaging) -> None:
        self._tenants = {
            name: Gcra(max(client.per_second, 1.0), max(client.per_second, 1.0) / client.per_second, places=1)
            for name, client in messaging.clients.items()
            if client.per_second > 0
        }
        self._keys = {name: Gcra(count, period) for name, (count, period) in messaging.limits.items() if count > 0}
        count, period = messaging.max_per_prefix
        self._prefixes = Gcra(count, period) if count > 0 else None

    def admit(self, tenant: str, keys: Mapping[str, str], prefix: str, now: float) -> Limited | None:
        """Count a request; None if every limit has room. One that is refused counts nowhere, so that somebody who asks too
        often is let in again. ``keys`` by names of the dialplan's limits; others are not counted."""
        taken = self._named(tenant, keys, prefix)
        worst = Limited("", 0.0)
        for name, limit, key in taken:
            limit.mend(key, now)
            wait = limit.wait(key, now)
            if wait > max(worst.retry_after, 1e-9):
                worst = Limited(name, wait)
        if worst.limit:
            return worst
        for _, limit, key in taken:
            limit.take(key, now)
        return None

    def _named(self, tenant: str, keys: Mapping[str, str], prefix: str) -> list[tuple[str, Gcra, object]]:
        taken: list[tuple[str, Gcra, object]] = []
        limit = self._tenants.get(tenant)
        if limit is not None:
            taken.append(("tenant", limit, ""))
        if self._keys:
            for name, value in keys.items():
                limit = self._keys.get(name)
                if limit is not None and value:
                    taken.append((name, limit, (tenant, value)))
        if self._prefixes is not None and prefix:
            taken.append(("prefix", self._prefixes, prefix))
        return taken


class SenderTurns:
    """What our numbers and names carry a second, where that is known. A short queue is smoothed, a long one is another
    sender's turn, or another provider's."""

    def __init__(self, messaging: Messaging) -> None:
        self._rates = {
            (name, sender.id): Gcra(1.0, 1.0 / sender.per_second, places=1)
            for name, provider in messaging.providers.items()
            for sender in provider.senders
            if sender.per_second > 0
        }

    def wait(self, provider: str, sender: str, now: float) -> float:
        """Seconds until a sender of a provider has a turn; 0 without a limit. Takes nothing."""
        rate = self._rates.get((provider, sender))
        return rate.wait("", now) if rate is not None else 0.0

    def reserve(self, provider: str, sender: str, now: float, patience: float = inf) -> float:
        """Take the next turn: the seconds until it comes. If they are more than ``patience`` nothing is taken, or turns
        that nobody uses would keep everybody else waiting. ``now``: monotonic."""
        rate = self._rates.get((provider, sender))
        if rate is None:
            return 0.0
        wait = rate.wait("", now)
        return wait if wait > patience else rate.reserve("", now)
