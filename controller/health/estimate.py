"""How good a target is: discounted counts, shrunk towards what is known more broadly.

Owns the slow estimate, which orders targets. Must not raise alarms (`incident`) or decide who is used (`choice`).
Time is an argument in seconds, probabilities are 0 .. 1.

* A `Tally` counts successes and failures, and forgets with a half-life: an hour where there is enough traffic, up to a
  day where a count would otherwise fade faster than new ones come.
* `shrink` mixes a tally with a prior worth ``kappa`` samples. Applied from the target down to the operator, each
  level is the prior of the next: a new country starts with what the target is elsewhere.
"""

from __future__ import annotations

from math import exp, inf, log, sqrt

#: Half-life of evidence in seconds, and how far it may stretch where samples are few.
HALF_LIFE = 3600.0
STRETCH = 24.0

#: With fewer discounted samples than this, evidence ages more slowly.
ENOUGH = 200.0

#: The prior of a target nobody has heard of, and the worth of the prior at each level, in samples.
PRIOR = 0.9
KAPPA = (20.0, 75.0, 200.0)

#: Later than the mean by so many deviations of the logarithm is late: one success of six is.
LATE = 1.0


class Tally:
    """Successes and failures, discounted by age."""

    __slots__ = ("at", "bad", "good", "half_life")

    def __init__(self, at: float = 0.0) -> None:
        self.good = 0.0
        self.bad = 0.0
        self.at = at
        self.half_life = HALF_LIFE * STRETCH

    def add(self, good: float, bad: float, now: float) -> None:
        """Take in new evidence; what comes out of order is counted at the latest instant seen."""
        if now > self.at:
            fade = 0.5 ** ((now - self.at) / self.half_life)
            self.good *= fade
            self.bad *= fade
            self.at = now
        self.good += good
        self.bad += bad
        count = self.good + self.bad
        self.half_life = HALF_LIFE if count >= ENOUGH else HALF_LIFE * min(STRETCH, ENOUGH / max(count, 1.0))

    def seen(self, now: float) -> tuple[float, float]:
        """Successes and failures as they count now."""
        if now <= self.at:
            return self.good, self.bad
        fade = 0.5 ** ((now - self.at) / self.half_life)
        return self.good * fade, self.bad * fade

    def rate(self) -> float:
        """Samples per hour, as far as the discounted count tells."""
        return (self.good + self.bad) * log(2) * 3600.0 / self.half_life

    def take_back(self, good: float, bad: float) -> None:
        """Remove evidence that turned out to belong to an incident."""
        self.good = max(0.0, self.good - good)
        self.bad = max(0.0, self.bad - bad)

    def dump(self) -> list[float]:
        """As plain data."""
        return [self.good, self.bad, self.at, self.half_life]

    def load(self, data: list[float]) -> None:
        """What `dump` gave."""
        self.good, self.bad, self.at, self.half_life = data


class Times:
    """How long successes take: mean and variance of the logarithm."""

    __slots__ = ("count", "mean", "variance")

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self.variance = 0.0

    def add(self, seconds: float) -> None:
        """Take one in: an average at first, then an exponential one over some hundred."""
        if seconds <= 0.0:
            return
        self.count = min(self.count + 1, 100)
        off = log(seconds) - self.mean
        self.mean += off / self.count
        self.variance += (off * off * (1 - 1 / self.count) - self.variance) / self.count

    def late(self) -> float:
        """Seconds within which nearly all come; infinite while too few were seen."""
        return exp(self.mean + LATE * sqrt(self.variance)) if self.count >= 20 else inf

    def dump(self) -> list[float]:
        """As plain data."""
        return [self.count, self.mean, self.variance]

    def load(self, data: list[float]) -> None:
        """What `dump` gave."""
        self.count, self.mean, self.variance = int(data[0]), data[1], data[2]


def shrink(good: float, bad: float, prior: float, kappa: float) -> float:
    """The estimate from counts and a prior worth ``kappa`` samples."""
    return (good + kappa * prior) / (good + bad + kappa)


def logit(p: float) -> float:
    """Log-odds; p is kept off 0 and 1."""
    p = min(max(p, 1e-6), 1 - 1e-6)
    return log(p / (1 - p))


def unlogit(x: float) -> float:
    """The probability with these log-odds."""
    return 1 / (1 + exp(-x))
