"""`console` and `records`: where people look at callward, who may, and what is kept of calls.

Owns the types of their keys. What they have to say to each other is `ops_compile`.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import Field

from controller.config.address import HostPort, parse_listen
from controller.config.diagnostics import Mistake, quoted
from controller.config.messages_values import ApiAddress, Digest, Keep, parse_keep
from controller.config.section import ANY_WORD, Section, Text, between, matching
from controller.config.values import OFF, parse_choice, parse_count, parse_name, parse_switch

_MOST_ID = 2**32 - 1  # of a capture agent: four bytes
_WRITE_HEP = 'write "udp:IP:PORT", the address where it takes HEP: "udp:192.0.2.9:9060"'
VIEWER, OPERATOR = "viewer", "operator"
ROLES = [VIEWER, OPERATOR]


def _parse_keep_or_off(text: str) -> float:
    return 0.0 if text == OFF else parse_keep(text)


def _parse_hep(text: str) -> HostPort:
    transport, colon, address = text.partition(":")
    if not colon or transport != "udp":
        raise Mistake("BAD_LISTEN", f"{quoted(text)} is no capture server", _WRITE_HEP)
    try:
        server = parse_listen(address)
    except Mistake:
        raise Mistake("BAD_LISTEN", f"{quoted(text)} is no capture server", _WRITE_HEP) from None
    if not server.port or ipaddress.ip_address(server.host).is_unspecified:
        raise Mistake("BAD_LISTEN", f"{quoted(text)} is no capture server", _WRITE_HEP)
    return server


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
    hep: Annotated[HostPort | None, Text(_parse_hep, matching("udp:.+:[0-9]{1,5}"))] = None
    hep_id: Annotated[int | None, Text(lambda text: parse_count(text, 1, _MOST_ID), between(1, _MOST_ID))] = None
