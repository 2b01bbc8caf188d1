"""Numbers of people and secrets, kept out of whatever is written down.

Owns what counts as one and what stands in its place: the last two digits of a number, nothing of a secret. Names that
an operator gives (endpoints, trunks, chains) stay: they are what a log is read by.
"""

from __future__ import annotations

import re
import traceback

from sip.text import clean

#: As phones and carriers write them: with a plus (maybe escaped) and at least six digits, or at least seven alone.
_NUMBER = re.compile(
    r"(?:\+|%2[bB])(?=(?:[().-]{0,2}[0-9]){6})[0-9](?:[0-9]|[().-]{1,2}(?=[0-9]))*[0-9](?![0-9A-Za-z_])"
    r"|(?<![0-9A-Za-z_.:-])[0-9]{7,20}(?![0-9A-Za-z_.-])"
    r"|(?<=sip:)[0-9]{5,20}(?=@)|(?<=tel:)[0-9]{5,20}"
)
_SECRET = re.compile(
    r"""\b((?:password|passwd|secret|token|response|cnonce|nonce|opaque)["']?\s*[:=]\s*)"""
    r"""(\\?"(?:[^"\\]|\\(?!"))*\\?"|'[^']*'|[^\s,;}\]]+)""",
    re.IGNORECASE,
)
_MAYBE = re.compile(r"[0-9]{5}|[+%]")  # most texts have neither, and are done
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


def _last_two(match: re.Match[str]) -> str:
    return f"…{match[0][-2:]}"
