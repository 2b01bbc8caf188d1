"""How much too much it is: from what the pump sees of its own queue to the share of new calls that is turned away.

Owns the measure and the controller. The idea is CoDel's (RFC 8289): a queue that is long for a moment is a burst, one
whose least length over a while is still long stands, and only then something has to go. Time is an argument.

A stand of `PATIENCE` is what an unanswered request waits before it is repeated (T1, RFC 3261 §17.1.1.1): beyond it the
queue fills with copies of itself. From then on each interval turns away a bit more, each good one less.
"""

from __future__ import annotations

INTERVAL = 0.1  # seconds between judgements
LONG = 0.05  # of the receive buffer still filled after a turn
LATE = 0.25  # seconds by which timers are late: half of T1 goes by in the queue, or somebody else has the processor
PATIENCE = 5  # intervals
HARDER, SOFTER = 0.1, 0.05  # of new calls, an interval
_UNSEEN = float("inf")
MOST = 0.95  # some get through, or nobody would find out that it is over


class Pressure:
    """``shed`` is the share of new calls to turn away, 0 to `MOST`."""

    __slots__ = ("_due", "_late", "_queue", "_stood", "is_felt", "is_high", "shed")

    def __init__(self) -> None:
        self.shed = 0.0
        self.is_felt = False  # a queue stands: strangers go first
        self.is_high = False  # it has stood for too long: then OPTIONS, and a share of the new calls
        self._stood = 0  # intervals in a row
        self._queue = _UNSEEN  # the least that was seen in this interval
        self._late = _UNSEEN
        self._due = 0.0

    def see_queue(self, filled: float, now: float) -> None:
        """What a turn of the pump left in the receive buffer, 0 to 1."""
        self._queue = min(self._queue, filled)
        if now >= self._due:
            self._judge(now)

    def see_timer(self, late: float, now: float) -> None:
        """A timer was so late, in seconds."""
        self._late = min(self._late, late)
        if now >= self._due:
            self._judge(now)

    def _judge(self, now: float) -> None:
        stands = LONG <= self._queue < _UNSEEN or LATE <= self._late < _UNSEEN
        idle = int((now - self._due) / INTERVAL) if not stands else 0  # intervals in which nobody looked
        if stands:
            self._stood += 1
            if self._stood >= PATIENCE:
                self.shed = min(MOST, self.shed + HARDER)
        else:
            self._stood = 0
            self.shed = max(0.0, round(self.shed - SOFTER * (1 + idle), 6))
        self.is_felt = stands or self.shed > 0
        self.is_high = self.shed > 0
        self._due = now + INTERVAL
        self._queue = self._late = _UNSEEN
