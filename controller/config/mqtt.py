"""`mqtt`: the broker that is told how everything is, and who may give commands over it.

Owns its keys and their types. What they have to say to each other is `mqtt_compile`.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated, NamedTuple

from pydantic import Field

from controller.config.address import ip_version, parse_host
from controller.config.auth import CREDENTIAL, parse_credential
from controller.config.diagnostics import Mistake, quoted
from controller.config.section import ANY_WORD, Section, Text, matching
from controller.config.tls_keys import FileName
from controller.config.values import parse_choice, parse_name, parse_switch

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_BROKER = re.compile(r"(?P<scheme>[a-z]+)://(?P<host>\[[^\]]*\]|[^/:\[\]]*)(?::(?P<port>[0-9]{1,5}))?/?", re.IGNORECASE)
_LEVEL = r"[A-Za-z0-9_-][A-Za-z0-9_.-]*"
_PREFIX = re.compile(rf"{_LEVEL}(?:/{_LEVEL})*")
_LONGEST_PREFIX = 128
_VERSIONS = ["5", "3.1.1"]
_SWITCH = Text(parse_switch, {"type": "boolean"})


class Broker(NamedTuple):
    """Where it is, and whether TLS is spoken."""

    host: str
    port: int
    tls: bool


def parse_broker(text: str) -> Broker:
    """Read ``mqtt://HOST[:PORT]`` or ``mqtts://HOST[:PORT]``; raises `Mistake`."""
    shape = 'write "mqtt://HOST:1883", or "mqtts://HOST:8883" for TLS'
    if "@" in text:  # it may hold a password: it is not repeated
        hint = "write them as keys of their own: user and password"
        raise Mistake("BAD_URL", "the URL of a broker holds no user and password", hint)
    match = _BROKER.fullmatch(text)
    if match is None or match["scheme"].lower() not in _PORTS:
        raise Mistake("BAD_URL", f"{quoted(text)} is not the URL of a broker", shape)
    port = int(match["port"]) if match["port"] else _PORTS[match["scheme"].lower()]
    if not 1 <= port <= 65535:
        raise Mistake("BAD_PORT", f"port {port} does not exist", "write a port from 1 to 65535")
    bare = match["host"][1:-1] if match["host"].startswith("[") else match["host"]
    try:
        host = bare if ip_version(bare) == 6 else parse_host(match["host"])
    except Mistake as mistake:
        raise Mistake(mistake.code, mistake.message, shape) from None
    return Broker(host, port, match["scheme"].lower() == "mqtts")


def _parse_prefix(text: str) -> str:
    if len(text) > _LONGEST_PREFIX or not _PREFIX.fullmatch(text):
        hint = "write letters, digits, '-', '_' and '.', with '/' between levels, such as office/callward"
        raise Mistake("BAD_NAME", f"{quoted(text)} is not the beginning of a topic", hint)
    return text


BrokerUrl = Annotated[Broker, Text(parse_broker, matching("mqtts?://.+"))]
Prefix = Annotated[str, Text(_parse_prefix, matching(f"{_LEVEL}(/{_LEVEL})*"))]


class MqttModel(Section):
    """The broker that is told how everything is."""

    broker: BrokerUrl = Field(examples=["mqtts://broker.example.com"])
    user: Annotated[str | None, Text(partial(parse_credential, what="user", giver="broker"), CREDENTIAL)] = None
    password: Annotated[str | None, Text(partial(parse_credential, what="password", giver="broker"), CREDENTIAL)] = (
        Field(None, repr=False)
    )
    ca: FileName | None = None
    cleartext: Annotated[bool, _SWITCH] = False
    prefix: Prefix = "callward"
    name: Annotated[str, Text(parse_name, ANY_WORD)] = "main"
    discovery: Prefix | None = None
    commands: Annotated[bool, _SWITCH] = False
    version: Annotated[
        str, Text(lambda text: parse_choice(text, "version", _VERSIONS), {"enum": [5, "5", "3.1.1"]})
    ] = _VERSIONS[0]
