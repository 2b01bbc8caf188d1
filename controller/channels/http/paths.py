"""What stands where in an answer or a webhook. Pure; nothing that a stranger sends makes it raise.

Owns following a `Path` and turning what is there into text, numbers and instants.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from controller.types.http import Part, Path, Paths

AROUND = "^"  # a first step: up to the mapping around the list
MAX_TEXT = 4096  # characters of one value that are looked at
_MILLISECONDS = 1e11  # seconds until the year 5138: what is above counts milliseconds


class Unreadable(ValueError):
    """What came is not what it says it is."""


@dataclass(frozen=True, slots=True)
class Data:
    """What came, to be read by paths."""

    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    around: Any = None  # the mapping that holds the list of which the body is an item


def parse_json(text: bytes) -> Any:
    """JSON as plain data; raises `Unreadable`."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable("no JSON") from error


def find(data: Data, path: Path) -> Iterator[Any]:
    """All that the path leads to, in order."""
    if path.part is not Part.BODY:
        where = data.query if path.part is Part.QUERY else data.headers
        if path.steps[0] in where:
            yield where[path.steps[0]]
        return
    found, steps = [data.body], path.steps
    if steps[0] == AROUND:
        found, steps = [data.around], steps[1:]
    for step in steps:
        found = [child for value in found for child in _children(value, step)]
    yield from found


def _children(value: Any, step: str) -> Iterator[Any]:
    if isinstance(value, Mapping):
        if step in value:
            yield value[step]
    elif isinstance(value, list):
        if step == "*":
            yield from value
        elif step.isdecimal() and int(step) < len(value):
            yield value[int(step)]


def items(data: Data, each: Path | None) -> Iterator[Data]:
    """Each item of the list that ``each`` leads to, as if it were the body; without ``each`` the body itself."""
    if each is None:
        yield data
        return
    found: list[tuple[Any, Any]] = [(data.body, None)]
    for step in each.steps:
        found = [
            (child, value if isinstance(value, Mapping) else around)
            for value, around in found
            for child in _children(value, step)
        ]
    for value, around in found:
        for item in value if isinstance(value, list) else [value]:
            yield replace(data, body=item, around=around)


def text(data: Data, paths: Paths) -> str:
    """The first scalar that any of the paths leads to, as text; "" for none."""
    for path in paths:
        for found in find(data, path):
            if written := _write(found):
                return written
    return ""


def _write(value: Any) -> str:
    if isinstance(value, str):  # JSON may hold halves of characters, and zeros, which no database takes
        return value[:MAX_TEXT].replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) < 1 << 64 else ""  # more digits than that are written by nobody honest
    return str(value) if isinstance(value, float) else ""


def number(data: Data, paths: Paths) -> float | None:
    """The same as a number that is not negative; None for none."""
    try:
        value = float(text(data, paths))
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def instant(data: Data, paths: Paths) -> float:
    """The same as seconds since the epoch, from seconds, milliseconds, ISO 8601 or RFC 5322; 0 for none."""
    written = text(data, paths)
    if not written:
        return 0.0
    try:
        value = float(written)
    except ValueError:
        return _date(written)
    if not math.isfinite(value) or value < 0:
        return 0.0
    seconds = value / 1000 if value > _MILLISECONDS else value
    return seconds if seconds <= _MILLISECONDS else 0.0


def _date(written: str) -> float:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(written)
            return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
        except (ValueError, TypeError, IndexError, OverflowError, OSError):
            continue
    return 0.0
