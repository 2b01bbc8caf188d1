"""What calls say about each trunk, for people: how many were answered, how soon they rang, how many were short.

Owns the three signals that carriers are compared by: answer-seizure ratio (ITU-T E.411), post-dial delay and the share
of short calls. They judge nobody: how often a front desk answers is no merit of its trunk. What judges is `score`.
"""

from __future__ import annotations

from controller.types import ANSWERED, TALKED, CallSign

#: Each call takes this share of what was known, so that the last hundred count most.
MEMORY = 100.0

#: A call that is over so soon after its answer was no conversation, seconds.
SHORT = 6.0


class Signal:
    """The signals of one trunk. Counts fade."""

    __slots__ = ("_answered", "_delays", "_rang", "_seized", "_short", "_talked")

    def __init__(self) -> None:
        self._seized = self._answered = 0.0
        self._rang = self._delays = 0.0
        self._talked = self._short = 0.0

    def add(self, sign: CallSign) -> None:
        """Take in what a call says."""
        keep = 1.0 - 1.0 / MEMORY
        if sign.code == ANSWERED:
            self._answered += 1.0
        elif sign.code == TALKED:
            self._talked = self._talked * keep + 1.0
            self._short = self._short * keep + (sign.age < SHORT)
        else:
            self._seized = self._seized * keep + 1.0
            self._answered *= keep
            if sign.code[0] in "12":
                self._rang = self._rang * keep + 1.0
                self._delays = self._delays * keep + sign.age

    @property
    def answer_ratio(self) -> float | None:
        """The share of calls offered to it that were answered, 0 .. 1; None without calls."""
        return min(1.0, self._answered / self._seized) if self._seized else None

    @property
    def post_dial_delay(self) -> float | None:
        """Mean seconds until it rang."""
        return self._delays / self._rang if self._rang else None

    @property
    def short(self) -> float | None:
        """The share of talks that were over within `SHORT` seconds, 0 .. 1."""
        return self._short / self._talked if self._talked else None


class Signals:
    """All trunks'."""

    def __init__(self) -> None:
        self.by_trunk: dict[str, Signal] = {}

    def add(self, sign: CallSign) -> None:
        """Take in what a call says."""
        signal = self.by_trunk.get(sign.trunk)
        if signal is None:
            signal = self.by_trunk[sign.trunk] = Signal()
        signal.add(sign)
