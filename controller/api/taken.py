"""What comes of a request for a cascade that was written down."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Accepted:
    """The answer to a request. ``again``: it was given before, for the same key."""

    cascade_id: str
    answer: str  # JSON
    again: bool = False
