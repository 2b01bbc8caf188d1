"""Durations of the language: a number with its unit, in seconds once read.

Owns their syntax, how they are written back and the bounds no duration may leave.
"""

from __future__ import annotations

import re

from controller.config.diagnostics import Mistake, quoted

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_DURATION = re.compile(rf"({_NUMBER})(ms|s|m|h)")
_BARE = re.compile(_NUMBER)
_LOOSE = re.compile(rf"({_NUMBER})\s*(ms|s|m|h)[a-z]*", re.IGNORECASE)  # "5 s", "5S", "5sec": the unit is clear

SHORTEST = 0.001
LONGEST = 3600.0  # no timer of a call is longer than an hour: more is a slip of the unit


def parse_duration(text: str, shortest: float = SHORTEST, longest: float = LONGEST) -> float:
    """Read "500ms", "20s", "2m" or "1h" as seconds within the bounds; raises `Mistake`."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise _explain(text)
    seconds = float(match[1]) * _UNITS[match[2]]
    if seconds < shortest:
        raise Mistake("OUT_OF_RANGE", "duration is too short", f"write at least {show_duration(shortest)}")
    if seconds > longest:
        raise Mistake("OUT_OF_RANGE", "duration is too long", f"write at most {show_duration(longest)}")
    return seconds


def show_duration(seconds: float) -> str:
    """Write seconds the way an operator would; the inverse of `parse_duration`."""
    milliseconds = round(seconds * 1000, 3)
    if milliseconds and milliseconds % 3_600_000 == 0:
        return f"{milliseconds / 3_600_000:.0f}h"
    if milliseconds > 60_000 and milliseconds % 60_000 == 0:
        return f"{milliseconds / 60_000:.0f}m"
    if milliseconds < 1000 and milliseconds.is_integer():
        return f"{milliseconds:.0f}ms"
    return f"{milliseconds / 1000:.6f}".rstrip("0").rstrip(".") + "s"


def _explain(text: str) -> Mistake:
    if _BARE.fullmatch(text):
        small = float(text) <= LONGEST
        hint = f"write {text}s or {float(text) * 1000:.0f}ms" if small else f"write {text}ms, or another unit"
        return Mistake("DURATION_UNIT", "duration needs a unit", hint)
    if match := _LOOSE.fullmatch(text):
        return Mistake("BAD_DURATION", f"{quoted(text)} is not a duration", f"write {match[1]}{match[2].lower()}")
    if text.startswith("-"):
        return Mistake("BAD_DURATION", "duration cannot be negative", "write a number above 0 with its unit")
    hint = "write a number and one unit: 500ms, 20s, 2m or 1h"
    return Mistake("BAD_DURATION", f"{quoted(text)} is not a duration", hint)
