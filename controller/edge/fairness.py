"""Whose calls go first when some must: those of whoever has the most of them.

Owns the shares of sources. With a share p of all calls to turn away, a source that has c of the newest calls among n
sources loses p times c over the average: the sum is p at least, and a carrier that floods us cannot take the calls of one
that does not. Time is an argument.
"""

from __future__ import annotations

MEMORY = 1.0  # seconds after which what was counted counts half
PLACES = 1024  # sources that are told apart; who came first makes room


class _Share:
    __slots__ = ("calls", "owed")

    def __init__(self) -> None:
        self.calls = 0.0
        self.owed = 0.0


class Fairness:
    """Counts while there is too much; forgets itself otherwise."""

    def __init__(self) -> None:
        self._shares: dict[str, _Share] = {}
        self._total = 0.0
        self._halve_at = 0.0

    def turns_away(self, source: str, shed: float, now: float) -> bool:
        """Whether this new call of a source is one of those that go, evenly spread and without dice; ``shed`` is the
        share of all calls that has to."""
        if now >= self._halve_at:
            self._fade(now)
        share = self._shares.get(source)
        if share is None:
            if len(self._shares) >= PLACES:
                first = next(iter(self._shares))
                self._total -= self._shares.pop(first).calls
            share = self._shares[source] = _Share()
        share.calls += 1.0
        self._total += 1.0
        share.owed += min(1.0, shed * share.calls * len(self._shares) / self._total)
        if share.owed < 1.0:
            return False
        share.owed -= 1.0
        return True

    def _fade(self, now: float) -> None:
        for source in [*self._shares]:
            share = self._shares[source]
            share.calls /= 2
            if share.calls < 0.5:  # silent for some time: no source any more
                del self._shares[source]
        self._total = sum(share.calls for share in self._shares.values())
        self._halve_at = now + MEMORY
