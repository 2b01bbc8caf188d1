"""Webhooks that were taken already, by the names that their signatures give them.

Owns a bounded memory: a replay that it no longer knows is stopped by its age, or changes nothing, for reports of the same
thing change nothing.
"""

from __future__ import annotations

from collections import OrderedDict

MOST = 10_000


class Replays:
    """Which webhooks were taken in the last while."""

    def __init__(self, lasting: float, most: int = MOST) -> None:
        """``lasting``: seconds that a name is kept."""
        self._lasting = lasting
        self._most = most
        self._until: OrderedDict[str, float] = OrderedDict()

    def knows(self, name: str, now: float) -> bool:
        while self._until and next(iter(self._until.values())) <= now:
            self._until.popitem(last=False)
        return name in self._until

    def note(self, name: str, now: float) -> None:
        if not name:
            return
        self._until[name] = now + self._lasting
        self._until.move_to_end(name)
        while len(self._until) > self._most:
            self._until.popitem(last=False)

    def __len__(self) -> int:
        return len(self._until)
