"""Patterns: how a target differs by the hour of the day, in bursts, and by who asks, for one target in one country.

Owns what was seen under each circumstance, and the shift of the log-odds that follows. Must not raise alarms (`incident`) or
decide who is used (`choice`). A circumstance is a word for its kind and one for its value: "hour 21", "burst all",
"source acme/login"; nothing here knows more of it. Time is an argument in seconds.

The shift is against the mean of all values of a kind, where chance does not explain it, and shrunk by a prior. What
happens on one day may be one incident, however many samples it has; what comes again on other days is a pattern: with
each day the prior is worth less. Kinds are seldom independent (who asks at night only is a source and an hour), so the strongest one
counts, and not their sum: one cause is never counted twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from controller.health.estimate import Tally, logit, shrink

DAY = 86400.0
#: Half-life of what was seen: 14 days; each value is shrunk by so many samples, over the days on which it was seen.
HALF_LIFE = 14 * DAY
KAPPA = 200.0
MOST_DAYS = 8

#: A difference of fewer standard errors is chance.
ERRORS = 3.0

#: A shift smaller than this (in logits: about 2 % at 0.9) is not worth the arithmetic.
LEAST_SHIFT = 0.2

#: So many values of a kind are kept for a target in a country; then the one that least is known of goes.
MOST_VALUES = 32

#: So many combinations are remembered between two outcomes.
MOST_KNOWN = 256

#: The hours of the day, UTC.
HOURS = tuple(f"hour {hour}" for hour in range(24))


class _Value(Tally):
    """What was seen under one value, and on how many days."""

    __slots__ = ("day", "days")

    def __init__(self, at: float = 0.0) -> None:
        super().__init__(at)
        self.half_life = HALF_LIFE
        self.days = 0
        self.day = -1

    def add(self, good: float, bad: float, now: float) -> None:
        if now > self.at:
            fade = 0.5 ** ((now - self.at) / HALF_LIFE)
            self.good *= fade
            self.bad *= fade
            self.at = now
        self.good += good
        self.bad += bad
        day = int(now // DAY)
        if day > self.day:
            self.day, self.days = day, min(self.days + 1, MOST_DAYS)

    def dump(self) -> list[float]:
        return [*super().dump(), self.day, self.days]

    def load(self, data: list[float]) -> None:
        super().load(data[:4])
        self.day, self.days = int(data[4]), int(data[5])


class Pattern:
    """How the values of one kind differ."""

    __slots__ = ("all", "lean", "values")

    def __init__(self) -> None:
        self.values: dict[str, _Value] = {}
        self.all = _Value()  # all values together
        self.lean = 0.0  # the mean shift under which the evidence of the estimate was collected

    def add(self, value: str, good: float, bad: float, now: float) -> None:
        """Take in evidence of a value."""
        tally = self.values.get(value)
        if tally is None:
            if len(self.values) >= MOST_VALUES:
                del self.values[min(self.values, key=lambda each: sum(self.values[each].seen(now)))]
            tally = self.values[value] = _Value(now)
        tally.add(good, bad, now)
        self.all.add(good, bad, now)

    def lean_on(self, value: str, part: float) -> None:
        """The estimate took in evidence of this value, which now makes ``part`` of all that it rests on."""
        self.lean += (self.shift(value) - self.lean) * min(part, 1.0)

    def shift(self, value: str) -> float:
        """What to add to the log-odds with this value; 0 while there is too little to tell."""
        tally, every = self.values.get(value), self.all
        total = every.good + every.bad
        if tally is None or len(self.values) < 2 or total <= 0.0:
            return 0.0
        mean, seen = every.good / total, tally.good + tally.bad
        if (tally.good - mean * seen) ** 2 < ERRORS**2 * mean * (1.0 - mean) * seen:
            return 0.0
        here = shrink(tally.good, tally.bad, mean, KAPPA / max(tally.days, 1))
        if abs(here - mean) < LEAST_SHIFT * mean * (1.0 - mean):
            return 0.0
        return logit(here) - logit(mean)

    def dump(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "lean": self.lean,
            "all": self.all.dump(),
            "values": {value: tally.dump() for value, tally in self.values.items()},
        }

    def load(self, data: Mapping[str, Any]) -> None:
        """What `dump` gave."""
        self.lean = data["lean"]
        self.all.load(data["all"])
        for value, tally in data["values"].items():
            self.values[value] = _Value()
            self.values[value].load(tally)


class Patterns:
    """All kinds, for one target in one country."""

    __slots__ = ("_known", "_shifts", "kinds")

    def __init__(self) -> None:
        self.kinds: dict[str, Pattern] = {}
        # Asked for by every decision, changed by outcomes alone.
        self._shifts: dict[str, tuple[float, Pattern]] = {}
        self._known: dict[tuple[str, ...], tuple[float, str]] = {}

    def add(self, circumstances: Iterable[str], good: float, bad: float, now: float) -> None:
        """Take in evidence that was seen under these."""
        for each in circumstances:
            kind = each.partition(" ")[0]
            pattern = self.kinds.get(kind)
            if pattern is None:
                pattern = self.kinds[kind] = Pattern()
            pattern.add(each, good, bad, now)
        self._shifts.clear()
        self._known.clear()

    def lean_on(self, circumstances: Iterable[str], part: float) -> None:
        """The estimate took in evidence of these, which now makes ``part`` of all that it rests on."""
        for each in circumstances:
            self.kinds[each.partition(" ")[0]].lean_on(each, part)
        self._known.clear()

    def shift(self, circumstances: tuple[str, ...]) -> tuple[float, str]:
        """What to add to the log-odds under these, and the one that says so; 0 and "" for nothing worth speaking of."""
        known = self._known.get(circumstances)
        if known is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            known = self._known[circumstances] = self._strongest(circumstances)
        return known

    def _strongest(self, circumstances: tuple[str, ...]) -> tuple[float, str]:
        most, which = 0.0, ""
        for each in circumstances:
            known = self._shifts.get(each)
            if known is None:
                pattern = self.kinds.get(each.partition(" ")[0])
                if pattern is None:
                    continue
                known = self._shifts[each] = pattern.shift(each), pattern
            shift = known[0] - known[1].lean
            if abs(shift) > abs(most):
                most, which = shift, each
        return (most, which) if abs(most) >= LEAST_SHIFT else (0.0, "")

    def learnt(self, now: float) -> list[tuple[str, float, float, float]]:
        """(circumstance, share of successes, that of all of its kind, samples) of those that differ."""
        found = []
        for pattern in self.kinds.values():
            total = sum(pattern.all.seen(now))
            for value, tally in pattern.values.items():
                samples = sum(tally.seen(now))
                if samples > 0.0 and abs(pattern.shift(value)) >= LEAST_SHIFT:
                    found.append((value, tally.seen(now)[0] / samples, pattern.all.seen(now)[0] / total, samples))
        return found

    def dump(self) -> dict[str, Any]:
        """As plain data."""
        return {kind: pattern.dump() for kind, pattern in self.kinds.items()}

    def load(self, data: Mapping[str, Any]) -> None:
        """What `dump` gave."""
        for kind, one in data.items():
            self.kinds[kind] = Pattern()
            self.kinds[kind].load(one)
