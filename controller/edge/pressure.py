"""How much too much it is: from what the pump sees of its own queue to the share of new calls that is turned away.

Owns the measure and the controller. The idea is CoDel's (RFC 8289): a queue that is long for a moment is a burst, one
whose least length over a while is still long stands, and only then something has to go. Time is an argument.

A stand of `PATIENCE` is what an unanswered request waits before it is repeated (T1, RFC 3261 §17.1.1.1): beyond it the
queue fills with copies of itself. From then on each interval turns away a bit more, each good one less.
"""

from __future__ import annotations

INTERVAL = 0.1  # seconds between judgements
LONG = 0.1  # of the receive buffer filled after a full turn, or as much of `LATE`
LATE = 0.5  # seconds by which a timer may be late: T1
PATIENCE = 5  # intervals
HARDER, SOFTER = 0.1, 0.05  # of new calls, an interval
MOST = 0.95  # some get through, or nobody would find out that it is over


class Pressure:
    """``shed`` is the share of new calls to turn away, 0 to `MOST`."""

    __slots__ = ("_due", "_least", "_owed", "_stood", "is_felt", "is_high", "shed")

    def __init__(self) -> None:
        self.shed = 0.0
        self.is_felt = False  # a queue stands: strangers go first
        self.is_high = False  # it has stood for too long: then OPTIONS, and a share of the new calls
        self._stood = 0  # intervals in a row
        self._least = 0.0
        self._due = 0.0
        self._owed = 0.0

    def observe(self, queue: float, late: float, now: float) -> None:
        """What the pump saw: how full its receive buffer still was after a turn (0 to 1), how late a timer was."""
        level = max(queue, late / LATE)
        if now >= self._due:
            self._judge(self._least >= LONG)
            if level < LONG:  # intervals in which nobody looked were idle ones
                idle = int((now - self._due) / INTERVAL)
                self.shed = max(0.0, self.shed - SOFTER * idle)
                self.is_felt = self.is_high = self.shed > 0
            self._due = now + INTERVAL
            self._least = level
        elif level < self._least:
            self._least = level

    def turns_away(self) -> bool:
        """Whether the next new call is one of those that are turned away: evenly spread, without dice."""
        self._owed += self.shed
        if self._owed < 1.0:
            return False
        self._owed -= 1.0
        return True

    def _judge(self, stands: bool) -> None:
        self._stood = self._stood + 1 if stands else 0
        if self._stood >= PATIENCE:
            self.shed = min(MOST, self.shed + HARDER)
        elif not stands:
            self.shed = max(0.0, self.shed - SOFTER)
        self.is_felt = stands or self.shed > 0
        self.is_high = self.shed > 0
