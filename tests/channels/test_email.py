"""The mail adapter against a simulated server on a real socket: aiosmtpd, with faults, and bounces that come back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import aiosmtplib
import pytest

from controller.channels.base import Accepted, Liveness, Message, Refused, Report, Unclear
from controller.channels.email import EmailAdapter
from controller.simulate.base import Answer, Fate, FatedReport, Fates, Word
from controller.simulate.mail import MailServer
from controller.types.messages import Channel, Provider
from controller.types.smtp import Smtp, SmtpSecurity
from controller.types.words import Milestone
from tests.channels.desk import Desk, eventually, play

FAILED, DELIVERED = FatedReport(0, Word.FAILED), FatedReport(0, Word.DELIVERED)


def letter(
    key: str = "c1:0:1", to: str = "someone@example.com", text: str = "Your code is 123456", **more: Any
) -> Message:
    return Message(key, Channel.EMAIL, to, text, **({"subject": "Your code"} | more))


def account(port: int, **settings: Any) -> Provider:
    fields = {
        "security": SmtpSecurity.OFF, "timeout": 5.0, "bounces": "bounce@example.com",
        "bounces_listen": ("127.0.0.1", 0), "hello": "callward.example", "name": "Acme",
    } | settings  # fmt: skip
    return Provider("mail", Channel.EMAIL, "smtp", Smtp("127.0.0.1", port, "codes@example.com", **fields))


@asynccontextmanager
async def connected(server: MailServer, **settings: Any) -> AsyncIterator[tuple[EmailAdapter, Desk]]:
    """An account at a simulated server; both are gone afterwards."""
    desk = Desk()
    adapter = EmailAdapter(account(await server.start(), **settings), Random(1))
    await adapter.start(desk.take)
    try:
        await desk.alive()
        await eventually(lambda: adapter.bounces.port or not adapter._settings.bounces_listen)
        server.bounces_to = ("127.0.0.1", adapter.bounces.port)
        yield adapter, desk
    finally:
        await adapter.close()
        await server.close()


def server_with(*fates: Fate, **settings: Any) -> MailServer:
    return MailServer(fates=Fates(script=[*fates]), **settings)


def test_a_letter() -> None:
    async def script() -> None:
        server = server_with(*[Fate(reports=())] * 3)
        async with connected(server) as (adapter, _):
            assert await adapter.submit(letter(text="Ihr Code: 123456 für Söhne\n", language="de")) == Accepted(
                "c1:0:1"
            )
            (got,), (mail,) = server.journal.entries, server.mails
            assert (got.send_key, got.to, got.text.strip()) == (
                "c1:0:1",
                "someone@example.com",
                "Ihr Code: 123456 für Söhne",
            )
            assert mail["From"] == "Acme <codes@example.com>"
            assert (mail["To"], mail["Subject"]) == ("someone@example.com", "Your code")
            assert mail["Message-ID"] == "<c1.0.1@example.com>"
            assert (mail["Auto-Submitted"], mail["Content-Language"]) == ("auto-generated", "de")
            assert mail["Date"].datetime.utcoffset() is not None
            assert await adapter.submit(letter("c1:0:2")) == Accepted("c1:0:2")
            assert len(server._open) == 1  # the connection was used again

    play(script)


@pytest.mark.parametrize(
    ("fate", "submission"),
    [
        (Fate(Answer.REFUSE), Refused("unknown-subscriber", "550 5.1.1")),
        (Fate(Answer.REFUSE, code="451 4.7.1 greylisted"), Refused("429", "451 4.7.1")),
        (Fate(Answer.THROTTLE), Refused("429", "452 4.3.2")),
        (Fate(Answer.FAIL), Refused("429", "451 4.3.0")),
        (Fate(Answer.CUT, reports=()), Unclear("TRANSPORT_ERROR")),
        (Fate(Answer.DROP, reports=()), Unclear("timeout")),
    ],
    ids=lambda value: value.answer + value.code[:3] if isinstance(value, Fate) else "",
)
def test_answers(fate: Fate, submission: object) -> None:
    async def script() -> None:
        async with connected(server_with(fate, Fate(reports=())), timeout=0.3) as (adapter, _):
            assert await adapter.submit(letter()) == submission
            assert await adapter.submit(letter("c2:0:1")) == Accepted("c2:0:1")

    play(script)


def test_what_is_no_mail_is_refused() -> None:
    async def script() -> None:
        async with connected(MailServer()) as (adapter, _):
            for wrong in (
                letter(to="someone"),
                letter(to="a@b.example\r\nRCPT TO:<c@d.example>"),
                letter(subject="x\r\nBcc: c@d.example"),
            ):
                assert await adapter.submit(wrong) == Refused("bad-template", "not a mail")
            assert isinstance(await adapter.submit(letter(to="a@b@c.example>")), Refused)

    play(script)


def test_a_bounce_says_why() -> None:
    async def script() -> None:
        full = Fate(reports=(FAILED,), code="5.2.2")
        server = server_with(Fate(reports=(FAILED,)), full, Fate(reports=(DELIVERED,)))
        async with connected(server) as (adapter, desk):
            for key in ("c1:0:1", "c2:0:1", "c3:0:1"):
                await adapter.submit(letter(key))
            await desk.until(lambda: len(desk.of(Report)) == 2)
            assert {(each.send_key, each.milestone, each.cause, each.code) for each in desk.of(Report)} == {
                ("c1:0:1", None, "unknown-subscriber", "failed 5.1.1"),
                ("c2:0:1", None, "absent", "failed 5.2.2"),
            }  # of success nobody asked

    play(script)


@pytest.mark.parametrize("dsn", [True, False], ids=["by ENVID too", "by VERP alone"])
def test_delivery_is_reported_where_it_was_asked_for(dsn: bool) -> None:
    async def script() -> None:
        server = server_with(Fate(reports=(DELIVERED, FAILED)), dsn=dsn)
        async with connected(server, dsn=True) as (adapter, desk):
            await adapter.submit(letter())
            wanted = {Milestone.ANSWERED, None} if dsn else {None}
            await desk.until(lambda: len(desk.of(Report)) == len(wanted))
            assert {each.milestone for each in desk.of(Report)} == wanted
            assert {each.send_key for each in desk.of(Report)} == {"c1:0:1"}

    play(script)


def test_a_bounce_that_cannot_be_written_down_comes_again() -> None:
    async def script() -> None:
        server = server_with(Fate(reports=(FAILED,)))
        async with connected(server) as (adapter, desk):
            desk.failing = True
            await adapter.submit(letter())
            await eventually(lambda: server.refused)
            assert (server.bounced, desk.of(Report)) == (0, [])
            desk.failing = False
            await desk.until(lambda: desk.of(Report))
            await eventually(lambda: server.bounced)
            assert len(desk.of(Report)) == 1

    play(script)


def test_nobody_sends_mail_through_the_address_for_bounces() -> None:
    async def script() -> None:
        async with connected(MailServer()) as (adapter, desk):
            client = aiosmtplib.SMTP(hostname="127.0.0.1", port=adapter.bounces.port, start_tls=False)
            await client.connect()
            with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
                await client.sendmail("a@b.example", ["someone@example.com"], b"Subject: hello\r\n\r\nhello\r\n")
            await client.sendmail("a@b.example", ["bounce+c1=0=1@example.com"], b"Subject: away\r\n\r\nI am away\r\n")
            await client.quit()
            assert not desk.of(Report)

    play(script)


def test_an_answer_after_the_patience_of_whoever_asked() -> None:
    async def script() -> None:
        server = server_with(Fate(delay=0.2, reports=()), Fate(Answer.FAIL, delay=0.2))
        async with connected(server) as (adapter, desk):
            for key in ("c1:0:1", "c2:0:1"):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await adapter.submit(letter(key))
                await desk.until(lambda key=key: any(each.send_key == key for each in desk.of(Report)))  # type: ignore[misc]
            assert [(each.send_key, each.ref, each.milestone, each.cause) for each in desk.of(Report)] == [
                ("c1:0:1", "c1:0:1", Milestone.ACCEPTED, ""),
                ("c2:0:1", "", None, "429"),
            ]
            assert len(server.journal.entries) == 2

    play(script)


def test_a_connection_that_was_closed_meanwhile_costs_nothing() -> None:
    async def script() -> None:
        server = server_with(*[Fate(reports=())] * 2)
        async with connected(server) as (adapter, desk):
            await adapter.submit(letter())
            server.drop()
            assert await adapter.submit(letter("c1:0:2")) == Accepted("c1:0:2")
            assert [got.send_key for got in server.journal.entries] == ["c1:0:1", "c1:0:2"]
            assert all(each.alive for each in desk.of(Liveness))

    play(script)


def test_a_server_that_is_gone_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.channels.email.FIRST_PAUSE", 0.02)

    async def script() -> None:
        server = MailServer()
        async with connected(server) as (adapter, desk):
            port = server.port
            await server.close()
            assert await adapter.submit(letter()) == Refused("TRANSPORT_ERROR", "not connected")
            await desk.until(lambda: not desk.of(Liveness)[-1].alive)
            await server.start(port=port)
            await desk.alive(times=2)
            server.greeting = "421 4.3.2 too many connections"
            server.drop()
            assert await adapter.submit(letter()) == Refused("429", "421 4.3.2")
            await desk.until(lambda: desk.of(Liveness)[-1].why == "the server says 421")
            server.greeting = ""
            await desk.alive(times=3)

    play(script)


def test_no_letter_goes_out_in_clear() -> None:
    async def script() -> None:
        server, desk = MailServer(), Desk()
        adapter = EmailAdapter(account(await server.start(), security=SmtpSecurity.STARTTLS), Random(1))
        await adapter.start(desk.take)
        await desk.until(lambda: desk.of(Liveness))
        assert not desk.of(Liveness)[0].alive
        assert "starttls" in desk.of(Liveness)[0].why
        assert isinstance(await adapter.submit(letter()), Refused)
        assert not server.journal.entries
        await adapter.close()
        await server.close()

    play(script)


def test_many_letters_share_a_few_connections() -> None:
    async def script() -> None:
        server = MailServer()
        async with connected(server, connections=3) as (adapter, _):
            keys = [f"c{n}:0:1" for n in range(40)]
            assert await asyncio.gather(*(adapter.submit(letter(key)) for key in keys)) == [
                Accepted(key) for key in keys
            ]
            assert sorted(got.send_key for got in server.journal.entries) == sorted(keys)
            assert len(server._open) <= 3

    play(script)


def test_a_letter_that_waited_too_long_for_a_connection_is_not_sent() -> None:
    """M6: its code is of no use any more. Whoever asked has long gone, and hears of it all the same."""

    async def script() -> None:
        server = server_with(Fate(delay=0.5, reports=()), Fate(reports=()))
        async with connected(server, connections=1) as (adapter, _):
            first, late = await asyncio.gather(
                adapter.submit(letter("c1:0:1")), adapter.submit(letter("c2:0:1", lifetime=0.1))
            )
            assert first == Accepted("c1:0:1")
            assert late == Refused("NO_TIME", "no connection was free")
            assert await adapter.submit(letter("c3:0:1")) == Accepted("c3:0:1")
            assert [got.send_key for got in server.journal.entries] == ["c1:0:1", "c3:0:1"]

    play(script)
