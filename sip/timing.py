"""SIP timers as values, and the one heap of deadlines that everything arms its timers in.

Owns RFC 3261 Table 4 (with RFC 6026's L and M) and `Deadlines`. Must not read a clock: `now` is an argument.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf
from typing import Any


@dataclass(frozen=True, slots=True)
class Timing:
    """Protocol timers in seconds; never policy. Tests make them small, the RFC's values are the defaults."""

    t1: float = 0.5  # round-trip estimate
    t2: float = 4.0  # longest interval between retransmissions of non-INVITE requests and INVITE responses
    t4: float = 5.0  # longest life of a message in the network
    timer_d: float = 32.0  # RFC 3261 §17.1.1.2: at least 32 s over UDP
    timer_c: float = 185.0  # RFC 3261 §16.6 step 11: more than 3 minutes

    @property
    def until_t2(self) -> float:
        """How long it takes Timer E of a client to be reset to T2 (RFC 4320 §4.1): 3.5 s."""
        total, interval = 0.0, self.t1
        while interval < self.t2:
            total += interval
            interval *= 2
        return total

    @property
    def t1x64(self) -> float:
        """64 x T1: timers B, F, H, J, L and M."""
        return 64 * self.t1


class Deadlines:
    """A heap of (when, handler, arguments) with lazy cancel. Cost: O(log n) to arm, O(1) to cancel."""

    __slots__ = ("_armed", "_heap")

    def __init__(self) -> None:
        self._heap: list[list[Any]] = []
        self._armed = 0

    def arm(self, when: float, handler: Callable[..., None], *args: Any) -> list[Any]:
        """Call ``handler(now, *args)`` once `pop_due` is given a time at or after ``when``; returns its ticket."""
        self._armed += 1
        ticket: list[Any] = [when, self._armed, handler, args]
        heappush(self._heap, ticket)
        return ticket

    @staticmethod
    def cancel(ticket: list[Any]) -> None:
        """Forget a ticket; a second time, or after it fired, is harmless."""
        ticket[2] = None
        ticket[3] = ()

    def next_deadline(self) -> float:
        """The earliest deadline still armed, or infinity."""
        heap = self._heap
        while heap and heap[0][2] is None:
            heappop(heap)
        return heap[0][0] if heap else inf

    def fire_due(self, now: float) -> None:
        """Call every handler whose time has come, in order of time; those that they arm may fire as well."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            _, _, handler, args = heappop(heap)
            if handler is not None:
                handler(now, *args)

    def __len__(self) -> int:
        return sum(1 for ticket in self._heap if ticket[2] is not None)
