"""Moments as tenants read them (RFC 3339).

Owns the form, and that it costs next to nothing: most stamps are of the same few seconds.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


def stamp(moment: float) -> str:
    """Seconds since the epoch as RFC 3339, to the millisecond, in UTC."""
    second, rest = divmod(round(moment * 1e6), 1_000_000)
    return f"{_second(second)}.{rest // 1000:03}Z"


@lru_cache(maxsize=1024)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).replace(tzinfo=None).isoformat()
