"""`caller_id` of a trunk: whose number it is shown.

Owns the types of its keys; what they have to say to each other is `facing`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from controller.config.address import parse_domain, parse_number
from controller.config.diagnostics import Mistake, quoted
from controller.config.section import NUMBER, Json, Section, Text
from controller.config.values import parse_choice
from controller.types import Asserted, Show
from sip.text import clean

LONGEST_NAME = 64  # characters of a display name; what phones show is shorter


def _parse_name(text: str) -> str:
    if clean(text) != text:
        hint = "retype it: it has characters that end a line, are invisible or turn the direction of text"
        raise Mistake("BAD_DISPLAY", f"{quoted(text)} cannot be shown", hint)
    if not 1 <= len(text) <= LONGEST_NAME:
        raise Mistake("BAD_DISPLAY", f"a name of {len(text)} characters", f"write 1 to {LONGEST_NAME}")
    return text


class Short:
    """A mapping that may be written as one of its values alone."""

    def __init__(self, key: str, words: list[str]) -> None:
        self._key = key
        self._words = words

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda value: {self._key: value} if isinstance(value, str) else value, handler(source)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        return {"anyOf": [{"enum": self._words}, handler(schema)]}


SHOWS = [*map(str, Show)]
_ASSERTED = [*map(str, Asserted)]
_NUMBER_LIKE = re.compile(r"\+?[0-9]+")


def _parse_show(text: str) -> Show:
    if _NUMBER_LIKE.fullmatch(text):
        hint = f'write {{number: "{text}"}}'
        raise Mistake("BAD_CHOICE", f"{quoted(text)} is a number: say so", hint)
    return Show(parse_choice(text, "caller id", SHOWS))


class CallerIdModel(Section):
    """Whose number a trunk is shown."""

    show: Annotated[Show | None, Text(_parse_show, {"enum": SHOWS})] = None
    number: Annotated[str, Text(parse_number, NUMBER)] = ""
    name: Annotated[str, Text(_parse_name, {"type": "string", "maxLength": LONGEST_NAME})] = ""
    domain: Annotated[str, Text(parse_domain, {"type": "string"})] = ""
    identity: Annotated[
        Asserted, Text(lambda text: Asserted(parse_choice(text, "identity", _ASSERTED)), {"enum": _ASSERTED})
    ] = Asserted.OFF
