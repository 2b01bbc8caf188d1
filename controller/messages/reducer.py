"""The reducer: one cascade, one event, now -> what changed, what is told, what is to be done.

Owns rules 1 to 7 of cascades (docs/cascades.md). `rules.run.Run` decides whom to try next; here stands only what outlives a
process: intents, leases, reports that come late, money, the window. Must not read clocks, stores or health.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from controller.messages.cascade import Cascade
from controller.types.cascades import Audit, CascadeCommand, CascadeEvent, Circumstances


@dataclass(slots=True)
class Reduced:
    """What came of an event. Commands are carried out after the row is committed, never before."""

    audit: list[Audit] = field(default_factory=list)
    commands: list[CascadeCommand] = field(default_factory=list)
    changed: bool = True  # the row must be written


def reduce(cascade: Cascade, event: CascadeEvent, now: float, circumstances: Circumstances) -> Reduced:
    """Take one event. ``cascade`` is changed in place."""
    raise NotImplementedError
