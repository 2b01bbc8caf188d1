"""SMPP and mail over TLS: to whoever proves to be who he should be, and to nobody else."""

from __future__ import annotations

import ssl
from dataclasses import replace
from random import Random

import pytest

from controller.channels.base import Accepted, Adapter, Liveness, Message
from controller.channels.email import EmailAdapter
from controller.channels.smpp import SmppAdapter
from controller.simulate.mail import MailServer
from controller.simulate.smsc import Smsc
from controller.types.messages import Channel, Provider
from controller.types.smpp import Smpp
from controller.types.smtp import Smtp, SmtpSecurity
from tests.certificates import Pair, Workshop
from tests.channels.desk import Desk, play

SMPP = Smpp("127.0.0.1", 0, "acme", "secret", tls=True, timeout=5.0)
SMTP = Smtp("127.0.0.1", 0, "codes@example.com", hello="callward.example", timeout=5.0)
SMS = Message("c1:0:1", Channel.SMS, "+15550100", "hello", sender="ACME")
MAIL = Message("c1:0:1", Channel.EMAIL, "a@example.com", "hello")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def good(workshop: Workshop) -> Pair:
    return workshop.make("good", "IP:127.0.0.1")


def shows(pair: Pair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context


async def first_news(adapter: Adapter) -> Liveness:
    desk = Desk()
    await adapter.start(desk.take)
    await desk.until(lambda: desk.of(Liveness))
    found = desk.of(Liveness)[0]
    assert isinstance(found, Liveness)
    return found


def test_an_smsc(workshop: Workshop, good: Pair) -> None:
    async def script() -> None:
        smsc = Smsc()
        port = await smsc.start(tls=shows(good))
        ca = str(workshop.authority.certificate)
        adapter = SmppAdapter(Provider("s", Channel.SMS, "smpp", replace(SMPP, port=port, ca=ca)), Random(1))
        assert (await first_news(adapter)).alive
        assert await adapter.submit(SMS) == Accepted("1")
        await adapter.close()
        # The same without its authority, and by another name.
        for settings in (replace(SMPP, port=port), replace(SMPP, port=port, ca=ca, host="localhost")):
            adapter = SmppAdapter(Provider("s", Channel.SMS, "smpp", settings), Random(1))
            news = await first_news(adapter)
            assert not news.alive
            assert "certificate" in news.why
            await adapter.close()
        assert len(smsc.journal.entries) == 1
        await smsc.close()

    play(script)


@pytest.mark.parametrize("security", [SmtpSecurity.TLS, SmtpSecurity.STARTTLS])
def test_a_mail_server(workshop: Workshop, good: Pair, security: SmtpSecurity) -> None:
    async def script() -> None:
        starttls = security is SmtpSecurity.STARTTLS
        server = MailServer(starttls=shows(good) if starttls else None, accounts={"me": "secret"})
        port = await server.start(tls=None if starttls else shows(good))
        ca = str(workshop.authority.certificate)
        settings = replace(SMTP, port=port, security=security, ca=ca, user="me", password="secret")
        adapter = EmailAdapter(Provider("m", Channel.EMAIL, "smtp", settings), Random(1))
        assert (await first_news(adapter)).alive
        assert await adapter.submit(MAIL) == Accepted("c1:0:1")
        await adapter.close()
        for wrong, why in (
            (replace(settings, ca=""), "certificate"),
            (replace(settings, host="localhost"), "certificate"),
            (replace(settings, password="other"), "the account is refused: 535"),
        ):
            adapter = EmailAdapter(Provider("m", Channel.EMAIL, "smtp", wrong), Random(1))
            news = await first_news(adapter)
            assert not news.alive
            assert why in news.why
            await adapter.close()
        assert len(server.journal.entries) == 1
        await server.close()

    play(script)
