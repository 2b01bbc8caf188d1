"""Rows M10, M12 and M13 end to end: a real daemon, real sockets, simulated providers, and what is left on the disk."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from controller.privacy import load_keyring
from controller.simulate.base import Fates, Faults
from tests.broker.stage import PHONE, Client, Stage, client, run, stage

OPERATOR, FRENCH, CODE, MAIL = "token-of-operator", "+33612345678", "918273", "anna.person@example.org"


def add_operator(here: Stage) -> None:
    """A token that may do everything."""
    digest = hashlib.sha256(OPERATOR.encode()).hexdigest()
    scopes = ["send", "read", "erase", "operate"]
    here.plan["messages"]["tokens"].append({"name": "operator", "sha256": digest, "tenant": "acme", "scopes": scopes})


async def command(here: Stage, *arguments: str, typed: str = "") -> tuple[int, str]:
    """A command beside the daemon; exit code and all that it printed."""
    environment = {**os.environ, "CALLWARD_TOKEN": OPERATOR, "CALLWARD_URL": here.url, "COLUMNS": "80"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "controller.cli", *arguments, env=environment,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate(typed.encode())
    assert process.returncode is not None
    return process.returncode, output.decode()


async def metrics_of(here: Stage) -> str:
    """What Prometheus would read."""
    headers = {"Authorization": f"Bearer {OPERATOR}"}
    async with aiohttp.ClientSession() as session, session.get(here.url + "/metrics", headers=headers) as answer:
        assert answer.status == 200
        return await answer.text()


def test_m13_figures_of_a_run_as_by_hand(tmp_path: Path, free_port: int) -> None:
    """Three cascades, one of them French. WhatsApp refuses all; SMS delivers at 0.01 each; two codes are typed in. By hand:
    all completed, all fell back, 6 sends of which 3 were taken, 0.03 spent, 0.015 per verified code."""

    def prepare(here: Stage) -> None:
        add_operator(here)
        here.plan["cascades"] = {"otp": [{"send": "whatsapp", "wait": "20s"}, {"send": "sms", "wait": "20s"}]}
        here.http.fate_of("wa", Fates(Faults(refuse=1.0)))

    async def act(here: Stage, asker: Client) -> None:
        ids = [
            await asker.send(f"k{number}", to={"phone": phone}) for number, phone in enumerate((PHONE, PHONE, FRENCH))
        ]
        await asker.over(ids)
        for one in ids[:2]:
            assert (await asker.ask("POST", f"/v1/cascades/{one}/feedback", {"outcome": "verified"}))[0] == 200
        status, found = await asker.ask("GET", "/v1/stats?hours=1")
        assert status == 200
        whole = found["all"]
        assert (whole["cascades"], whole["completion_rate"], whole["fallback_rate"]) == (3, 1.0, 1.0)
        assert whole["verification_rate"] == pytest.approx(2 / 3)
        assert whole["cost"] == pytest.approx(0.03)
        assert whole["cost_per_verified"] == pytest.approx(0.015)
        assert 0.0 < whole["seconds"]["p50"] <= whole["seconds"]["p99"] < 20.0
        assert {row["country"]: row["cascades"] for row in found["countries"]} == {"DE": 2, "FR": 1}
        routes = {row["provider"]: row for row in found["routes"]}
        assert (routes["wa"]["sends"], routes["wa"]["acceptance_rate"], routes["wa"]["delivery_rate"]) == (3, 0.0, 0.0)
        assert (routes["sms"]["acceptance_rate"], routes["sms"]["delivery_rate"]) == (1.0, 1.0)
        cells = {cell["country"]: cell for cell in found["concentration"]["sends"]["top"]}
        assert cells["DE"]["share"] == pytest.approx(2 / 3)
        assert found["concentration"]["sends"]["gini"] == pytest.approx(0.0), "it fails alike everywhere"
        # A report names the operator, which is then part of the figures.
        assert [row["operator"] for row in found["routes_by_operator"] if row["provider"] == "sms"] == [
            "310260",
            "310260",
        ]
        assert (await asker.ask("GET", "/metrics"))[0] == 403, "that takes the scope 'operate'"
        text = await metrics_of(here)
        assert 'callward_cascades_total{country="DE",status="completed"} 2.0' in text
        assert 'callward_message_sends_total{channel="sms",country="FR",provider="sms"} 1.0' in text
        assert PHONE[1:] not in text
        code, shown = await command(here, "stats", "--hours", "1")
        assert code == 0
        assert "100.0 % completed, 66.7 % verified, 100.0 % fell back to another way" in shown
        assert "0.0150 per verified code" in shown

    run(tmp_path, free_port, {"wa": "whatsapp", "sms": "sms"}, act, prepare)


def test_m12_nobody_is_found_on_the_disk_and_a_person_can_be_taken_out(tmp_path: Path, free_port: int) -> None:
    """A number, an address and a code go through; then neither is in the log, metrics, history or any file. A rotation
    of keys in the middle loses nothing: the next life seals anew, and reaches the person still. Then erasure."""

    async def main() -> None:
        async with stage(tmp_path, free_port, {"viber": "viber", "sms": "sms"}) as here:
            add_operator(here)
            here.plan["cascades"] = {"otp": [{"send": "viber", "wait": "5s"}, {"send": "sms", "wait": "20s"}]}
            here.http.fate_of("viber", Fates(Faults(lost=1.0)))
            state = tmp_path / "state"
            await here.start()
            async with client(here.url) as asker:
                person = {"phone": PHONE, "email": MAIL}
                first = await asker.send("k1", to=person, params={"code": CODE})
                await here.kill(signal.SIGTERM)
                code, said = await command(here, "rotate-keys", "--state-dir", str(state))
                assert code == 0
                assert "data key 2 seals from the next start on" in said
                await here.start()
                await _told(here, "sealed anew")
                assert load_keyring(state).current == "2"
                shown = (await asker.over([first]))[first]
                assert [each["provider"] for each in shown["attempts"]] == ["viber", "sms"]
                last = here.journal.taken()[-1]
                assert (last.provider, last.to, CODE in last.text) == ("sms", PHONE, True)
                _, explained = await asker.ask("GET", f"/v1/cascades/{first}/explain")
                texts = [json.dumps(explained), json.dumps(here.lines), await metrics_of(here)]
                for secret in (PHONE[1:], MAIL, CODE):
                    assert not any(secret in text for text in texts), secret
                assert _found_on_disk(state) == []
                code, said = await command(here, "erase", "-", typed=PHONE + "\n")
                assert (code, said) == (0, "erased; 1 cascade knew the person\n")
                code, said = await command(here, "erase", MAIL)
                assert (code, said) == (0, "erased; 0 cascades knew the person\n"), "number and address went together"
                assert (await asker.ask("GET", f"/v1/cascades/{first}"))[0] == 200, "what became of it is still known"
            await here.kill(signal.SIGTERM)
            assert here.faults() == []
            assert _found_on_disk(state) == []

    asyncio.run(main())


def _found_on_disk(state: Path) -> list[str]:
    """Files of the state folder that hold the person or the code."""
    secrets = [PHONE[1:].encode(), MAIL.encode(), CODE.encode()]
    return [
        file.name
        for file in state.rglob("*")
        if file.is_file() and any(re.search(re.escape(secret), file.read_bytes()) for secret in secrets)
    ]


async def _told(here: Stage, event: str) -> None:
    """Wait until the daemon's log says it."""
    for _ in range(1500):
        if any(line["event"] == event for line in here.lines):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(here.lines)


