"""Sends that nobody has reported on for longer than is usual: weak evidence, long before their wait is over.

Owns which sends are awaited, until when silence says nothing, and which were counted as overdue, so that what comes of them
later takes that back. Must not weigh it: that is `health.score`. In memory, bounded, of each daemon: what an earlier life
awaited is judged by its wait alone. Pure. Times are seconds since the epoch.

While we were the ones who could not hear (the store was lost, the process stood still, the clock was set), time does not
count: everything that is awaited gets it back.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

#: Silence shorter than this says nothing, however quick a provider is: our own slowness explains it as well.
LEAST = 3.0

#: Who looks less often than each so many seconds was not listening.
LISTENING = 2.0

#: So many sends are awaited at most, and as many remembered that were counted.
MOST = 50_000

_Key = tuple[str, int]  # cascade, attempt


@dataclass(slots=True)
class Awaited:
    """A send that its provider took and has not reported on."""

    cascade_id: str
    attempt: int
    provider: str
    region: tuple[str, ...]
    weight: float
    after: tuple[str, ...]  # providers that had failed for the same cascade
    since: float  # the provider took it
    circumstances: tuple[str, ...] = ()


class Overdue:
    """Hears of sends and of what comes of them; says which are overdue, each once."""

    def __init__(self) -> None:
        self._awaited: dict[_Key, Awaited] = {}
        self._ends: list[tuple[float, _Key]] = []  # heap, by the time that was listened
        self._counted: dict[_Key, None] = {}
        self._looked: float | None = None
        self._deaf = 0.0  # seconds that did not count

    def __len__(self) -> int:
        return len(self._awaited)

    def expect(self, send: Awaited, patience: float) -> None:
        """A provider took a send; its report comes within ``patience`` seconds, if all is well."""
        key = (send.cascade_id, send.attempt)
        if len(self._ends) >= MOST or key in self._awaited or key in self._counted:
            return
        self._awaited[key] = send
        heapq.heappush(self._ends, (send.since + max(patience, LEAST) - self._deaf, key))

    def heard(self, cascade_id: str, attempt: int) -> bool:
        """Something came of a send: whether it was counted as overdue, which is forgotten with this."""
        key = (cascade_id, attempt)
        if self._awaited.pop(key, None) is not None:
            return False
        return self._counted.pop(key, self) is None

    def drop(self, cascade_id: str, attempt: int) -> None:
        """Nobody waits for this report any more; a send that was counted stays so."""
        self._awaited.pop((cascade_id, attempt), None)

    def look(self, now: float) -> list[Awaited]:
        """Those that are overdue since the last look; to be asked all the time, for who does not look does not listen."""
        if self._looked is not None:
            gap = now - self._looked
            if gap > LISTENING or gap < 0.0:
                self._deaf += gap
        self._looked = now
        found = []
        while self._ends and self._ends[0][0] + self._deaf <= now:
            _, key = heapq.heappop(self._ends)
            send = self._awaited.pop(key, None)
            if send is not None:
                found.append(send)
        return found

    def count(self, send: Awaited) -> None:
        """It is told to health: what comes of it is to take that back."""
        if len(self._counted) >= MOST:
            del self._counted[next(iter(self._counted))]
        self._counted[send.cascade_id, send.attempt] = None
