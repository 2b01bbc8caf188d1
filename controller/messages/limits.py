"""How much a tenant, whoever it names, a block of numbers, a provider and a sender may do.

Owns the limits of the dialplan and what was used of them. They are in memory and of each daemon: two daemons let twice as
much through, and a restart begins anew. A limit that may never be passed belongs to the provider's account. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.messages.gcra import Gcra
from controller.types.cascades import LIMITED
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


class Capacities:
    """What providers and senders carry a second. A short queue is smoothed, a long one is another provider's turn."""

    def __init__(self, messaging: Messaging, patience: float = 1.0) -> None:
        """``patience``: seconds that a message may wait for its turn; well below the lease of a send."""
        self._patience = patience
        self._rates: dict[tuple[str, str], Gcra] = {}
        for name, provider in messaging.providers.items():
            if provider.per_second > 0:
                self._rates[name, ""] = Gcra(1.0, 1.0 / provider.per_second, places=1)
            for sender in provider.senders:
                if sender.per_second > 0:
                    self._rates[name, sender.id] = Gcra(1.0, 1.0 / sender.per_second, places=1)

    def full(self, now: float) -> dict[str, str]:
        """Providers whose queue is longer than patience, and why: for `Circumstances.barred`."""
        return {
            name: LIMITED
            for (name, sender), rate in self._rates.items()
            if not sender and rate.wait("", now) > self._patience
        }

    def is_full(self, provider: str, sender: str, now: float) -> bool:
        """Whether a sender of a provider has more to do than patience allows."""
        rate = self._rates.get((provider, sender))
        return rate is not None and rate.wait("", now) > self._patience

    def reserve(self, provider: str, sender: str, now: float) -> float:
        """Seconds until a message has its turn, at the provider and at its sender: submit it then. 0 without limits."""
        if not self._rates:
            return 0.0
        rates = [self._rates.get((provider, name)) for name in {"", sender}]
        return max((rate.reserve("", now) for rate in rates if rate is not None), default=0.0)
