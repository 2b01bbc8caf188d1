"""Rows M1, M2, M5 and M6 end to end: the API of a real daemon, real sockets, providers that fail in each of their ways."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from controller.demo.boxes import Box
from controller.simulate.base import Answer, Fate, FatedReport, Fates, Faults, Word
from sip.agent import Script
from sip.transaction import Hop
from tests.broker.stage import PHONE, Client, Stage, client, pick_port, stage

WHATSAPP, RCS, VIBER, SMS, TELEGRAM = "whatsapp", "rcs", "viber", "sms", "telegram"
ACCOUNTS = {
    "wa": WHATSAPP, "rcs": RCS, "viber": VIBER, "sms-a": SMS, "hard": SMS, "next": SMS, "telegram": TELEGRAM,
    "queer": SMS, "mute": SMS,
}  # fmt: skip
FAILED = Fate(
    reports=(FatedReport(0.0, Word.SENT), FatedReport(0.05, Word.FAILED)), delivered=False, code="undelivered"
)

Act = Callable[[Stage, Client], Awaitable[None]]
Play = Callable[[Act], None]


def prepare(here: Stage, carrier: Box) -> None:
    """One dialplan for all of it: calls and messages, a process for each."""
    here.role = "all"
    here.plan["trunks"]["a"] = {"uri": f"sip:127.0.0.1:{carrier.hop.port}", "probe": "off"}
    here.add_smpp("sms-b")
    here.add_mail("mail")
    here.plan["providers"]["voice"] = {"channel": "voice", "via": ["a"], "caller": "+15557000"}
    soft = {"unknown-subscriber": "next-path", "not-on-channel": "next-path"}
    two = [{"send": SMS, "via": ["hard", "next"], "fanout": 2}, {"send": TELEGRAM}]
    here.plan["cascades"] = {
        "otp": {
            "window": "3m",
            "max_attempts": 10,
            "steps": [
                {"send": WHATSAPP, "wait": "20s"},
                {"send": RCS, "wait": "20s"},
                {"send": VIBER, "wait": "700ms"},
                {"send": SMS, "via": ["sms-a", "sms-b"], "wait": "900ms", "fanout": 2},
                {"send": "email", "until": "accepted", "wait": "20s"},
                {"call": "voice", "wait": "30s"},
            ],
        },
        "hard": {"steps": two},
        "soft": {"steps": two, "causes": soft},
        "queer": [{"send": SMS, "via": ["queer"], "wait": "20s"}, {"send": TELEGRAM, "wait": "20s"}],
        "short": [
            {"send": SMS, "via": ["mute"], "wait": "800ms"},
            {"send": VIBER, "wait": "800ms"},
            {"send": TELEGRAM},
        ],
    }


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    """Plays a scene on one stage for all tests here; the daemon ends well, and had nothing to complain of."""
    port = pick_port()
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def open_stage() -> tuple[Stage, Client]:
            here = await stack.enter_async_context(stage(tmp_path_factory.mktemp("cascade"), port, ACCOUNTS))
            carrier = Box("a", Hop("127.0.0.1", 0), lambda: None)
            stack.callback(carrier.close)
            carrier.install(PHONE, Script(ring_after=0.05, answer_after=0.1, hang_up_after=0.1))
            prepare(here, carrier)
            await here.start()
            return here, await stack.enter_async_context(client(here.url))

        try:
            here, asker = runner.run(open_stage())
        except BaseException:
            runner.run(stack.aclose())
            raise
        yield lambda act: runner.run(act(here, asker))  # type: ignore[arg-type]
        runner.run(here.kill(signal.SIGTERM))
        runner.run(stack.aclose())
    assert not here.faults()
    assert here.process is not None
    assert here.process.returncode == 0


def test_m1_whole_cascade_advances_on_each_kind_of_failure(play: Play) -> None:
    """WhatsApp refuses, RCS reports a failure, Viber says nothing, SMS A breaks off in its answer, SMS B (SMPP) reports
    a failure, mail is refused, and a call is answered: one request, seven providers, one person reached once."""

    async def act(here: Stage, asker: Client) -> None:
        here.http.fate_of("wa", Fates(script=[Fate(Answer.REFUSE, reports=(), delivered=False)]))
        here.http.fate_of("rcs", Fates(script=[FAILED]))
        here.http.fate_of("viber", Fates(Faults(lost=1.0)))
        here.http.fate_of("sms-a", Fates(Faults(cut=1.0, lost=1.0)))
        here.smsc.fates = Fates(script=[FAILED])
        here.mail.fates = Fates(Faults(refuse=1.0))
        one = await asker.send("m1", to={"phone": PHONE, "email": "anna@example.org"})
        shown = (await asker.over([one]))[one]
        assert shown["status"] == "completed", shown
        providers = ["wa", "rcs", "viber", "sms-a", "sms-b", "mail", "voice"]
        assert [each["provider"] for each in shown["attempts"]] == providers
        outcomes = [each["outcome"] for each in shown["attempts"]]
        assert outcomes[0] in {"unknown-subscriber", "not-on-channel"}
        assert outcomes[1:4] == ["undelivered", "timeout", "timeout"]
        assert outcomes[6] == "delivered"
        assert shown["winner"] == 7
        status, explained = await asker.ask("GET", f"/v1/cascades/{one}/explain")
        assert status == 200
        assert "timed_out" in str(explained)
        assert not list(here.journal.delivered())

    play(act)


def test_m2_each_failure_is_judged_as_the_dialplan_says(play: Play) -> None:
    """A hard refusal of the first SMS provider leaves the step; where the dialplan calls it soft, the next provider of the
    step has its turn."""

    async def act(here: Stage, asker: Client) -> None:
        here.http.fate_of("hard", Fates(Faults(refuse=1.0)))
        hard, soft = await asker.send("m2-1", cascade="hard"), await asker.send("m2-2", cascade="soft")
        shown = await asker.over([hard, soft])
        assert [each["provider"] for each in shown[hard]["attempts"]] == ["hard", "telegram"]
        assert [each["provider"] for each in shown[soft]["attempts"]] == ["hard", "next"]

    play(act)


def test_m5_same_key_is_one_cascade_and_any_order_of_reports_the_same_end(play: Play) -> None:
    """Forty requests, each of them asked three times at once; reports come early, twice, in the wrong order, and beside
    them forged ones that say the contrary. Each phone rings once."""

    async def act(here: Stage, asker: Client) -> None:
        faults = Faults(duplicate=0.5, reorder=0.5, early=0.3, read=0.5, forge=0.5, delay=(0.0, 0.02))
        here.http.fate_of("queer", Fates(faults, seed=7))
        keys = [f"m5-{number}" for number in range(40)] * 3
        sent = (asker.send(key, cascade="queer", params={"code": key}) for key in keys)
        ids = await asyncio.gather(*sent)
        assert len(set(ids)) == 40
        assert dict(zip(keys, ids, strict=True)) == {key: ids[keys.index(key)] for key in keys}
        shown = await asker.over(set(ids))
        assert Counter(one["status"] for one in shown.values()) == {"completed": 40}
        await here.http.settled()
        again = await asker.over(set(ids))
        assert {one: (it["status"], it["winner"]) for one, it in again.items()} == dict.fromkeys(ids, ("completed", 1))
        other: dict[str, Any] = {"to": {"phone": PHONE}, "cascade": "queer", "text": "another"}
        status, answer = await asker.ask("POST", "/v1/cascades", other, "m5-1")
        assert status == 409, answer
        assert sum(got.provider == "queer" for got in here.journal.entries) == 40
        assert {hook.status for hook in here.http.hooks if hook.forged} == {403}

    play(act)


def test_m6_nothing_is_sent_after_the_window(play: Play) -> None:
    """Two providers, neither ever reports; the window ends before the third step's turn, and before what it needs."""

    async def act(here: Stage, asker: Client) -> None:
        here.http.fate_of("mute", Fates(Faults(lost=1.0)))
        here.http.fate_of("viber", Fates(Faults(lost=1.0)))
        one = await asker.send("m6", cascade="short", window_s=2)
        shown = (await asker.over([one]))[one]
        assert shown["status"] == "exhausted"
        assert shown["reason"] == "NO_TIME"
        assert [each["provider"] for each in shown["attempts"]] == ["mute", "viber"]
        keys = [got.send_key for got in here.journal.entries if got.send_key.startswith(one)]
        assert keys == [f"{one}:1:1", f"{one}:2:2"]

    play(act)
