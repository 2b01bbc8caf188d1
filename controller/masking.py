"""Numbers of people and secrets, kept out of whatever is written down.

Owns what counts as one and what stands in its place: the last two digits of a number, nothing of a secret. Names that
an operator gives (endpoints, trunks, chains) stay: they are what a log is read by. And who may see what of calls
(`mask_shown`): an operator all, a viewer our own numbers and nobody else's.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Container, Mapping
from typing import Any

from sip.text import clean

#: As phones and carriers write them: with a plus (maybe escaped) and at least six digits, or at least seven alone.
_NUMBER = re.compile(
    r"(?:\+|%2[bB])(?=(?:[().-]{0,2}[0-9]){6})[0-9](?:[0-9]|[().-]{1,2}(?=[0-9]))*[0-9](?![0-9A-Za-z_])"
    r"|(?<![0-9A-Za-z_.:-])[0-9]{7,20}(?![0-9A-Za-z_.-])"
    r"|(?i:(?<=sip:)|(?<=sips:))[0-9](?:[()-]{0,2}[0-9]){4,20}(?=[@;%])|(?i:(?<=tel:))[0-9](?:[().-]{0,2}[0-9]){4,20}"
)
_SECRET = re.compile(
    r"""\b((?:password|passwd|secret|token|response|cnonce|nonce|opaque)["']?\s*[:=]\s*)"""
    r"""(\\?"(?:[^"\\]|\\(?!"))*\\?"|'[^']*'|[^\s,;}\]]+)""",
    re.IGNORECASE,
)
_MAYBE = re.compile(r"[0-9]{5}|[+%]|(?i:sips?|tel):[0-9]")  # most texts have none of these, and are done
GONE = "***"  # what stands for a secret


def mask_number(number: str) -> str:
    """A number with its last two digits only."""
    number = clean(number)
    return f"…{number[-2:]}" if len(number) > 4 else "…"


def mask_numbers(text: str) -> str:
    """A text in which each number of a phone has its last two digits only."""
    return _NUMBER.sub(_last_two, text) if _MAYBE.search(text) else text


def mask_secrets(text: str) -> str:
    """A text without what stands behind words such as ``password`` or in the answers of digest."""
    return _SECRET.sub(rf"\1{GONE}", text)


def trace_of(error: BaseException) -> str:
    """Where an error came up and what it came of, without what any of them says: that may be anybody's address or text."""
    told: list[str] = []
    following: BaseException | None = error
    while following is not None and len(told) < 8:
        told.append("".join(traceback.format_tb(following.__traceback__)) + type(following).__name__)
        following = following.__cause__ or following.__context__
    return "\ncame of\n".join(told)


def mask_within(text: str, *numbers: str) -> str:
    """A text of a peer's, such as a Call-ID, without these numbers in it, as they were written or without their plus.

    Numbers of up to four digits are no secret, and stand in too many places.
    """
    for number in numbers:
        for form in (number, number.lstrip("+")):
            if len(form) > 4 and form in text:
                text = text.replace(form, mask_number(form))
    return mask_numbers(text)


#: Fields whose values are names and codes of the operator's and of ours.
_NAMES = frozenset(
    ("path", "winner", "chain", "from_trunk", "cause", "version", "milestone", "kind", "source", "trunk", "target")
)
_CALLED, _PEOPLE = "did", ("did", "caller")


def mask_shown(found: Any, ours: Container[str] = (), *numbers: str) -> Any:
    """What is shown of calls and of whatever else happens, for who only looks: plain data, masked wherever a number stands.

    A number that was called stays whole where it is one of ``ours``: the dialplan's own, written there one by one, belong to
    no person. Callers, and whoever is called from here, keep their last two digits, in texts and names of calls too.
    ``numbers``: such as stand around it.
    """
    if isinstance(found, str):
        return mask_secrets(mask_within(found, *numbers))
    if isinstance(found, Mapping):
        numbers = (*numbers, *(str(found[key]) for key in _PEOPLE if found.get(key)))
        return {key: _mask_field(key, value, ours, numbers) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [mask_shown(each, ours, *numbers) for each in found]
    return found


def _mask_field(key: str, value: Any, ours: Container[str], numbers: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        if key in _PEOPLE:
            return value if not value or (key == _CALLED and value in ours) else mask_number(value)
        if key in _NAMES:
            return value
    return mask_shown(value, ours, *numbers)


def _last_two(match: re.Match[str]) -> str:
    return f"…{match[0][-2:]}"
