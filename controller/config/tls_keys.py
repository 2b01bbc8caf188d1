"""The keys of TLS as pydantic models: names of files, whom to check, whom to expect.

Owns their types. What is in the files is `certificates`' business.
"""

from __future__ import annotations

from typing import Annotated

from controller.config.address import parse_certificate_name
from controller.config.diagnostics import Mistake
from controller.config.section import Section, Text
from controller.config.values import parse_choice, parse_switch


def _parse_file_name(text: str) -> str:
    if not text.strip() or text.strip() != text:
        raise Mistake("CANNOT_READ", "this is no name of a file", "write the path of a PEM file, from here or whole")
    return text


FileName = Annotated[str, Text(_parse_file_name, {"type": "string", "minLength": 1})]
Domain = Annotated[str, Text(parse_certificate_name, {"type": "string"})]
VerifyClients = Annotated[
    str, Text(lambda text: parse_choice(text, "check", ["clients", "off"]), {"enum": ["clients", "off"]})
]


class TlsModel(Section):
    """Who we are over TLS, and whom we trust, where nothing else is said."""

    certificate: FileName | None = None
    key: FileName | None = None
    ca: FileName | None = None
    verify: VerifyClients | None = None


class TrunkTlsModel(Section):
    """Whom a trunk has to be."""

    name: Domain | None = None
    ca: FileName | None = None
    verify: Annotated[bool, Text(parse_switch, {"type": "boolean"})] = True
