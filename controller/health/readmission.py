"""The way back: quarantine that grows, canaries, a sequential test, and a share that rises in steps.

Owns the gate of one node: how much of the traffic it may have now, and why. Must not decide who gets the rest.

===========  =====================  ==========================================================
stage        share                  left when
===========  =====================  ==========================================================
open         all                    an alarm or a hard signal -> held
held         none                   after 30 s x 2^(k-1), at most 8 x: canary
canary       single offers          Wald's test: +2.2 -> rising, -2.2 -> held (k + 1);
                                    or 10 min without a failure, after a hard signal 15 s
rising       5 %, 25 %              each step's time is over -> open; an alarm -> held (k + 1)
parked       none                   an operator brings it home -> canary
===========  =====================  ==========================================================

k falls by one for each half hour open. Times carry a jitter of up to a quarter, from the node's name and k, so that
what failed together does not come back together, and a replay comes out the same. A gate says nothing about the last
target: whoever asks gives the last one its traffic whatever its gate (`choice`).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any
from zlib import crc32

#: First quarantine in seconds, and how often it may double.
QUARANTINE = 30.0
DOUBLINGS = 3

#: k falls by one per so many seconds open.
FORGIVE = 1800.0

#: Wald's sequential test: bounds of the sum of -ratio. About 10 % error on either side.
ACCEPT, REJECT = 2.2, -2.2

#: While its share rises, a sum of -ratio as low as this closes the gate again. Less than an alarm of an open one takes.
RELAPSE = -5.0

#: The steps after the canaries: share and seconds.
STEPS = ((0.05, 15.0), (0.25, 30.0))

#: A target that liveness says is back, and that nothing else was held against, is not kept on single offers for longer
#: than this where none of them failed, seconds: where there is little traffic, few can prove anything.
PROVEN = 15.0

#: The same for what was closed for its failures: a reserve that nobody needs is not kept in the corner for ever.
UNTRIED = 600.0

#: Seconds between two canaries at least.
CANARY_GAP = 5.0

JITTER = 0.25


class Stage(StrEnum):
    """Where on its way back a node is."""

    OPEN = "open"
    HELD = "held"
    CANARY = "canary"
    RISING = "rising"
    PARKED = "parked"


class Gate:
    """How much traffic one node may have."""

    __slots__ = ("canary_at", "k", "lost", "name", "p0", "since", "stage", "until", "walk", "why")

    def __init__(self, name: str) -> None:
        self.name = name
        self.stage = Stage.OPEN
        self.since = 0.0  # of the stage
        self.until = 0.0  # of the stage: held, rising, and canary after a hard signal
        self.k = 0  # quarantines in a row
        self.p0 = 0.9  # how good the node was when its gate closed
        self.walk = 0.0  # the sequential test
        self.canary_at = 0.0  # the next canary not before
        self.lost = False  # held until a hard signal says that it is back
        self.why = ""

    def settle(self, now: float) -> Stage:
        """Let time do what it does to the stage."""
        if self.stage is Stage.HELD and now >= self.until and not self.lost:
            self._enter(Stage.CANARY, self.until, f"held for {self.until - self.since:.0f} s, trying single offers")
            self.until = self.since + UNTRIED
            self.canary_at = now
        elif self.stage is Stage.CANARY and self.since < self.until <= now:
            self._rise(self.until, "no single offer failed: its share grows")
            return self.settle(now)
        elif self.stage is Stage.RISING and now >= self.until:
            self._enter(Stage.OPEN, self.until, "took its growing share without an incident")
        return self.stage

    def share(self, now: float) -> float:
        """0 .. 1 of the offers. A canary is dealt separately and counts as 0 here."""
        stage = self.stage
        if stage is Stage.OPEN:
            return 1.0
        if stage is not Stage.RISING:
            return 0.0
        at = self.since
        for share, seconds in STEPS:
            at += self._jitter(seconds)
            if now < at:
                return share
        return 1.0

    def hold(self, now: float, why: str, p0: float, lost: bool = False) -> None:
        """Close the gate. Each time in a row it stays closed for longer."""
        if self.stage is Stage.PARKED:
            return
        if self.stage is Stage.OPEN and self.k:
            self.k = max(0, self.k - int((now - self.since) / FORGIVE))
        was_held = self.stage is Stage.HELD
        if not was_held:
            self.k += 1
        if self.stage is Stage.OPEN:
            self.p0 = p0  # on the way back nothing is known that could be better
        length = self._jitter(QUARANTINE * 2 ** min(self.k - 1, DOUBLINGS))
        self._enter(Stage.HELD, now, why)
        self.until = now + length
        self.lost = lost or (was_held and self.lost)

    def release(self, now: float, why: str) -> None:
        """A hard signal says that it is back: canaries from now on."""
        if self.stage is Stage.HELD and self.lost:
            self.lost = False
            self._enter(Stage.CANARY, now, why)
            self.until = now + self._jitter(PROVEN)
            self.canary_at = now

    def park(self, now: float, why: str) -> None:
        """An operator takes it out, until `home`."""
        self._enter(Stage.PARKED, now, why)
        self.lost = False

    def home(self, now: float, why: str) -> None:
        """An operator brings it back, by the same steps as after an incident."""
        if self.stage is Stage.PARKED:
            self._enter(Stage.CANARY, now, why)
            self.canary_at = now

    def weigh(self, ratio: float, now: float, age: float) -> bool:
        """One outcome while not open. Attempts from before this stage say nothing new. True if the stage changed."""
        if now - age < self.since or self.stage in {Stage.OPEN, Stage.PARKED} or self.lost:
            return False
        if self.stage is Stage.HELD:
            # Only used because nothing better was left: may prove that it is back, cannot do worse.
            self.walk = max(0.0, self.walk - ratio)
        else:
            self.walk -= ratio
        if self.walk >= ACCEPT and self.stage is not Stage.RISING:
            self._rise(now, "enough single offers went well, its share grows")
            return True
        if self.walk <= (RELAPSE if self.stage is Stage.RISING else REJECT):
            self.hold(now, "it failed again on its way back", self.p0)
            return True
        if self.stage is Stage.RISING:
            self.walk = min(self.walk, 0.0)  # from here on as an alarm: good outcomes are no credit for bad ones
        return False

    def _rise(self, now: float, why: str) -> None:
        self._enter(Stage.RISING, now, why)
        self.until = now + sum(self._jitter(seconds) for _, seconds in STEPS)

    def _enter(self, stage: Stage, now: float, why: str) -> None:
        self.stage = stage
        self.since = now
        self.until = now
        self.walk = 0.0
        self.why = why

    def _jitter(self, seconds: float) -> float:
        return seconds * (1.0 + JITTER * (crc32(f"{self.name} {self.k}".encode()) / 2**32))

    def load(self, data: Sequence[Any]) -> None:
        """What `dump` gave."""
        stage, self.since, self.until, self.k, self.p0, self.walk, self.canary_at, self.lost, self.why = data
        self.stage = Stage(stage)

    def dump(self) -> list[object]:
        """As plain data."""
        return [
            self.stage.value,
            self.since,
            self.until,
            self.k,
            self.p0,
            self.walk,
            self.canary_at,
            self.lost,
            self.why,
        ]
