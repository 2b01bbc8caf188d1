"""Attempts: what a run knows of one try on one path, and what of it is due when.

Owns the state of an attempt and its plain data. Must not decide what comes next: that is the run's business.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from math import inf
from typing import Any

from controller.types import Milestone


class AttemptState(IntEnum):
    """Life of an attempt."""

    OPEN = 0
    GIVEN_UP = 1  # cancelled or superseded; success would be late, but still counts while the run is open
    ENDED = 2


_OPEN, _NONE, _ALERTING = AttemptState.OPEN, Milestone.NONE, Milestone.ALERTING


@dataclass(slots=True)
class Attempt:
    """One try on one path. Instants are absolute; infinity means never."""

    id: int
    stage: int
    target: int
    path: int
    cursor: int  # the target's cursor before this attempt, to put it back when the attempt is released
    trial: int  # how many times this path was tried in this run, this one included
    stands_in_for: int  # the silent attempt this one was started beside, 0 for none
    started: float
    hedge_at: float
    no_reply_at: float
    no_progress_at: float
    ring_at: float
    milestone: Milestone = Milestone.NONE
    state: AttemptState = AttemptState.OPEN
    doubted: bool = False
    cause: str = ""  # why it ended or was given up

    @property
    def gives_hope(self) -> bool:
        """Whether somebody may still answer here soon."""
        return self.state is AttemptState.OPEN and not self.doubted

    @property
    def is_alerting(self) -> bool:
        """Open, and somebody's phone rings."""
        return self.state is AttemptState.OPEN and self.milestone >= Milestone.ALERTING

    @property
    def silent(self) -> bool:
        """Open, and nothing at all was heard."""
        return self.state is AttemptState.OPEN and self.milestone is Milestone.NONE

    def deadline(self) -> float:
        """When something is due with this attempt."""
        if self.state is not _OPEN:
            return inf
        if self.milestone >= _ALERTING:
            return self.ring_at
        if self.milestone > _NONE:
            return min(self.ring_at, self.no_progress_at)
        if self.doubted:
            return min(self.ring_at, self.no_progress_at, self.no_reply_at)
        return min(self.ring_at, self.no_progress_at, self.no_reply_at, self.hedge_at)


_FIELDS = tuple(one.name for one in fields(Attempt))


def dump_attempt(attempt: Attempt) -> dict[str, Any]:
    """An attempt as plain data; None stands for never."""
    return {name: None if (value := getattr(attempt, name)) == inf else value for name in _FIELDS}


def load_attempt(data: dict[str, Any]) -> Attempt:
    """The attempt that `dump_attempt` described."""
    fields: dict[str, Any] = {name: inf if value is None else value for name, value in data.items()}
    attempt = Attempt(**fields)
    attempt.milestone = Milestone(attempt.milestone)
    attempt.state = AttemptState(attempt.state)
    return attempt