def test_m10_limits_fraud_and_wishes_are_heeded(tmp_path: Path, free_port: int) -> None:
    """A limit by a caller's key, a premium-rate number, fraud that narrows and that refuses, and a STOP from the phone."""

    def prepare(here: Stage) -> None:
        here.plan["cascades"] = {"otp": [{"send": "sms", "wait": "20s"}]}
        here.plan["providers"]["dear"]["class"] = "premium"
        here.plan["messages"]["limits"] = {"ip": "2/10m"}

    async def ask(asker: Client, key: str, **more: Any) -> tuple[int, Any]:
        body = {"to": {"phone": PHONE}, "template": "otp", "params": {"code": CODE}, "cascade": "otp", **more}
        return await asker.ask("POST", "/v1/cascades", body, key)

    async def act(here: Stage, asker: Client) -> None:
        same = {"limit_keys": {"ip": "192.0.2.9"}}
        answers = [await ask(asker, f"ip-{number}", **same) for number in range(3)]
        assert [status for status, _ in answers] == [202, 202, 429]
        status, again = await ask(asker, "ip-0", **same)
        assert (status, again["id"]) == (202, answers[0][1]["id"]), "what was accepted once stays accepted"
        status, problem = await ask(asker, "premium-rate", to={"phone": "+19005551234"})
        assert (status, "premium-rate" in str(problem)) == (422, True)

        status, narrowed = await ask(asker, "fraud-1", fraud_score=0.6)
        assert status == 202
        shown = (await asker.over([narrowed["id"]]))[narrowed["id"]]
        assert [each["provider"] for each in shown["attempts"]] == ["dear"]
        status, problem = await ask(asker, "fraud-2", fraud_score=0.95)
        assert (status, problem["code"]) == (403, "fraud")

        await asker.over([answer["id"] for _, answer in answers[:2]])
        sent = len(here.journal.entries)
        await here.http.say("dear", PHONE, "Callward", "STOP")
        await here.http.say("cheap", PHONE, "Callward", "Stop.")
        status, answer = await ask(asker, "after-stop")
        assert status == 202, "it could have gone by another channel"
        shown = (await asker.over([answer["id"]]))[answer["id"]]
        assert (shown["status"], shown["reason"], shown["cost"]) == ("exhausted", "OPTED_OUT", 0.0)
        assert len(here.journal.entries) == sent, "nothing more reaches the phone"
        await here.http.say("cheap", PHONE, "Callward", "START")
        status, answer = await ask(asker, "after-start")
        assert status == 202
        assert (await asker.over([answer["id"]]))[answer["id"]]["status"] == "completed"

    run(tmp_path, free_port, {"cheap": "sms", "dear": "sms"}, act, prepare)
