"""The expression of a condition -> the numbers that it is for.

Owns a small part of regular expressions: digits, a plus, ``[...]``, groups, ``|``, ``?``, ``{n}``, ``\\d``, ``.``, ``*``,
``+``. It says which numbers may come, as far as they are written out: whole ones, and beginnings of those that go on. What it
does not know it refuses (`ValueError`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product

MOST = 64  # numbers that one expression may spell out
_FEW = 4  # signs of a class that are written out one by one; more are "any digit"
_LONGEST = 500  # signs of an expression
_LONGEST_NUMBER = 64
_QUANTIFIER = re.compile(r"\{(\d{1,3})(?:,(\d{0,3}))?\}|[?*+]")


@dataclass(frozen=True, slots=True)
class Written:
    """The beginning of a text; ``whole`` if nothing follows."""

    text: str = ""
    whole: bool = True

    def __add__(self, other: Written) -> Written:
        return Written(self.text + other.text, other.whole) if self.whole else self


@dataclass(frozen=True, slots=True)
class Match:
    """One way to match: the number, and what groups hold."""

    number: Written
    groups: Mapping[int, Written] = field(default_factory=dict)

    def __add__(self, other: Match) -> Match:
        return Match(self.number + other.number, {**self.groups, **other.groups})


def read_expression(text: str) -> list[Match]:
    """What matches. An expression without ``$`` goes on behind; one without ``^`` is read as if it had it.

    Raises `ValueError` with a reason.
    """
    if len(text) > _LONGEST:
        raise ValueError("it is too long")
    reader = _Reader(text.removeprefix("^"))
    found = reader.alternatives()
    if reader.rest:
        raise ValueError(f"{reader.rest!r} is not understood")
    return _unique(found)


def _unique(found: list[Match]) -> list[Match]:
    seen: dict[tuple[Written, tuple[tuple[int, Written], ...]], Match] = {}
    for match in found:
        seen.setdefault((match.number, tuple(match.groups.items())), match)
    return list(seen.values())


class _Reader:
    def __init__(self, text: str) -> None:
        self.rest = text
        self._groups = 0

    def alternatives(self, *, inside: bool = False) -> list[Match]:
        """All ways up to the end, or the closing bracket."""
        found = self._sequence(inside=inside)
        while self.rest.startswith("|"):
            self.rest = self.rest[1:].removeprefix("^")
            found = found + self._sequence(inside=inside)
            _count(found)
        return found

    def _sequence(self, *, inside: bool) -> list[Match]:
        found = [Match(Written())]
        ends = False
        while self.rest and self.rest[0] not in "|)":
            if self.rest[0] == "$":
                self.rest, ends = self.rest[1:], True
                continue
            atom = self._quantified(self._atom())
            _count([*found, *atom], len(found) * len(atom))
            found = [before + after for before, after in product(found, atom)]
        if self.rest.startswith(")") and not inside:
            raise ValueError("a ')' too many")
        if ends or inside:
            return found
        return [replace(match, number=Written(match.number.text, whole=False)) for match in found]

    def _atom(self) -> list[Match]:
        sign, self.rest = self.rest[0], self.rest[1:]
        if sign == "(":
            return self._group()
        if sign == "[":
            return self._class()
        if sign == ".":
            return [_go_on()]
        if sign == "\\":
            escaped, self.rest = self.rest[:1], self.rest[1:]
            if escaped == "d":
                return [_go_on()]
            if escaped and not escaped.isalnum():
                return [Match(Written(escaped))]
            raise ValueError(f"'\\{escaped}' is not understood")
        if sign in "*+?{}":
            raise ValueError(f"{sign!r} is not expected here")
        return [Match(Written(sign))]

    def _group(self) -> list[Match]:
        number = 0
        if self.rest.startswith("?:"):
            self.rest = self.rest[2:]
        elif self.rest.startswith("?"):
            raise ValueError(f"'({self.rest[:3]}' is not understood")
        else:
            self._groups += 1
            number = self._groups
        found = self.alternatives(inside=True)
        if not self.rest.startswith(")"):
            raise ValueError("a ')' is missing")
        self.rest = self.rest[1:]
        return [replace(match, groups={**match.groups, number: match.number}) for match in found] if number else found

    def _class(self) -> list[Match]:
        inside, bracket, self.rest = self.rest.partition("]")
        if not bracket or inside.startswith("^"):
            raise ValueError(f"'[{inside}' is not understood")
        signs: list[str] = []
        for first, last, one in re.findall(r"(\w)-(\w)|(\\?.)", inside):
            if one == "\\d":
                signs += "0123456789"
            elif one:
                signs.append(one[-1])
            else:
                signs += map(chr, range(ord(first), ord(last) + 1))
        if len(signs) > _FEW:
            return [_go_on()]
        return [Match(Written(sign)) for sign in dict.fromkeys(signs)]

    def _quantified(self, atom: list[Match]) -> list[Match]:
        found = _QUANTIFIER.match(self.rest)
        if found is None:
            return atom
        self.rest = self.rest[found.end() :]
        goes_on = any(not match.number.whole for match in atom)
        if found[0] == "?":
            return [Match(Written()), *atom]
        if found[0] in "*+":
            return [_go_on()] if goes_on or found[0] == "*" else [match + _go_on() for match in atom]
        least, most = int(found[1]), int(found[2] or found[1]) if found[2] != "" else -1
        if goes_on:
            return atom if least else [Match(Written()), *atom]
        if least * max(len(match.number.text) for match in atom) > _LONGEST_NUMBER:
            raise ValueError("it means numbers that nobody has")
        if len(atom) ** max(least, 1) > MOST:
            raise ValueError(f"more than {MOST} numbers are meant")
        ways = [Match(Written())]
        for _ in range(least):
            ways = [before + after for before, after in product(ways, atom)]
        return ways if most == least else [match + _go_on() for match in ways]


def _go_on() -> Match:
    return Match(Written("", whole=False))


def _count(found: list[Match], most: int = 0) -> None:
    if max(len(found), most) > MOST:
        raise ValueError(f"more than {MOST} numbers are meant")
