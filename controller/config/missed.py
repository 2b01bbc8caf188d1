"""`missed` of a route: who is sent a message when nobody answered.

Owns its keys. What they mean together is `missed_compile`.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from controller.config.address import parse_mailbox, parse_number
from controller.config.diagnostics import Mistake, quoted
from controller.config.section import OneOrMore, Section, Text, matching
from controller.types.messages import CALLER

_E164 = re.compile(r"\+[0-9]{2,15}")


def _parse_addressee(text: str) -> str:
    if text == CALLER or _E164.fullmatch(text):
        return text
    if "@" in text:
        return parse_mailbox(text)
    parse_number(text)
    hint = 'write caller, a number with its plus ("+15550100") or an address of mail'
    raise Mistake("BAD_NUMBER", f"{quoted(text)} cannot be sent a message", hint)


Addressee = Annotated[str, Text(_parse_addressee, matching("caller|\\+[0-9]{2,15}|[^@]+@[^@]+"))]


class MissedModel(Section):
    """A message for who was not reached, or should have answered."""

    cascade: str = Field(examples=["otp"])
    to: Annotated[list[Addressee], Field(min_length=1, examples=[["caller"]]), OneOrMore]
    template: str = Field(examples=["missed"])
    language: str = ""
    tenant: str | None = None
