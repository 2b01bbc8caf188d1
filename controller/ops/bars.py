"""The last hour of each trunk and provider, by the minute: the worst state of each of sixty minutes.

Owns that table. Pure: times are arguments, in seconds since the epoch. What was before we came is filled in from what the daemons
tell again, so that a restart of this process loses little.
"""

from __future__ import annotations

from collections import deque

MINUTES = 60
NOTHING = "."
#: From nothing known to worst, one letter each.
LETTERS = {"unknown": NOTHING, "up": "u", "drained": "r", "suspect": "s", "degraded": "g", "down": "d"}
_RANK = {letter: rank for rank, letter in enumerate(LETTERS.values())}


class Bars:
    """One row of minutes for each name."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[int, deque[str]]] = {}  # the newest minute, and as many letters as there are

    def hold(self, name: str, state: str, since: float, until: float) -> None:
        """It was in this state from ``since`` until ``until``."""
        last = int(until // 60)
        newest, row = self._rows.get(name, (last, deque([NOTHING], maxlen=MINUTES)))
        while newest < last:
            newest += 1
            row.append(NOTHING)
        while len(row) < MINUTES:
            row.appendleft(NOTHING)
        letter = LETTERS.get(state, NOTHING)
        for minute in range(max(int(since // 60), newest - MINUTES + 1), last + 1):
            place = MINUTES - 1 - (newest - minute)
            if place >= 0 and _RANK[letter] > _RANK[row[place]]:
                row[place] = letter
        self._rows[name] = (newest, row)

    def show(self, name: str) -> str:
        """Sixty letters, the oldest first."""
        return "".join(self._rows[name][1]) if name in self._rows else NOTHING * MINUTES

    def keep_only(self, names: set[str]) -> None:
        """Forget all others."""
        for name in self._rows.keys() - names:
            del self._rows[name]
