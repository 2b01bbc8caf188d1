"""How much a target may have that said "too much": additive increase, multiplicative decrease.

Owns the share of one target that is full. Must not judge its quality: being full is no fault, unless it lasts.
"""

from __future__ import annotations

from math import isfinite

#: While a target is full its share halves at most once a second, comes back by so much a second, and
#: being full for longer than ten seconds is a failure after all.
ROOM_BACK = 0.05
LEAST_ROOM = 0.05
FULL_FOR = 10.0

#: Whatever it asks for (Retry-After), it is not left out for longer than this many seconds, unless somebody says so.
LONGEST_WAIT = 60.0


class Room:
    """How much a target that said "too much" may have: additive increase, multiplicative decrease."""

    __slots__ = ("at", "full_since", "share", "shut_until")

    def __init__(self, now: float) -> None:
        self.share = 1.0
        self.at = now  # when it was last halved
        self.full_since = now
        self.shut_until = now

    def refused(self, now: float, retry_after: float, longest: float = LONGEST_WAIT) -> bool:
        """It said "too much", and to come back after ``retry_after`` seconds, of which ``longest`` are believed. True
        if it has for too long."""
        if self.now(now) >= 1.0 and now > self.at:
            self.full_since = now  # it had recovered, or this is the first time
        if now - self.at >= 1.0 or self.share == 1.0:
            self.share = max(LEAST_ROOM, self.now(now) / 2) if now >= self.shut_until else self.share
            self.at = now
        if retry_after > 0:  # false for NaN
            wait = retry_after if isfinite(retry_after) else longest
            self.shut_until = max(self.shut_until, now + min(wait, longest))
        return now - self.full_since > FULL_FOR

    def now(self, now: float) -> float:
        """The share at this instant."""
        return (
            0.0
            if now < self.shut_until
            else min(1.0, self.share + ROOM_BACK * max(0.0, now - max(self.at, self.shut_until)))
        )
