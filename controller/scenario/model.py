"""The language of `*.test.yaml`, version 1, as pydantic models.

Owns types and bounds of single values. Whether names are those of the dialplan, and keys fit each other, is `read`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field

from controller.config.diagnostics import Mistake, quoted
from controller.config.duration import parse_duration
from controller.config.section import ANY_WORD, TIME, OneOrMore, Section, Text, between, matching
from controller.config.values import parse_choice, parse_count, parse_final, parse_switch, parse_version
from controller.scenario.states import State, parse_state
from controller.types.cascades import CascadeStatus
from controller.types.messages import Channel

NOBODY = "nobody"
TITLE = "callward tests of dialplans, version 1"
WORDS = Path(__file__).with_name("descriptions.yaml")
_STATUSES = [str(status) for status in CascadeStatus if status is not CascadeStatus.ACTIVE]
_CHANNELS = [str(channel) for channel in Channel]
_DIALLED = re.compile(r"[A-Za-z0-9.+*#_-]{1,64}")
_LONGEST = 86400.0  # seconds: a cascade may go on for a day


def _parse_title(text: str) -> str:
    if not text.strip() or len(text) > 200:
        raise Mistake("BAD_NAME", f"{quoted(text)} is not the name of a test", "say in some words what it shows")
    return text


def _parse_any(text: str) -> str:
    return text


def _parse_dialled(text: str) -> str:
    if not _DIALLED.fullmatch(text):
        hint = "write digits, with a plus before a whole number; '*', '#' and the names of phones may be there"
        raise Mistake("BAD_NUMBER", f"{quoted(text)} is nothing that is dialled", hint)
    return text


def _parse_time(text: str) -> float:
    return parse_duration(text, shortest=0.0, longest=_LONGEST)


def _parse_status(text: str) -> int | str:
    if text.isdigit():
        return parse_final(text)
    if text not in _STATUSES:
        hint = f"write what the caller gets, such as 486, or of a message {' or '.join(_STATUSES)}"
        raise Mistake("BAD_CHOICE", f"unknown status {quoted(text)}", hint)
    return text


def _parse_figure(text: str) -> float:
    try:
        figure = float(text)
    except ValueError:
        figure = -1.0
    if not 0.0 <= figure < 1e9:
        raise Mistake("BAD_VALUE", f"{quoted(text)} is not a figure", "write a number, for example 0.008")
    return figure


def _parse_risk(text: str) -> float:
    figure = _parse_figure(text)
    if figure > 1.0:
        raise Mistake("OUT_OF_RANGE", f"{quoted(text)} is more than 1", "write a number from 0 to 1")
    return figure


Word = Annotated[str, Text(_parse_any, ANY_WORD)]
Dialled = Annotated[str, Text(_parse_dialled, ANY_WORD)]
Time = Annotated[float, Text(_parse_time, matching(TIME))]
Switch = Annotated[bool, Text(parse_switch, {"type": "boolean"})]
States = dict[str, Annotated[State, Text(parse_state, ANY_WORD)]]
Words = Annotated[list[Word], OneOrMore]


class CallModel(Section):
    """Somebody calls."""

    did: Dialled = Field(examples=["+15557000"])
    caller: Dialled = Field("+15550001", alias="from")
    from_trunk: Word | None = None
    gives_up: Time | None = None


class MessageModel(Section):
    """Somebody is to be reached by a message."""

    to: Word | None = None
    email: Word | None = None
    cascade: Word = ""
    tenant: Word = ""
    use_case: Word = ""
    operator: Word = ""
    premium: Switch = False
    risk: Annotated[float, Text(_parse_risk, {"type": "number", "minimum": 0, "maximum": 1})] = 0.0


class EntryModel(Section):
    """Something happens while it rings, or while the message is under way."""

    at: Time = Field(examples=["3s"])
    becomes: Annotated[States, Field(min_length=1)] = Field(examples=[{"carrier-a": "down"}])


class ExpectModel(Section):
    """What must come of it."""

    winner: Word | None = None
    via: Word | None = None
    status: Annotated[int | str | None, Text(_parse_status, {"type": ["string", "integer"]})] = None
    within: Time | None = None
    not_before: Time | None = None
    rang: Words | None = None
    tried: Words | None = None
    never: Words | None = None
    refused: Switch | None = None
    shows: dict[str, Word] | None = None
    missed: Words | None = None
    channel: Annotated[str | None, Text(lambda t: parse_choice(t, "channel", _CHANNELS), {"enum": _CHANNELS})] = None
    provider: Word | None = None
    step: Annotated[int | None, Text(lambda text: parse_count(text, 1, 100), between(1, 100))] = None
    cost: Annotated[float | None, Text(_parse_figure, {"type": "number", "minimum": 0})] = None
    reason: Word | None = None


class CaseModel(Section):
    """One test."""

    name: Annotated[str, Text(_parse_title, ANY_WORD)] = Field(examples=["the desk is busy"])
    at: Word | None = None
    given: States = Field(default_factory=dict)
    call: CallModel | None = None
    message: MessageModel | None = None
    timeline: list[EntryModel] = Field(default_factory=list)
    expect: ExpectModel = Field(examples=[{"winner": "front-desk"}])


class TestFileModel(Section):
    """A file of tests."""

    __test__ = False  # pytest: this is none of yours

    version: Annotated[int, Text(parse_version, {"const": 1})] = Field(examples=[1])
    dialplan: Word | None = None
    tests: Annotated[list[CaseModel], Field(min_length=1)] = Field(
        examples=[[{"name": "the desk answers", "call": {"did": "+15557000"}, "expect": {"winner": "front-desk"}}]]
    )
