"""`messages`: where the API listens and who may use it, where cascades are kept, and what is too much.

Owns the types of its keys. What they have to say to each other is `messages_daemon_compile`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from controller.config.auth import CREDENTIAL
from controller.config.diagnostics import Mistake
from controller.config.http_values import Url
from controller.config.messages_values import (
    ApiAddress,
    Digest,
    Keep,
    Per,
    Rate,
    Scope,
    Share,
    Store,
    within,
)
from controller.config.section import ANY_WORD, OneOrMore, Section, Text, between
from controller.config.values import parse_count, parse_name, parse_switch

MOST_WORKERS = 16
_SHORTEST_SECRET = 12  # whoever guesses it can tell a tenant anything

_NAME = Annotated[str, Text(parse_name, ANY_WORD)]
_SWITCH = Annotated[bool, Text(parse_switch, {"type": "boolean"})]


def _parse_secret(text: str) -> str:
    if len(text) < _SHORTEST_SECRET or not text.isprintable():
        hint = f"write {_SHORTEST_SECRET} characters or more on one line: openssl rand -base64 32"
        raise Mistake("BAD_CREDENTIAL", "a secret that is too short, or not printable,", hint)
    return text


Secret = Annotated[str, Text(_parse_secret, CREDENTIAL)]


class TokenModel(Section):
    """Who may use the API as which tenant; as none for what is of all tenants."""

    name: _NAME = Field(examples=["app"])
    sha256: Digest = Field(examples=["${file:NAME.sha256}"])
    tenant: _NAME = ""
    scopes: Annotated[list[Scope], Field(min_length=1), OneOrMore] = ["send", "read"]


class CallbackModel(Section):
    """Where a tenant hears of its cascades."""

    url: Url = Field(examples=["https://example.com/callward"])
    secret: Secret = Field(examples=["${file:NAME.callback}"])
    transitions: _SWITCH = False


class ClientModel(Section):
    """A tenant as messages know it."""

    callback: CallbackModel | None = None
    rate: Rate | None = None
    keep: Keep | None = None


class FraudModel(Section):
    """From which score on what is done."""

    narrow: Share | None = None
    refuse: Share | None = None


class MessagesModel(Section):
    """The daemon of messages."""

    listen: ApiAddress | None = None
    cleartext: _SWITCH = False
    public: Url | None = None
    store: Store = ""
    workers: Annotated[int, Text(lambda text: parse_count(text, 0, MOST_WORKERS), between(0, MOST_WORKERS))] | None = (
        None
    )
    lease: Annotated[float, within(1.0, 600.0)] | None = None
    grace: Keep | None = None
    keep: Keep | None = None
    tokens: list[TokenModel] = []
    clients: dict[str, ClientModel] = {}
    limits: dict[str, Per] = {}
    per_prefix: Per | None = None
    fraud: FraudModel | None = None
