"""Something broke: a cumulative sum of log-likelihood ratios, the quickest alarm for a given rate of false ones.

Owns the alarm of one node. Must not know what follows from it (`readmission`) or what the node is.

Page's CUSUM: ``g <- max(0, g + ratio)``, alarm at ``g >= h``. The ratio weighs "as good as it has been" (p0)
against "down to 55 % of it" (p1); at p0 = 0.93 a failure counts +1.9, a success -0.6: six failures in a row, or some 17
attempts of a target that fell to p1. Wald: at least e^h attempts lie between false alarms, so h follows the traffic: one
false alarm per node in so many hours (`threshold`).

The ratio is that of a mixture: with probability ``dead`` the destination itself cannot be reached and the attempt
says nothing. After two failures elsewhere that is likely, so a third target is hardly blamed.
"""

from __future__ import annotations

from math import log

#: p0 is kept within these: above, one failure would say too much; below, successes would.
LEAST, MOST = 0.60, 0.97

#: An incident worth an alarm takes a target down to this share of what it was.
DROP = 0.55

#: At most one false alarm per node in so many hours of its traffic; bounds of the threshold for very little and much.
FALSE_ALARM_HOURS = 24.0
LOW, HIGH = 7.0, 13.0

#: Wider action needs more evidence: added for a whole target.
WIDE = 3.0


def reference(estimate: float) -> float:
    """p0 for an estimate."""
    return min(max(estimate, LEAST), MOST)


def ratio(p0: float, success: bool, dead: float = 0.0) -> float:
    """How much more likely this outcome is in an incident, as a logarithm."""
    if success:
        return log(DROP)
    alive = 1.0 - dead
    return log((1.0 - alive * DROP * p0) / (1.0 - alive * p0))


def threshold(per_hour: float, wide: bool = False, hours: float | None = None) -> float:
    """h for a node with so many samples an hour."""
    h = min(max(log(max(per_hour * (hours or FALSE_ALARM_HOURS), 1.0)), LOW), HIGH)
    return h + WIDE if wide else h


class Alarm:
    """The cumulative sum of one node, and what was counted since it last was zero."""

    __slots__ = ("bad", "g", "good", "since")

    def __init__(self) -> None:
        self.g = 0.0
        self.good = 0.0  # counted in the node's tally since g was zero: the incident's, should it be one
        self.bad = 0.0
        self.since = 0.0  # when g left zero

    def step(self, change: float, good: float, bad: float, now: float) -> float:
        """Take in one weighted ratio and the counts that came with it; returns g."""
        g = self.g + change
        if g <= 0.0:
            self.g = self.good = self.bad = 0.0
            return 0.0
        if self.g == 0.0:
            self.since = now
        self.g = g
        self.good += good
        self.bad += bad
        return g

    def reset(self, g: float = 0.0) -> None:
        """Begin anew, from a head start where trust has yet to be earned."""
        self.g = g
        self.good = self.bad = 0.0

    def dump(self) -> list[float]:
        """As plain data."""
        return [self.g, self.good, self.bad, self.since]

    def load(self, data: list[float]) -> None:
        """What `dump` gave."""
        self.g, self.good, self.bad, self.since = data
