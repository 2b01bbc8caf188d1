"""Messages that an SMSC has and of which no final receipt came: which are to be asked about, and when (query_sm).

Owns who is asked about next; each message `TRIES` times at most, later each time. What nobody asks about any more is left
to its wait. It lives in memory: the next life of this process asks about nothing, for it is no promise, only a look. Pure.

It is no way against sending twice: query_sm asks by the id that the answer to submit_sm gave (SMPP 3.4 §4.8), and whoever
lost the answer has no id.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from math import inf

TRIES = 3
MOST = 10_000  # messages; the newest is not asked about where so many are open


@dataclass(slots=True)
class Query:
    """One message that may be asked about."""

    message_id: str  # as the answer to submit_sm wrote it
    ref: str  # the same as it is stored
    source_ton: int
    source_npi: int
    source: str  # the sender, which must be as in submit_sm (§4.8.1)
    asked: int = 0


class Queries:
    """All of one account. Instants are monotonic seconds."""

    def __init__(self, after: float) -> None:
        """``after``: seconds from the answer until the first question; 0: nobody is ever asked."""
        self._after = after
        self._open: dict[str, Query] = {}
        self._due: list[tuple[float, str]] = []  # a heap; what is not open any more is passed over

    def __len__(self) -> int:
        return len(self._open)

    def accepted(self, query: Query, now: float) -> None:
        """The SMSC has this message."""
        if self._after and query.ref not in self._open and len(self._open) < MOST:
            self._open[query.ref] = query
            heapq.heappush(self._due, (now + self._after, query.ref))

    def settled(self, ref: str) -> None:
        """Its end is known."""
        self._open.pop(ref, None)

    def deadline(self) -> float:
        """When `due` has something to give; infinite while there is nothing to ask."""
        while self._due and self._due[0][1] not in self._open:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else inf

    def due(self, now: float) -> list[Query]:
        """Whom to ask about now. The next time is twice as far away each time."""
        found = []
        while self.deadline() <= now:
            _, ref = heapq.heappop(self._due)
            query = self._open[ref]
            query.asked += 1
            found.append(query)
            if query.asked < TRIES:
                heapq.heappush(self._due, (now + self._after * 2.0**query.asked, ref))
            else:
                del self._open[ref]
        return found
