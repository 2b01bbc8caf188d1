"""Which values are in quotes: those that other YAML readers would take for something else than text.

Owns the rule. Quotes are added and ``'`` becomes ``"`` where that changes nothing; they are never taken away.
"""

from __future__ import annotations

import re

#: Keys whose values are numbers of phones, or names that are often digits alone.
_NUMBERS = frozenset(("did", "prefix", "number", "user", "caller", "from", "to", "id", "account", "show"))
_DATE = re.compile(r"\d{4}-\d\d-\d\dT")
#: A number with its plus or a zero in front, and whatever has a colon: addresses, times of a day.
_MISLEADING = re.compile(r"\+\d+|0\d+|[^\s]*:.*")


def requote(written: str, value: str, style: str, key: str) -> str:
    """A value on one line as it is written, in ``"`` if it has to be. ``style``: its quotes, "" without."""
    if '"' in value or "\\" in value or not value.isprintable():
        return written
    if style == "'":
        return f'"{value}"'
    if style or not value or _DATE.match(value):
        return written
    needs = _MISLEADING.fullmatch(value) or (key in _NUMBERS and value.isdigit())
    return f'"{value}"' if needs else written
