"""What was learnt of operators: a report of delivery names the network that a number is in today.

Owns a bounded memory by blind index, so that it holds no number. In memory alone, of each daemon: it is learnt again with
the next report. Pure.
"""

from __future__ import annotations

from controller.messages.region import REPORT, SOURCES, Number, with_operator

PLACES = 100_000  # people
GOOD_FOR = 30 * 86400.0  # seconds: numbers are ported seldom, but they are


class Operators:
    """By blind index: operator (MCC-MNC), source, and until when that is believed."""

    def __init__(self, places: int = PLACES) -> None:
        self._places = places
        self._known: dict[bytes, tuple[str, str, float]] = {}

    def learn(self, index: bytes, operator: str, now: float, source: str = REPORT) -> None:
        """A report, or somebody who was asked, named the operator of a person's number."""
        if not operator:
            return
        old = self._known.pop(index, None)
        if old is not None and now < old[2] and SOURCES.index(old[1]) < SOURCES.index(source):
            self._known[index] = old  # a look-up does not overrule a report
            return
        if len(self._known) >= self._places:
            del self._known[next(iter(self._known))]
        self._known[index] = (operator, source, now + GOOD_FOR)

    def refine(self, number: Number, index: bytes, now: float) -> Number:
        """The number with the operator that is best known."""
        known = self._known.get(index)
        if known is None or now >= known[2]:
            return number
        return with_operator(number, known[0], known[1])

    def __len__(self) -> int:
        return len(self._known)
