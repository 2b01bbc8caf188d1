"""Whose calls are taken, as an operator writes it: `access`, and where a trunk calls from beside its own address.

Owns the syntax of `sources`: addresses, networks, and names in certificates behind ``tls:``. What comes out is what
`controller.edge.sources` reads: ``192.0.2.0/24``, ``2001:db8::1/128``, ``tls:carrier.example``.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from controller.config.address import ip_version
from controller.config.diagnostics import Mistake, quoted
from controller.config.section import Text
from controller.config.values import parse_choice
from controller.types import Access

TLS = "tls:"
_NAME = re.compile(r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LIKE_ADDRESS = re.compile(r"[0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_WITH_PORT = re.compile(r"\[?([0-9.]+|[0-9A-Fa-f:.]+\](?=:))\]?:[0-9]{1,5}")

_SHAPE = "write an address or a network such as 192.0.2.0/24, or tls: and the name in the carrier's certificate"


def parse_source(text: str) -> str:
    """Read one entry of `sources`; raises `Mistake`."""
    if text.lower().startswith(TLS):
        name = text[len(TLS) :].lower().removesuffix(".")
        if not _NAME.fullmatch(name) or _LIKE_ADDRESS.fullmatch(name):
            hint = "write tls: and a host name such as tls:sbc.carrier-a.example, as it stands in the certificate"
            raise Mistake("BAD_SOURCE", f"{quoted(text)} names no certificate", hint)
        return TLS + name
    bare = text.replace("[", "").replace("]", "") if "[" in text else text
    host, slash, length = bare.partition("/")
    if bare != text and ip_version(host) == 6:
        raise Mistake("BAD_SOURCE", "a source stands without brackets", f'write "{bare}"')
    if _WITH_PORT.fullmatch(text):
        host = text.rpartition(":")[0].strip("[]")
        raise Mistake("BAD_SOURCE", f"{quoted(text)} has a port", f'write "{host}": from which port is not looked at')
    if ip_version(host) is None:
        hint = _SHAPE
        if not _LIKE_ADDRESS.fullmatch(host):
            hint += "; the addresses of the trunk's own 'uri' are let in anyway"
        raise Mistake("BAD_SOURCE", f"{quoted(text)} is not an address or network", hint)
    if slash and length == "0":
        raise Mistake("BAD_SOURCE", f"{quoted(text)} is every address", "write access: anyone if that is what you mean")
    try:
        return str(ipaddress.ip_network(bare))
    except ValueError:
        pass
    try:
        wide = ipaddress.ip_network(bare, strict=False)
    except ValueError:
        longest = 32 if ip_version(host) == 4 else 128
        raise Mistake(
            "BAD_SOURCE", f"{quoted(text)} is not a network", f"write / and a number from 1 to {longest}"
        ) from None
    hint = f'write "{wide}" for the network, or "{host}" for the one address'
    raise Mistake("BAD_SOURCE", f"{quoted(text)} is an address within a network", hint)


Source = Annotated[str, Text(parse_source, {"type": "string"})]
AccessName = Annotated[
    Access, Text(lambda text: Access(parse_choice(text, "access", [*map(str, Access)])), {"enum": [*map(str, Access)]})
]
