"""`policies` and `templates`: what holds for whom, and what is said in which language.

Owns the types of their keys. Which policy wins is `controller.messages.policy`'s.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from controller.config.http_values import SCALAR
from controller.config.messages_values import (
    Alone,
    Attempts,
    ChannelName,
    ClassName,
    Countries,
    Kind,
    Operator,
    Price,
    Wait,
)
from controller.config.section import ANY_WORD, OneOrMore, Section, Text
from controller.config.values import parse_name, parse_switch

#: The key of a text for any language.
ANY = "*"

Words = Annotated[list[Annotated[str, Text(parse_name, ANY_WORD)]], Field(min_length=1), OneOrMore]
Some = Annotated[list[str], Field(min_length=1), OneOrMore]
ByLanguage = Annotated[dict[str, Annotated[str, Text(str, SCALAR)]], Field(min_length=1), Alone(ANY, SCALAR)]


class PolicyModel(Section):
    """What holds for some of the requests: on the left whom it is for, then what it says."""

    name: Annotated[str, Text(parse_name, ANY_WORD)] = Field(examples=["base"])
    tenant: Words = []
    country: Countries = []
    operator: Annotated[list[Operator], Field(min_length=1), OneOrMore] = []
    kind: Annotated[list[Kind], Field(min_length=1), OneOrMore] = []
    use_case: Words = []
    traffic: Annotated[list[ClassName], Field(min_length=1), OneOrMore] = Field([], alias="class")
    cascade: str | None = None
    allow: Annotated[bool, Text(parse_switch, {"type": "boolean"})] | None = None
    channels: Annotated[list[ChannelName], Field(min_length=1), OneOrMore] = []
    only: Some = []
    without: Some = []
    sender: Annotated[list[Kind], Field(min_length=1), OneOrMore] = []
    max_attempts: Attempts | None = None
    max_cost: Price | None = None
    window: Wait | None = None


class TemplateModel(Section):
    """A text in several languages."""

    text: ByLanguage = Field(examples=[{"en": "Your code is {code}"}])
    subject: ByLanguage | None = None
