"""`console` and `records`: where people look at callward, who may, and what is kept of calls.

Owns the types of their keys. What they have to say to each other is `ops_compile`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from controller.config.messages_values import ApiAddress, Digest, Keep, parse_keep
from controller.config.section import ANY_WORD, Section, Text
from controller.config.values import OFF, parse_choice, parse_name, parse_switch

VIEWER, OPERATOR = "viewer", "operator"
ROLES = [VIEWER, OPERATOR]


def _parse_keep_or_off(text: str) -> float:
    return 0.0 if text == OFF else parse_keep(text)


class ConsoleTokenModel(Section):
    """Who may look at the console, or do something there as well."""

    name: Annotated[str, Text(parse_name, ANY_WORD)] = Field(examples=["anna"])
    sha256: Digest = Field(examples=["${file:NAME.sha256}"])
    role: Annotated[str, Text(lambda text: parse_choice(text, "role", ROLES), {"enum": ROLES})] = VIEWER


class ConsoleModel(Section):
    """Where page, API and metrics are served."""

    listen: ApiAddress | None = None
    cleartext: Annotated[bool, Text(parse_switch, {"type": "boolean"})] = False
    tokens: list[ConsoleTokenModel] = []


class RecordsModel(Section):
    """What is kept of calls, and how long."""

    calls: Keep | None = None
    wire: Annotated[float | None, Text(_parse_keep_or_off, {"type": "string"})] = None
