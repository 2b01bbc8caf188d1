"""Calls that callward makes itself, because a message is to be said: what is ordered, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class CallState(StrEnum):
    """How far a call of our own is."""

    CALLING = "calling"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"  # it was answered, and is over
    FAILED = "failed"  # nobody answered


@dataclass(frozen=True, slots=True)
class CallOrder:
    """Call somebody. Durations are in seconds."""

    key: str  # whoever orders with a key that is known orders nothing
    number: str = field(repr=False)  # E.164
    trunks: tuple[str, ...] = ()  # in this order, as the operator calls them
    caller: str = ""  # the number of ours that is shown
    ring: float = 30.0  # on each trunk
    within: float = 60.0  # whoever has not answered by then is not called any more
    hold: float = 12.0  # how long what is said takes; we hang up then


@dataclass(slots=True)
class PlacedNews:
    """What became of a call of our own."""

    key: str
    state: CallState
    cause: str = ""  # of a failure: the SIP status
