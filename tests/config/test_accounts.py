"""Accounts at SMSCs and mail servers: what is left out, and what contradicts itself."""

from typing import Any

import pytest

from controller.config.address import parse_host, parse_mailbox
from controller.config.diagnostics import Mistake
from controller.config.smpp import SmppModel, compile_smpp
from controller.config.smtp import SmtpModel, compile_smtp

SMPP = {"host": "smsc.example.com", "system_id": "acme", "password": "hunter2"}
SMTP = {"host": "mail.example.com", "from": "codes@example.com"}


def smpp_findings(**keys: Any) -> list[str]:
    found: list[str] = []
    compile_smpp(SmppModel.model_validate(SMPP | keys), lambda ca: ca or "", lambda *why: found.append(f"{why[:2]}"))
    return found


def smtp_findings(**keys: Any) -> list[str]:
    found: list[str] = []
    compile_smtp(SmtpModel.model_validate(SMTP | keys), lambda ca: ca or "", lambda *why: found.append(f"{why[:2]}"))
    return found


def test_ports_follow_security() -> None:
    def smpp(**keys: str) -> int:
        return compile_smpp(SmppModel.model_validate(SMPP | keys), lambda ca: ca or "", print).port

    def smtp(**keys: str) -> int:
        return compile_smtp(SmtpModel.model_validate(SMTP | keys), lambda ca: ca or "", print).port

    assert [smpp(), smpp(tls="true"), smpp(port="9000")] == [2775, 3550, 9000]
    assert [smtp(), smtp(security="tls"), smtp(security="off"), smtp(port="2525")] == [587, 465, 25, 2525]


def test_contradictions_are_found() -> None:
    assert smpp_findings() == smtp_findings() == []
    assert smpp_findings(ca="ca.pem") == ["('ca', 'NOT_TLS')"]
    assert smpp_findings(errors={"id 1": "absent"}) == ["('errors', 'BAD_CAUSE')"]
    assert smtp_findings(ca="ca.pem", security="off") == ["('ca', 'NOT_TLS')"]
    assert smtp_findings(user="me") == ["('user', 'MISSING_KEY')"]
    assert smtp_findings(password="x") == ["('password', 'MISSING_KEY')"]
    assert smtp_findings(bounces_listen="127.0.0.1:2525") == ["('bounces_listen', 'MISSING_KEY')"]


@pytest.mark.parametrize(
    "text", ["", "a", "@b.example", "a@", "a b@c.example", "a@b@c d", "a..b@c.example", "ä@b.example"]
)
def test_no_address_of_mail(text: str) -> None:
    with pytest.raises(Mistake):
        parse_mailbox(text)


def test_addresses_of_mail_and_hosts() -> None:
    assert parse_mailbox("codes+x@example.com") == "codes+x@example.com"
    assert [parse_host(text) for text in ("::1", "[::1]", "a.example")] == ["::1", "::1", "a.example"]
    with pytest.raises(Mistake, match="no port"):
        parse_host("a.example:25")
