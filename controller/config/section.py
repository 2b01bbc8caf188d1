"""What the models of all sections share: text that is read by a function, lists of one, no unknown keys.

Owns the way from a scalar to a value and what editors are told of it. Knows no section.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from controller.config.values import parse_switch

Json = dict[str, Any]


class Text:
    """A validator that reads text; lists and mappings are refused as pydantic itself would.

    ``schema`` is what an editor is told, whose YAML reads 5 as a number and true as a truth value.
    """

    def __init__(self, parse: Callable[[str], Any], schema: Json) -> None:
        self._parse = parse
        self._schema = schema

    def _read(self, value: object) -> Any:
        if not isinstance(value, str):
            raise PydanticKnownError("string_type")
        return self._parse(value)

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> Json:
        return dict(self._schema)  # pydantic writes defaults into what it gets


class _OneOrMore:
    """A list; one may be written without its brackets."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda value: [value] if isinstance(value, str) else value, handler(source)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        many = handler(schema)
        return {"anyOf": [many["items"], many]}


OneOrMore = _OneOrMore()


class _OrSwitch:
    """A mapping; ``true`` stands for one without keys, ``false`` for none."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda value: ({} if parse_switch(value) else None) if isinstance(value, str) else value, handler(source)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        ways = [each for each in handler(schema)["anyOf"] if each != {"type": "null"}]
        return {"anyOf": [{"type": "boolean"}, *ways]}


OrSwitch = _OrSwitch()

# What editors are told of values.
ANY_WORD: Json = {"type": ["string", "number", "boolean"]}  # a name may look like a number
NUMBER: Json = {"type": ["string", "integer"]}
TIME = r"[0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h)"


def matching(pattern: str) -> Json:
    return {"type": "string", "pattern": f"^({pattern})$"}


def between(lowest: int, highest: int) -> Json:
    return {"type": "integer", "minimum": lowest, "maximum": highest}


class Section(BaseModel):
    """What all mappings of the language share: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    RESERVED: ClassVar[Mapping[str, str]] = {}
