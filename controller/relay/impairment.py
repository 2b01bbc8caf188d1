"""What a bad network does to packets: bytes and now in, bytes and when they arrive out.

Owns loss (independent, or in bursts after Gilbert and Elliott), delay, jitter, reordering, duplicates, damage and a
bounded queue in front of a slow line. Pure: no clock, no socket; chance comes from the dice it is given, so a seed
replays every fate. The relay and the simulator of the tests share it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

#: A lost segment of a stream comes again after this, then after twice as long, and so on: Linux's least RTO.
RESENT_AFTER = 0.2
_RESENDS = 10  # and no more than so often: 205 s, by when every SIP timer is over


class Dice(Protocol):
    """Where chance comes from: a `random.Random`."""

    def random(self) -> float:
        """A number from 0 up to, not including, 1."""


@dataclass(frozen=True, slots=True)
class Impairment:
    """How packets fare in one direction. Times are seconds, chances 0 .. 1 for each packet.

    ``burst`` makes the losses come together (Gilbert-Elliott): the line is good or bad, stays bad for ``burst``
    packets on average, loses ``bad`` of them then and ``good`` otherwise; ``loss`` remains the long-run share.
    A loss of 1 is a black hole. Raises `ValueError` for what no line can do.
    """

    delay: float = 0.0
    jitter: float = 0.0  # up to so much more: packets overtake each other
    loss: float = 0.0
    burst: float = 0.0  # packets; 0: each loss is by itself
    bad: float = 1.0
    good: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0  # the chance of being held back ...
    held: float = 0.1  # ... for so long
    corrupt: float = 0.0  # the chance of one bit being flipped
    truncate: float = 0.0  # the chance of losing the end
    rate: float = 0.0  # bytes/s; 0: no bound
    queue: float = 0.2  # what would wait longer than this for its turn is dropped

    def __post_init__(self) -> None:
        for name in ("loss", "bad", "good", "duplicate", "reorder", "corrupt", "truncate"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is a chance, from 0 to 1")
        for name in ("delay", "jitter", "held", "burst", "rate", "queue"):
            if not 0.0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} cannot be negative or without end")
        if self.burst:
            if not self.good <= self.loss < self.bad:
                raise ValueError("with burst, loss lies between good and bad")
            share = self.bad_share
            if self.burst < max(1.0, share / (1 - share)):
                shortest = max(1.0, share / (1 - share))
                raise ValueError(f"so much loss needs a burst of at least {shortest:.3g} packets")

    @property
    def bad_share(self) -> float:
        """The long-run share of packets that meet a bad line."""
        return (self.loss - self.good) / (self.bad - self.good)

    @property
    def is_hole(self) -> bool:
        """Nothing ever arrives."""
        return self.loss >= 1.0


CLEAN = Impairment()


class Direction:
    """One direction of a line. ``counters``: taken + duplicated == lost + overflowed + carried."""

    __slots__ = ("_dice", "_enter", "_free_at", "_is_bad", "_leave", "counters", "impairment")

    def __init__(self, dice: Dice, impairment: Impairment = CLEAN) -> None:
        self._dice = dice
        self._is_bad = False
        self._free_at = 0.0  # when the slow line has sent all that waits for it
        self.counters = dict.fromkeys(
            (
                "taken",
                "carried",
                "bytes",
                "lost",
                "resent",
                "overflowed",
                "duplicated",
                "reordered",
                "corrupted",
                "truncated",
            ),
            0,
        )
        self.change(impairment)

    def change(self, impairment: Impairment) -> None:
        """From now on so; what is under way keeps its fate."""
        self.impairment = impairment
        self._leave = self._enter = 0.0
        if impairment.burst:
            share = impairment.bad_share
            self._leave = 1 / impairment.burst
            self._enter = self._leave * share / (1 - share)
        else:
            self._is_bad = False

    def carry(self, datagram: bytes, now: float) -> list[tuple[float, bytes]]:
        """When which bytes of a datagram arrive: none, one or two."""
        how, dice, counters = self.impairment, self._dice, self.counters
        counters["taken"] += 1
        if self._is_lost():
            counters["lost"] += 1
            return []
        sent = now
        if how.rate:
            begins = max(now, self._free_at)
            if begins - now > how.queue:
                counters["overflowed"] += 1
                return []
            sent = self._free_at = begins + len(datagram) / how.rate
        first = self._deliver(datagram, sent)
        if how.duplicate and dice.random() < how.duplicate:
            counters["duplicated"] += 1
            return [first, self._deliver(datagram, sent)]
        return [first]

    def carry_segment(self, segment: bytes, now: float) -> tuple[float, bytes]:
        """The same for a piece of a stream, which gets there in the end: loss is time until it is sent again.

        The caller keeps the order of the stream. Duplicates and a full queue do not show in a stream.
        """
        self.counters["taken"] += 1
        wait, pause = 0.0, RESENT_AFTER
        for _ in range(_RESENDS):
            if not self._is_lost():
                break
            self.counters["resent"] += 1
            wait += pause
            pause *= 2
        sent = now
        if self.impairment.rate:
            sent = self._free_at = max(now, self._free_at) + len(segment) / self.impairment.rate
        return self._deliver(segment, sent + wait)

    def _is_lost(self) -> bool:
        how, dice = self.impairment, self._dice
        chance = how.loss
        if how.burst:
            if dice.random() < (self._leave if self._is_bad else self._enter):
                self._is_bad = not self._is_bad
            chance = how.bad if self._is_bad else how.good
        return chance > 0.0 and dice.random() < chance

    def _deliver(self, data: bytes, sent: float) -> tuple[float, bytes]:
        how, dice, counters = self.impairment, self._dice, self.counters
        at = sent + how.delay
        if how.jitter:
            at += how.jitter * dice.random()
        if how.reorder and dice.random() < how.reorder:
            counters["reordered"] += 1
            at += how.held
        if how.corrupt and dice.random() < how.corrupt and data:
            counters["corrupted"] += 1
            bit = int(dice.random() * len(data) * 8)
            damaged = bytearray(data)
            damaged[bit >> 3] ^= 1 << (bit & 7)
            data = bytes(damaged)
        if how.truncate and dice.random() < how.truncate and len(data) > 1:
            counters["truncated"] += 1
            data = data[: 1 + int(dice.random() * (len(data) - 1))]
        counters["carried"] += 1
        counters["bytes"] += len(data)
        return at, data
