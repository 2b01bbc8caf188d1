"""Dial patterns of Asterisk: which numbers match, and how these begin.

Owns their signs: X (0-9), Z (1-9), N (2-9), ``[...]``, ``.`` (one or more of anything), ``!`` (any number of it).
"""

from __future__ import annotations

import re

_CLASSES = {"X": "0-9", "Z": "1-9", "N": "2-9"}
_PIECE = re.compile(r"\[([^\]]*)\]|(.)")
_MOST = 20  # prefixes of one pattern


def find_prefixes(pattern: str) -> list[str]:
    """How the numbers begin that match: as far as digits are written out, classes of few in all their ways; "" for any."""
    found = [""]
    for inside, sign in _pieces(pattern):
        signs = _spell_out(inside) if inside else [sign]
        if sign.upper() in _CLASSES or sign in {".", "!"} or len(found) * len(signs) > _MOST:
            break
        found = [before + each for before in found for each in signs]
    return found


def is_fixed(pattern: str) -> bool:
    """Whether it is one number."""
    return all(not inside and sign.upper() not in _CLASSES and sign not in ".!" for inside, sign in _pieces(pattern))


def matches(pattern: str, number: str) -> bool:
    """Whether Asterisk would take the number for one of these."""
    found = ""
    for inside, sign in _pieces(pattern):
        if inside:
            found += f"[{''.join(map(re.escape, _spell_out(inside)))}]"
        elif sign.upper() in _CLASSES:
            found += f"[{_CLASSES[sign.upper()]}]"
        else:
            found += ".+" if sign == "." else ".*" if sign == "!" else re.escape(sign)
    return re.fullmatch(found, number) is not None


def _pieces(pattern: str) -> list[tuple[str, str]]:
    """A class, or one sign."""
    return _PIECE.findall(pattern.strip().removeprefix("_"))


def _spell_out(inside: str) -> list[str]:
    signs: list[str] = []
    for first, last, one in re.findall(r"(\w)-(\w)|(.)", inside):
        signs += [one] if one else map(chr, range(ord(first), ord(last) + 1))
    return list(dict.fromkeys(signs))
