"""Token buckets: so many at once, so many a second, and never a table that grows with forged addresses.

Owns the arithmetic. Time is an argument; nothing is due here, a bucket fills while nobody looks.
"""

from __future__ import annotations

import ipaddress

PLACES = 4096  # sources that have a bucket of their own at a time


class Bucket:
    """``rate`` tokens a second, ``burst`` at most."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Take one token; False if there is none."""
        tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if tokens < 1.0:
            self._tokens = tokens
            return False
        self._tokens = tokens - 1.0
        return True


class Buckets:
    """One bucket for each source, for `PLACES` of them: the one that came first makes room.

    Whoever sends from more addresses than that gets a full bucket for each; a bucket for all of them together has to
    hold him.
    """

    def __init__(self, rate: float, burst: float, places: int = PLACES) -> None:
        self._rate = rate
        self._burst = burst
        self._places = places
        self._buckets: dict[str, Bucket] = {}

    def take(self, host: str, now: float) -> bool:
        """Take a token of this source; False if it has none."""
        key = group_of(host) if ":" in host else host
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._places:
                del self._buckets[next(iter(self._buckets))]
            bucket = self._buckets[key] = Bucket(self._rate, self._burst)
            bucket._at = now
        return bucket.take(now)

    def __len__(self) -> int:
        return len(self._buckets)


def group_of(host: str) -> str:
    """Who is one source: an IPv4 address, or the /64 of an IPv6 one, which is what a customer has (RFC 6177)."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return host if address.version == 4 else f"{int(address) >> 64:x}::/64"
