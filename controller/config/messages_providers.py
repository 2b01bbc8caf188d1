"""`providers`: accounts that carry messages of one channel, and the numbers and names of ours that they may come from.

Owns the types of their keys; those of one driver are in `http_provider`, `smpp` and `smtp`. What they have to say to each
other is `messages_compile`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from controller.config.address import parse_number
from controller.config.http_provider import HttpKeys
from controller.config.messages_values import (
    PRICE,
    Ability,
    Alone,
    ChannelName,
    ClassName,
    Countries,
    Kind,
    Price,
    Rate,
    SenderId,
    within,
)
from controller.config.section import NUMBER, OneOrMore, Section, Text
from controller.config.smpp import SmppModel
from controller.config.smtp import SmtpModel
from controller.types.messages import RouteClass

#: In `cost`: everywhere else.
ELSE = "else"


class SenderModel(Section):
    """A number or name of ours at a provider."""

    id: SenderId = Field(examples=["+15550100"])
    kind: Kind | None = None
    countries: Countries = []
    can: Annotated[list[Ability], Field(min_length=1), OneOrMore] = ["send"]
    rate: Rate | None = None
    tenant: str | None = None


class ProviderModel(HttpKeys):
    """An account that carries messages of one channel."""

    channel: ChannelName = Field(examples=["sms"])
    smpp: SmppModel | None = None
    smtp: SmtpModel | None = None
    via: Annotated[list[str], Field(min_length=1), OneOrMore] | None = None
    caller: Annotated[str | None, Text(parse_number, NUMBER)] = None
    upstream: str = ""
    route_class: ClassName = Field(RouteClass.STANDARD, alias="class")
    cost: Annotated[dict[str, Price], Alone(ELSE, PRICE)] = {}
    countries: Countries = []
    rate: Rate | None = None
    floor: Annotated[float, within(0.01, 600.0)] | None = None
    senders: list[Annotated[SenderModel, Alone("id", NUMBER)]] = []
