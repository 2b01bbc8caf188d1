"""Ids of cascades: unique without asking anybody, and in the order in which they were made.

Owns their form: 26 letters and digits (48 bits of milliseconds since the epoch, 80 of chance), in Crockford's base 32.
"""

from __future__ import annotations

import re

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(first + second for first in _DIGITS for second in _DIGITS)  # ten bits at a time: half of the time
_SHIFTS = tuple(range(120, -1, -10))
LENGTH = 26
CHANCE = 10  # bytes
PATTERN = re.compile(rf"[{_DIGITS}]{{{LENGTH}}}")


def make_id(now: float, chance: bytes) -> str:
    """An id made at ``now`` (seconds since the epoch) out of ten bytes of chance."""
    value = (int(now * 1000) & (1 << 48) - 1) << 80 | int.from_bytes(chance[:CHANCE], "big")
    return "".join([_PAIRS[value >> shift & 1023] for shift in _SHIFTS])


def time_of(cascade_id: str) -> float | None:
    """When an id was made, in seconds since the epoch; None for what is no id."""
    if not PATTERN.fullmatch(cascade_id):
        return None
    value = 0
    for digit in cascade_id:
        value = value << 5 | _DIGITS.index(digit)
    return (value >> 80) / 1000
