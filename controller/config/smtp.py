"""`smtp` of a provider: a mail server that takes what we send, and where bounces come back.

Owns its keys and bounds. Must not look its host up or connect: the daemon does, when it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

from pydantic import Field

from controller.config.address import HostPort, parse_host, parse_listen, parse_mailbox
from controller.config.auth import CREDENTIAL, parse_credential
from controller.config.diagnostics import Mistake
from controller.config.duration import parse_duration
from controller.config.section import TIME, Section, Text, between, matching
from controller.config.smpp import PORT, parse_port
from controller.config.tls_keys import FileName
from controller.config.values import parse_choice, parse_count, parse_switch
from controller.types.smtp import Smtp, SmtpSecurity

_SECURITY = [each.value for each in SmtpSecurity]
#: RFC 6409 §3.1, RFC 8314 §3.3, RFC 5321.
PORTS = {SmtpSecurity.STARTTLS: 587, SmtpSecurity.TLS: 465, SmtpSecurity.OFF: 25}
_LONGEST_LOCAL = 24  # octets: of 64 (RFC 5321 §4.5.3.1.1) the key of a message takes up to 39, and the plus one

SECURITY = Text(lambda text: SmtpSecurity(parse_choice(text, "security", _SECURITY)), {"enum": _SECURITY})
Mailbox = Annotated[str, Text(parse_mailbox, matching("[^@]+@[^@]+"))]


def _parse_bounces(text: str) -> str:
    parse_mailbox(text)
    if len(text.rpartition("@")[0]) > _LONGEST_LOCAL:
        hint = f"write at most {_LONGEST_LOCAL} characters before the '@': a key of each message is put behind them"
        raise Mistake("BAD_USER", "the address of bounces is too long", hint)
    return text


def _parse_name(text: str) -> str:
    if not text.isprintable() or not text.strip():
        raise Mistake("BAD_NAME", "this is no name to show", "write what people see as the sender, on one line")
    return text


class SmtpModel(Section):
    """A mail server."""

    host: Annotated[str, Text(parse_host, {"type": "string"})] = Field(examples=["mail.example.com"])
    port: Annotated[int | None, Text(parse_port, PORT)] = None
    sender: Mailbox = Field(alias="from", examples=["codes@example.com"])
    name: Annotated[str, Text(_parse_name, CREDENTIAL)] = ""
    user: Annotated[str | None, Text(partial(parse_credential, what="user", giver="mail server"), CREDENTIAL)] = None
    password: Annotated[
        str | None, Text(partial(parse_credential, what="password", giver="mail server"), CREDENTIAL)
    ] = None
    security: Annotated[SmtpSecurity, SECURITY] = SmtpSecurity.STARTTLS
    ca: FileName | None = None
    bounces: Annotated[str | None, Text(_parse_bounces, matching("[^@]+@[^@]+"))] = None
    bounces_listen: Annotated[HostPort | None, Text(parse_listen, matching(".+:[0-9]{1,5}"))] = None
    hello: Annotated[str, Text(parse_host, {"type": "string"})] = ""
    timeout: Annotated[float, Text(partial(parse_duration, shortest=0.1, longest=300.0), matching(TIME))] = 20.0
    connections: Annotated[int, Text(lambda text: parse_count(text, 1, 100), between(1, 100))] = 4
    dsn: Annotated[bool, Text(parse_switch, {"type": "boolean"})] = False


def compile_smtp(
    model: SmtpModel, trust: Callable[[str | None], str], wrong: Callable[[str, str, str, str], None]
) -> Smtp:
    """What becomes of it. ``trust`` checks a file of authorities and gives its path; ``wrong(key, code, message,
    hint)`` takes a finding about one of its keys."""
    secure = model.security is not SmtpSecurity.OFF
    if model.ca is not None and not secure:
        wrong("ca", "NOT_TLS", "'ca' is for TLS, and this server is asked for none", "remove security: off, or this")
    if (model.user is None) != (model.password is None):
        written, missing = ("password", "user") if model.user is None else ("user", "password")
        wrong(written, "MISSING_KEY", f"'{written}' without '{missing}'", f"add {missing}: ...")
    if model.bounces_listen is not None and model.bounces is None:
        hint = "add bounces: LOCAL@DOMAIN, the address that your mail server hands to us"
        wrong("bounces_listen", "MISSING_KEY", "'bounces_listen' without 'bounces'", hint)
    listen = model.bounces_listen
    return Smtp(
        model.host,
        model.port or PORTS[model.security],
        model.sender,
        model.name,
        model.user or "",
        model.password or "",
        security=model.security,
        ca=trust(model.ca) if secure else "",
        bounces=model.bounces or "",
        bounces_listen=(listen.host, listen.port) if listen is not None else None,
        hello=model.hello,
        timeout=model.timeout,
        connections=model.connections,
        dsn=model.dsn,
    )
