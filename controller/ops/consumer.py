"""What everything that operators see has in common: it hears events and sees pictures, and never holds anybody up.

Owns the words between the daemon and its consumers. Must not know one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

CALLS, MESSAGES = "calls", "messages"


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened in a daemon. The kinds of ``calls`` stand in `controller.news`."""

    source: str  # CALLS or MESSAGES
    kind: str
    at: float  # seconds since the epoch
    data: Mapping[str, Any]
    number: int = 0  # counts up by one within a life of its daemon
    life: str = ""  # of its daemon
    old: bool = False  # from before we came: for what is kept, not for what is told to people
    missed: int = 0  # so many before it were told, and did not reach us


@dataclass(frozen=True, slots=True)
class Picture:
    """How the daemons are, as `callward status` has it; None where one does not answer."""

    at: float  # seconds since the epoch
    calls: Mapping[str, Any] | None = None
    messages: Mapping[str, Any] | None = None
    answers: Mapping[str, bool] = field(default_factory=dict)  # by daemon: whether its news can be followed
    took: Mapping[str, float] = field(default_factory=dict)  # by daemon that answered: after how many seconds


class Consumer(Protocol):
    """One thing that operators see."""

    def hear(self, event: Event) -> None:
        """Something happened. Returns at once; a queue of its own is bounded."""

    def see(self, picture: Picture) -> None:
        """How things are, about once a second, and soon after each event. Returns at once."""

    async def keep(self) -> None:
        """Do what must be awaited, for ever."""

    async def close(self) -> None:
        """Say what is still to be said, briefly, and let go of everything."""
