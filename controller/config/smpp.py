"""`smpp` of a provider: an account at an SMSC.

Owns its keys and bounds. Must not look its host up or connect: the daemon does, when it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

from pydantic import Field

from controller.config.address import parse_host
from controller.config.auth import CREDENTIAL, parse_credential
from controller.config.diagnostics import Mistake, quoted
from controller.config.duration import parse_duration
from controller.config.section import TIME, Section, Text, between, matching
from controller.config.tls_keys import FileName
from controller.config.values import parse_choice, parse_count, parse_switch
from controller.types.cascades import ABSENT, BLOCKED, EXPIRED, REJECTED, UNDELIVERED, UNKNOWN_SUBSCRIBER
from controller.types.smpp import Smpp, SmppAlphabet, SmppBind, SmppIds, SmppLong

#: Causes that a receipt's error may stand for.
CAUSES = (UNDELIVERED, EXPIRED, REJECTED, UNKNOWN_SUBSCRIBER, ABSENT, BLOCKED)
#: Characters. The standard has room for 15, 8, 12 and 5 (SMPP 3.4 §5.2.1-3, §5.2.11), and SMSCs give longer names and passwords.
LONGEST_ID, LONGEST_PASSWORD, LONGEST_TYPE, LONGEST_SERVICE = 64, 64, 12, 5

PORT = between(1, 65535)


def parse_port(text: str) -> int:
    """Read a port; raises `Mistake`."""
    return parse_count(text, 1, 65535)


def parse_within(text: str, what: str, longest: int) -> str:
    """Read a word of an account, of so many ASCII characters at most; raises `Mistake`."""
    parse_credential(text, what, "provider")
    if len(text) > longest or not text.isascii():
        hint = f"write at most {longest} characters of ASCII"
        raise Mistake("BAD_CREDENTIAL", f"the {what} is too long, or not ASCII", hint)
    return text


def _choose(of: type[SmppBind | SmppAlphabet | SmppLong | SmppIds], what: str) -> Text:
    words = [each.value for each in of]
    return Text(lambda text: of(parse_choice(text, what, words)), {"enum": words})


def _time(shortest: float, longest: float) -> Text:
    return Text(partial(parse_duration, shortest=shortest, longest=longest), matching(TIME))


class SmppModel(Section):
    """An account at an SMSC."""

    host: Annotated[str, Text(parse_host, {"type": "string"})] = Field(examples=["smsc.example.com"])
    port: Annotated[int | None, Text(parse_port, PORT)] = None
    system_id: Annotated[str, Text(partial(parse_within, what="system_id", longest=LONGEST_ID), CREDENTIAL)]
    password: Annotated[str, Text(partial(parse_within, what="password", longest=LONGEST_PASSWORD), CREDENTIAL)] = (
        Field(examples=["${file:NAME.password}"])
    )
    system_type: Annotated[str, Text(partial(parse_within, what="system_type", longest=LONGEST_TYPE), CREDENTIAL)] = ""
    bind: Annotated[SmppBind, _choose(SmppBind, "bind")] = SmppBind.TRANSCEIVER
    tls: Annotated[bool, Text(parse_switch, {"type": "boolean"})] = False
    ca: FileName | None = None
    window: Annotated[int, Text(lambda text: parse_count(text, 1, 1000), between(1, 1000))] = 20
    enquire: Annotated[float, _time(1.0, 600.0)] = 15.0
    timeout: Annotated[float, _time(0.1, 60.0)] = 10.0
    alphabet: Annotated[SmppAlphabet, _choose(SmppAlphabet, "alphabet")] = SmppAlphabet.GSM7
    long: Annotated[SmppLong, _choose(SmppLong, "way of long texts")] = SmppLong.UDH
    receipt_ids: Annotated[SmppIds, _choose(SmppIds, "way of ids")] = SmppIds.SAME
    plus: Annotated[bool, Text(parse_switch, {"type": "boolean"})] = False
    service_type: Annotated[
        str, Text(partial(parse_within, what="service_type", longest=LONGEST_SERVICE), CREDENTIAL)
    ] = ""
    query: Annotated[float | None, _time(1.0, 600.0)] = None
    errors: dict[str, Annotated[str, Text(lambda text: parse_choice(text, "cause", CAUSES), {"enum": [*CAUSES]})]] = {}


#: Without TLS and with it (IANA; 3550 is what most SMSCs with TLS use, nobody has registered one).
DEFAULT_PORT, DEFAULT_TLS_PORT = 2775, 3550


def compile_smpp(
    model: SmppModel, trust: Callable[[str | None], str], wrong: Callable[[str, str, str, str], None]
) -> Smpp:
    """What becomes of it. ``trust`` checks a file of authorities and gives its path; ``wrong(key, code, message,
    hint)`` takes a finding about one of its keys."""
    if model.ca is not None and not model.tls:
        wrong("ca", "NOT_TLS", "'ca' is for TLS, and this account speaks none", "add tls: true, or remove it")
    for code in model.errors:
        if not code.isalnum():
            hint = "write what stands behind 'err:' in a receipt, for example 001"
            wrong("errors", "BAD_CAUSE", f"{quoted(code)} is not an error of a receipt", hint)
    return Smpp(
        model.host,
        model.port or (DEFAULT_TLS_PORT if model.tls else DEFAULT_PORT),
        model.system_id,
        model.password,
        model.system_type,
        bind=model.bind,
        tls=model.tls,
        ca=trust(model.ca) if model.tls else "",
        window=model.window,
        enquire=model.enquire,
        timeout=model.timeout,
        alphabet=model.alphabet,
        long=model.long,
        receipt_ids=model.receipt_ids,
        plus=model.plus,
        service_type=model.service_type,
        query=model.query or 0.0,
        errors=dict(model.errors),
    )
