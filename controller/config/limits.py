"""`limits`, `tenants`, `overflow` and `after`: how many calls, and what happens to those that are too many.

Owns the values and models of these keys, and those of prices and countries. What becomes of them is `shares`.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated

from pydantic import Field

from controller.config.diagnostics import Mistake, quoted
from controller.config.duration import parse_duration
from controller.config.formats import parse_country
from controller.config.section import TIME, OneOrMore, Section, Text, between, matching
from controller.config.values import OFF, parse_choice, parse_count
from controller.types import BUSY, UNANSWERED

MOST_CALLS = 100_000
FASTEST, SLOWEST = 1000.0, 0.01  # calls a second
_RATE = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,3})?")
_ANSWERS = ["480", "486", "503", "600"]
_AFTER = [BUSY, UNANSWERED]


def _parse_rate(text: str) -> float:
    hint = "write how many calls a second, for example 5 or 0.5"
    if not _RATE.fullmatch(text):
        raise Mistake("BAD_COUNT", f"{quoted(text)} is no number of calls per second", hint)
    rate = float(text)
    if not SLOWEST <= rate <= FASTEST:
        raise Mistake("OUT_OF_RANGE", f"{text} calls per second is out of range", f"write {SLOWEST:g} to {FASTEST:g}")
    return rate


def parse_patience(text: str) -> float:
    """Read how long a trunk's Retry-After may hold it out, in seconds; 0 for off."""
    if text.isalpha() and text != OFF:
        raise Mistake("BAD_CHOICE", f"{quoted(text)} is not how long to wait", "write off or a time such as 60s")
    return 0.0 if text == OFF else parse_duration(text, shortest=1.0)


def _parse_answer(text: str) -> int:
    if text not in _ANSWERS:
        raise Mistake("BAD_CHOICE", f"{quoted(text)} is not what a caller may get", f"write {' or '.join(_ANSWERS)}")
    return int(text)


def _parse_overflow(text: str) -> str:
    if text == "false":
        hint = "remove it: a stage without 'overflow' is tried whether or not something is full"
        raise Mistake("BAD_CHOICE", "nothing can wait for what is not full", hint)
    return text


def _parse_code(text: str) -> str:
    parse_country(text)
    return text


Calls = Annotated[int | None, Text(partial(parse_count, lowest=1, highest=MOST_CALLS), between(1, MOST_CALLS))]
Rate = Annotated[float | None, Text(_parse_rate, {"type": "number", "minimum": SLOWEST, "maximum": FASTEST})]
Answer = Annotated[
    int | None,
    Text(_parse_answer, {"enum": [int(each) for each in _ANSWERS]}),
]
After = Annotated[str, Text(lambda text: parse_choice(text, "event", _AFTER), {"enum": _AFTER})]
Patience = Annotated[float | None, Text(parse_patience, matching(f"off|{TIME}"))]
CountFor = Annotated[float | None, Text(partial(parse_duration, shortest=60.0, longest=86400.0), matching(TIME))]
CountryCode = Annotated[str, Text(_parse_code, matching("[A-Z]{2}"))]
Overflow = Annotated[str, Text(_parse_overflow, {"type": ["string", "boolean"]})]


class LimitsModel(Section):
    """How many calls a number or a tenant may have."""

    calls: Calls = None
    cps: Rate = None
    answer: Answer = None


class TrunkLimitsModel(Section):
    """How many calls a trunk may have: both directions together, each, and new ones a second."""

    calls: Calls = None
    inward: Calls = Field(None, alias="in")
    outward: Calls = Field(None, alias="out")
    cps: Rate = None
    answer: Answer = None


class TenantModel(Section):
    """Whose numbers share limits."""

    limits: LimitsModel = Field(examples=[{"calls": 20}])


AfterList = Annotated[list[After], Field(min_length=1), OneOrMore]
OverflowList = Annotated[list[Overflow], Field(min_length=1), OneOrMore]
