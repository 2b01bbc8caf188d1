"""So many in so long, by key: the generic cell rate algorithm, one number for each key.

Owns the arithmetic and a bounded table. A key may do ``count`` at once; from then on it gets one more each
``period / count``. Over any stretch of time t it does at most ``count * (1 + t / period)``. Nothing is due here. Pure.
"""

from __future__ import annotations

from collections.abc import Hashable

PLACES = 100_000  # keys that are remembered at a time
_SET_BACK = 1.0  # seconds: clocks of computers are set by less than that all the time


class Gcra:
    """One limit, for many keys. A table that is full forgets the key that was seen first, full or not: whoever can make
    so many keys needs a limit over all of them beside this one."""

    __slots__ = ("_places", "_step", "_tat", "_tolerance")

    def __init__(self, count: float, period: float, places: int = PLACES) -> None:
        """``count`` in ``period`` seconds, both above 0."""
        self._step = period / count
        self._tolerance = max(0.0, period - self._step)  # a count below 1 is one in more than the period
        self._places = places
        self._tat: dict[Hashable, float] = {}  # "theoretical arrival time": when the key has done nothing, in effect

    def wait(self, key: Hashable, now: float) -> float:
        """Seconds until the key may do one more; 0 if it may now. Takes nothing."""
        tat = self._tat.get(key)
        return max(0.0, tat - self._tolerance - now) if tat is not None else 0.0

    def mend(self, key: Hashable, now: float) -> None:
        """Where only `take` is used nobody waits longer than one step: if a key does, the clock was set back meanwhile,
        and it begins anew instead of waiting for as long as that was."""
        tat = self._tat.get(key)
        if tat is not None and tat - now > self._tolerance + self._step + _SET_BACK:
            del self._tat[key]

    def take(self, key: Hashable, now: float) -> float:
        """Do one more if the key may: 0, else the seconds until it may, with nothing taken."""
        tat = self._tat.get(key)
        if tat is None:
            if len(self._tat) >= self._places:
                self._make_room(now)
            self._tat[key] = now + self._step
            return 0.0
        ahead = tat - self._tolerance - now
        if ahead > 1e-9:  # what two floats differ by
            return ahead
        self._tat[key] = (tat if tat > now else now) + self._step
        return 0.0

    def reserve(self, key: Hashable, now: float) -> float:
        """Take the next turn, whenever that is: the seconds until it comes."""
        wait = self.wait(key, now)
        tat = self._tat.get(key)
        if tat is None and len(self._tat) >= self._places:
            self._make_room(now)
        self._tat[key] = max(tat or 0.0, now) + self._step
        return wait

    def _make_room(self, now: float) -> None:
        """Drop a few of the oldest keys that are back at nothing, or else the oldest."""
        for key in [key for key, _ in zip(self._tat, range(64), strict=False)]:
            if self._tat[key] <= now:
                del self._tat[key]
        if len(self._tat) >= self._places:
            del self._tat[next(iter(self._tat))]

    def __len__(self) -> int:
        return len(self._tat)
