"""The small values of messages: rates, counts within a time, long times, shares, senders, places to store.

Owns their syntax. Every function reads text and raises `Mistake`.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from controller.config.address import HostPort, parse_listen
from controller.config.diagnostics import Mistake, quoted
from controller.config.duration import parse_duration
from controller.config.limits import CountryCode
from controller.config.section import TIME, Json, OneOrMore, Text, between, matching
from controller.config.values import parse_choice, parse_cost, parse_count
from controller.types import Milestone, Order, Verdict
from controller.types.messages import Channel, NumberKind, RouteClass

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PER = re.compile(r"([0-9]{1,9})/([0-9]{1,4})?([smhd])")
_DAYS = re.compile(r"([0-9]{1,5})d")
_SHARE = re.compile(r"[01]?\.[0-9]{1,6}|[01](?:\.0{1,6})?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_OPERATOR = re.compile(r"([0-9]{3})-?([0-9]{2,3})|[A-Za-z][\w .-]{0,40}")
_NUMBER = re.compile(r"\+[1-9][0-9]{5,14}")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")
_LETTERS = re.compile(r"(?=[^+]*[A-Za-z])[A-Za-z0-9 &._-]{1,11}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")

LONGEST_WAIT = 24 * 3600.0  # seconds; of a step, and of a window
LONGEST_KEEP = 3650 * 86400.0

#: What a step may wait for, in the words of messages.
UNTIL = {
    "accepted": Milestone.ACCEPTED,
    "sent": Milestone.ALERTING,
    "delivered": Milestone.ANSWERED,
    "read": Milestone.CONFIRMED,
}
ORDERS = [Order.CONFIGURED.value, Order.COST.value, Order.BEST.value]
SCOPES = ["send", "read", "operate", "erase"]
CAN = ["send", "receive"]
SQLITE = "sqlite"


def parse_per(text: str) -> tuple[float, float]:
    """Read "50/s" or "5/10m": a count, and within how many seconds."""
    match = _PER.fullmatch(text)
    if match is None or int(match[1]) < 1 or int(match[2] or 1) < 1:
        hint = "write a count and a time: 50/s, 5/10m or 1000/1d"
        raise Mistake("BAD_RATE", f"{quoted(text)} is not so many within a time", hint)
    return float(match[1]), int(match[2] or 1) * _UNITS[match[3]]


def parse_rate(text: str) -> float:
    """The same as so many a second."""
    count, seconds = parse_per(text)
    return count / seconds


def parse_keep(text: str) -> float:
    """Read a time that may be days, "30d", in seconds."""
    match = _DAYS.fullmatch(text)
    if match is None:
        return parse_duration(text, shortest=60.0, longest=LONGEST_KEEP)
    seconds = int(match[1]) * 86400.0
    if not 0 < seconds <= LONGEST_KEEP:
        raise Mistake("OUT_OF_RANGE", f"{quoted(text)} is out of range", "write 1d to 3650d")
    return seconds


def parse_share(text: str) -> float:
    """Read a number from 0 to 1."""
    if not _SHARE.fullmatch(text) or float(text) > 1.0:
        raise Mistake("OUT_OF_RANGE", f"{quoted(text)} is not a share", "write a number from 0 to 1, such as 0.5")
    return float(text)


def parse_digest(text: str) -> str:
    """Read a SHA-256 in hexadecimal."""
    if not _DIGEST.fullmatch(text):
        hint = "write what 'printf %s TOKEN | sha256sum' prints: 64 characters of hexadecimal, never the token itself"
        raise Mistake("BAD_DIGEST", "the SHA-256 of a token is not one", hint)
    return text


def parse_operator(text: str) -> str:
    """Read a network: its MCC and MNC (ITU-T E.212), or the name that ranges of numbers have."""
    match = _OPERATOR.fullmatch(text)
    if match is None:
        hint = 'write MCC and MNC, such as operator: "310260", or the name of a network'
        raise Mistake("BAD_OPERATOR", f"{quoted(text)} is not a network", hint)
    return f"{match[1]}{match[2]}" if match[1] else text.lower()


def parse_sender(text: str) -> str:
    """Read a number or name of ours: E.164, a short code, or up to 11 characters of text (3GPP TS 23.040 §9.1.2.5)."""
    if not (_NUMBER.fullmatch(text) or _SHORT_CODE.fullmatch(text) or _LETTERS.fullmatch(text)):
        hint = "write a number with its plus, a short code of 3 to 8 digits, or a name of up to 11 letters and digits"
        raise Mistake("BAD_SENDER", f"{quoted(text)} is not what a message can come from", hint)
    return text


def kind_of_sender(text: str) -> NumberKind | None:
    """What its form says; None for a number, where it says nothing."""
    if text.startswith("+"):
        return None
    return NumberKind.SHORT_CODE if text.isdigit() else NumberKind.ALPHANUMERIC


def parse_store(text: str) -> str:
    """Read where cascades are kept: "" for SQLite in the state folder, else the URL of a PostgreSQL database."""
    if text == SQLITE:
        return ""
    try:
        parts = urlsplit(text)
        fine = parts.scheme in {"postgresql", "postgres"} and (parts.port or 1) > 0
    except ValueError:
        fine = False
    if not fine:
        hint = 'write sqlite, or "postgresql://USER@HOST/DATABASE", or "${file:PATH}" of such a URL with its password'
        raise Mistake("BAD_STORE", "that is no place for cascades", hint)
    return text


def parse_language(text: str) -> str:
    """Read a language by BCP 47; "*" is for any, and becomes ""."""
    if text == "*":
        return ""
    if not _LANGUAGE.fullmatch(text):
        raise Mistake(
            "BAD_LANGUAGE", f"{quoted(text)} is not a language", "write en, pt-BR and the like, or '*' for any"
        )
    return text


def word(of: Any, what: str, words: list[str] | None = None) -> Text:
    """The type of a value that is one word of an enumeration."""
    words = words or [each.value for each in of]
    return Text(lambda text: of(parse_choice(text, what, words)), {"enum": words})


def within(shortest: float, longest: float) -> Text:
    """The type of a time within bounds, in seconds."""
    return Text(partial(parse_duration, shortest=shortest, longest=longest), matching(TIME))


class Alone:
    """A mapping of which one value may stand alone, as text."""

    def __init__(self, key: str, schema: Json) -> None:
        self._key = key
        self._schema = schema

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda value: {self._key: value} if isinstance(value, str) else value, handler(source)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        return {"anyOf": [self._schema, handler(schema)]}


PER = matching("[0-9]{1,9}/[0-9]{0,4}[smhd]")
PRICE = {"type": "number", "minimum": 0}
SHARE = {"type": "number", "minimum": 0, "maximum": 1}

ChannelName = Annotated[Channel, word(Channel, "channel")]
ClassName = Annotated[RouteClass, word(RouteClass, "class")]
Kind = Annotated[NumberKind, word(NumberKind, "kind of number")]
Operator = Annotated[str, Text(parse_operator, {"type": ["string", "integer"]})]
OrderWord = Annotated[Order, word(Order, "order", ORDERS)]
Until = Annotated[Milestone, Text(lambda text: UNTIL[parse_choice(text, "milestone", [*UNTIL])], {"enum": [*UNTIL]})]
VerdictName = Annotated[Verdict, word(Verdict, "verdict")]
Per = Annotated[tuple[float, float], Text(parse_per, PER)]
Rate = Annotated[float, Text(parse_rate, PER)]
Keep = Annotated[float, Text(parse_keep, matching(rf"[0-9]{{1,5}}d|{TIME}"))]
Price = Annotated[float, Text(parse_cost, PRICE)]
Share = Annotated[float, Text(parse_share, SHARE)]
Wait = Annotated[float, within(0.1, LONGEST_WAIT)]
Attempts = Annotated[int, Text(lambda text: parse_count(text, 1, 50), between(1, 50))]
Digest = Annotated[str, Text(parse_digest, matching("[0-9a-f]{64}"))]
SenderId = Annotated[str, Text(parse_sender, {"type": ["string", "integer"]})]
Ability = Annotated[str, Text(lambda text: parse_choice(text, "ability", CAN), {"enum": CAN})]
Scope = Annotated[str, Text(lambda text: parse_choice(text, "scope", SCOPES), {"enum": SCOPES})]
Store = Annotated[str, Text(parse_store, {"type": "string"})]
ApiAddress = Annotated[HostPort, Text(parse_listen, matching(".+:[0-9]{1,5}"))]
Countries = Annotated[list[CountryCode], Field(min_length=1), OneOrMore]
