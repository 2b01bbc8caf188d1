"""When certificates run out: who is warned when, and in which words.

Owns the days of warning, as functions of the end of a certificate and now, both in seconds since the epoch; and what
has been said already. Must not read a clock or a certificate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from controller.types import CertificateExpiring

_DAY = 86_400.0
WARNED_AT = (30, 14, 3)  # days before the end; and at the end itself


def warning_level(not_after: float, now: float) -> int | None:
    """The last of the days of warning that has come: 30, 14, 3, 0 for expired; None while there is time."""
    left = not_after - now
    if left <= 0:
        return 0
    return next((days for days in reversed(WARNED_AT) if left <= days * _DAY), None)


def days_left(not_after: float, now: float) -> str:
    """In words, rounded down: a certificate of "1 day" lives for a day at least."""
    days = math.floor((not_after - now) / _DAY)
    if days < 1:
        return "less than a day"
    return "1 day" if days == 1 else f"{days} days"


def show_day(moment: float) -> str:
    """A day and time for people."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"


@dataclass(slots=True)
class _Watched:
    not_after: float
    said: int | None = None  # the level of the last warning


class Expiries:
    """All certificates that are watched, by whose they are."""

    def __init__(self) -> None:
        self._watched: dict[str, _Watched] = {}

    def note(self, owner: str, not_after: float) -> None:
        """This is the certificate of ``owner`` now; a new one begins anew."""
        known = self._watched.get(owner)
        if known is None or known.not_after != not_after:
            self._watched[owner] = _Watched(not_after)

    def keep(self, owners: set[str]) -> None:
        """Forget all others."""
        self._watched = {owner: watched for owner, watched in self._watched.items() if owner in owners}

    def due(self, now: float) -> list[CertificateExpiring]:
        """The warnings that have come due; each is given once."""
        found = []
        for owner, watched in self._watched.items():
            level = warning_level(watched.not_after, now)
            if level is not None and (watched.said is None or level < watched.said):
                watched.said = level
                found.append(CertificateExpiring(owner, watched.not_after, level, _say(watched.not_after, now)))
        return found

    @property
    def ends(self) -> Mapping[str, float]:
        """When each runs out."""
        return {owner: watched.not_after for owner, watched in self._watched.items()}

    def say(self, owner: str, now: float) -> str:
        """The same in words; "" for one that is not known."""
        known = self._watched.get(owner)
        return _say(known.not_after, now) if known is not None else ""


def _say(not_after: float, now: float) -> str:
    if now >= not_after:
        return f"expired on {show_day(not_after)}"
    return f"expires on {show_day(not_after)}, in {days_left(not_after, now)}"
