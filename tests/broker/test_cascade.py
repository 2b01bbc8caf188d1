"""Rows M1, M2, M5 and M6 end to end: the API of a real daemon, real sockets, providers that fail in each of their ways."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from pathlib import Path
from typing import Any

from controller.demo.boxes import Box
from controller.simulate.base import Answer, Fate, FatedReport, Fates, Faults, Word
from sip.agent import Script
from sip.transaction import Hop
from tests.broker.stage import PHONE, Client, Stage, client, stage

WHATSAPP, RCS, VIBER, SMS = "whatsapp", "rcs", "viber", "sms"


def run(folder: Path, port: int, channels: dict[str, str], act: Any, prepare: Any = None) -> Stage:
    """Play on a stage with these accounts; the daemon ends well, and had nothing to complain of."""
    found: list[Stage] = []

    async def main() -> None:
        async with stage(folder, port, channels) as here:
            found.append(here)
            prepare(here)
            await here.start()
            async with client(here.url) as asker:
                await act(here, asker)
            await here.kill(signal.SIGTERM)

    asyncio.run(main())
    (here,) = found
    assert not here.faults()
    assert here.process is not None
    assert here.process.returncode == 0
    return here


def test_m1_whole_cascade_advances_on_each_kind_of_failure(tmp_path: Path, free_port: int) -> None:
    """WhatsApp refuses, RCS reports a failure, Viber says nothing, SMS A breaks off in its answer, SMS B (SMPP) reports
    a failure, mail is refused, and a call that comes last is answered: one request, seven ways, one person reached."""
    phones: list[Box] = []

    def prepare(here: Stage) -> None:
        here.role = "all"
        phones.append(Box("carrier", Hop("127.0.0.1", 0), lambda: None))
        phones[0].install(PHONE, Script(answer_after=0.1, hang_up_after=0.1))
        here.plan["trunks"]["b"] = {"uri": f"sip:127.0.0.1:{phones[0].hop.port}", "probe": "off"}
        here.plan["providers"]["voice"] = {"channel": "voice", "via": ["a", "b"], "caller": "+15557000"}
        here.add_smpp("sms-b")
        here.add_mail("mail")
        here.plan["cascades"] = {
            "otp": {
                "window": "2m",
                "max_attempts": 10,
                "steps": [
                    {"send": WHATSAPP, "wait": "20s"},
                    {"send": RCS, "wait": "20s"},
                    {"send": VIBER, "wait": "700ms"},
                    {"send": SMS, "via": ["sms-a", "sms-b"], "wait": "900ms", "fanout": 2},
                    {"send": "email", "until": "accepted", "wait": "20s"},
                    {"call": "voice", "wait": "20s"},
                ],
            }
        }
        failed = (FatedReport(0.0, Word.SENT), FatedReport(0.05, Word.FAILED))
        here.http.fate_of("wa", Fates(script=[Fate(Answer.REFUSE, reports=(), delivered=False)]))
        here.http.fate_of("rcs", Fates(script=[Fate(reports=failed, delivered=False, code="undelivered")]))
        here.http.fate_of("viber", Fates(Faults(lost=1.0)))
        here.http.fate_of("sms-a", Fates(Faults(cut=1.0, lost=1.0)))
        here.smsc.fates = Fates(script=[Fate(reports=failed, delivered=False)])
        here.mail.fates = Fates(Faults(refuse=1.0))

    async def act(here: Stage, asker: Client) -> None:
        one = await asker.send("k1", to={"phone": PHONE, "email": "anna@example.org"})
        shown = (await asker.over([one]))[one]
        assert shown["status"] == "completed", shown
        assert [each["provider"] for each in shown["attempts"]] == [
            "wa", "rcs", "viber", "sms-a", "sms-b", "mail", "voice",
        ]  # fmt: skip
        outcomes = [each["outcome"] for each in shown["attempts"]]
        assert outcomes[1:4] == ["undelivered", "timeout", "timeout"]
        assert outcomes[0] in {"unknown-subscriber", "not-on-channel"}
        assert outcomes[6] == "delivered"
        assert shown["winner"] == 7
        status, explained = await asker.ask("GET", f"/v1/cascades/{one}/explain")
        assert status == 200
        assert "timed_out" in str(explained)
        (call,) = phones[0].agent.calls
        assert call.answered is not None
        phones[0].close()

    channels = {"wa": WHATSAPP, "rcs": RCS, "viber": VIBER, "sms-a": SMS}
    here = run(tmp_path, free_port, channels, act, prepare)
    assert not list(here.journal.delivered())
    assert not here.journal.sent_twice()


def test_m2_each_failure_is_judged_as_the_dialplan_says(tmp_path: Path, free_port: int) -> None:
    """A hard refusal of the first SMS provider leaves the step; where the dialplan calls it soft, the next provider of the
    step has its turn."""

    def prepare(here: Stage) -> None:
        steps = [{"send": SMS, "via": ["one", "two"], "fanout": 2}, {"send": VIBER}]
        here.plan["cascades"] = {
            "otp": {"steps": steps},
            "soft": {"steps": steps, "causes": {"unknown-subscriber": "next-path", "not-on-channel": "next-path"}},
        }
        here.http.fate_of("one", Fates(Faults(refuse=1.0)))

    async def act(_: Stage, asker: Client) -> None:
        hard, soft = await asker.send("k1"), await asker.send("k2", cascade="soft")
        shown = await asker.over([hard, soft])
        assert [each["provider"] for each in shown[hard]["attempts"]] == ["one", "viber"]
        assert [each["provider"] for each in shown[soft]["attempts"]] == ["one", "two"]

    run(tmp_path, free_port, {"one": SMS, "two": SMS, "viber": VIBER}, act, prepare)


def test_m5_same_key_is_one_cascade_and_any_order_of_reports_the_same_end(tmp_path: Path, free_port: int) -> None:
    """Forty requests, each of them asked three times at once; reports come early, twice, in the wrong order, and beside
    them forged ones that say the contrary. Each phone rings once."""

    def prepare(here: Stage) -> None:
        here.plan["cascades"] = {"otp": [{"send": SMS, "wait": "20s"}, {"send": VIBER, "wait": "20s"}]}
        faults = Faults(duplicate=0.5, reorder=0.5, early=0.3, read=0.5, forge=0.5, delay=(0.0, 0.02))
        here.http.fate_of("sms", Fates(faults, seed=7))

    async def act(here: Stage, asker: Client) -> None:
        keys = [f"k{number}" for number in range(40)] * 3
        ids = await asyncio.gather(*(asker.send(key, params={"code": key}) for key in keys))
        assert len(set(ids)) == 40
        assert dict(zip(keys, ids, strict=True)) == {key: ids[keys.index(key)] for key in keys}
        shown = await asker.over(set(ids))
        assert Counter(one["status"] for one in shown.values()) == {"completed": 40}
        await here.http.settled()
        again = await asker.over(set(ids))
        assert {one: (it["status"], it["winner"]) for one, it in again.items()} == dict.fromkeys(ids, ("completed", 1))
        other = {"to": {"phone": PHONE}, "cascade": "otp", "text": "another"}
        status, answer = await asker.ask("POST", "/v1/cascades", other, "k1")
        assert status == 409, answer

    here = run(tmp_path, free_port, {"sms": SMS, "viber": VIBER}, act, prepare)
    assert len(here.journal.entries) == 40
    assert {hook.status for hook in here.http.hooks if hook.forged} == {403}


def test_m6_nothing_is_sent_after_the_window(tmp_path: Path, free_port: int) -> None:
    """Two providers, neither ever reports; the window ends before the third step's turn, and before what it needs."""

    def prepare(here: Stage) -> None:
        here.plan["cascades"] = {
            "otp": {
                "window": "1m",
                "steps": [{"send": SMS, "wait": "800ms"}, {"send": VIBER, "wait": "800ms"}, {"send": RCS}],
            }
        }
        here.http.fate_of("sms", Fates(Faults(lost=1.0)))
        here.http.fate_of("viber", Fates(Faults(lost=1.0)))

    async def act(_: Stage, asker: Client) -> None:
        one = await asker.send("k1", window_s=2)
        shown = (await asker.over([one]))[one]
        assert shown["status"] == "exhausted"
        assert shown["reason"] == "NO_TIME"
        assert [each["provider"] for each in shown["attempts"]] == ["sms", "viber"]

    here = run(tmp_path, free_port, {"sms": SMS, "viber": VIBER, "rcs": RCS}, act, prepare)
    assert [got.provider for got in here.journal.entries] == ["sms", "viber"]
