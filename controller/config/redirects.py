"""`redirects` of a trunk: whether a 3xx is followed, and where to.

Owns the types of its keys; the names in it are looked up by `facing`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from controller.config.section import Json, OneOrMore, Section, Text, between
from controller.config.values import parse_choice, parse_count

FOLLOW, NEXT = "follow", "next"
MOST = 10  # redirections in a row that anybody may want


class RedirectsModel(Section):
    """Where a trunk may send a call by a 3xx."""

    to: Annotated[list[str], Field(min_length=1), OneOrMore] = []
    most: Annotated[int, Text(lambda text: parse_count(text, 1, MOST), between(1, MOST))] = 3


class _OrWord:
    """A mapping; ``follow`` stands for one without keys, ``next`` for none."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_read_word, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        ways = [each for each in handler(schema)["anyOf"] if each != {"type": "null"}]
        return {"anyOf": [{"enum": [FOLLOW, NEXT]}, *ways]}


def _read_word(value: object) -> object:
    if not isinstance(value, str):
        return value
    return {} if parse_choice(value, "way to take a redirection", [FOLLOW, NEXT]) == FOLLOW else None


OrWord = _OrWord()
