"""Who stands in for the providers of a dialplan, what the command says, and that nobody real is ever stood in for."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import aiosmtplib
import pytest

from controller.channels.base import Accepted, Inbound, Message
from controller.channels.smpp import SmppAdapter
from controller.config import load_models
from controller.config.diagnostics import Mistake
from controller.simulate.base import Faults
from controller.simulate.options import read_faults
from controller.simulate.saying import USAGE, Said, read_said
from controller.simulate.town import Town, TownError, plan_town
from controller.types.messages import Channel
from tests.channels.desk import PATIENCE, Desk

EXAMPLE = Path(__file__).parents[2] / "dialplans" / "messages-simulated.yaml"


def plan(tmp_path: Path, *changes: tuple[str, str]) -> Town:
    text = EXAMPLE.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "dialplan.yaml"
    file.write_text(text, encoding="utf-8")
    loaded = load_models(file)
    assert not isinstance(loaded, str), loaded
    return plan_town(loaded[1].messaging, loaded[0].providers)


def test_every_provider_of_the_example_but_calls(tmp_path: Path) -> None:
    town = plan(tmp_path)
    assert town.providers == ["whatsapp-1", "viber-1", "sms-1", "sms-2", "mail"]
    assert town.left_out == {"voice": "calls go by trunks"}
    assert {account.hook for each in town.http.values() for account in each} == {
        f"http://127.0.0.1:8080/hooks/{name}" for name in ("whatsapp-1", "viber-1", "sms-1")
    }


def test_whoever_is_elsewhere_is_left_alone(tmp_path: Path) -> None:
    town = plan(
        tmp_path,
        ("host: 127.0.0.1\n      port: 9275", "host: smsc.example"),
        ("http://127.0.0.1:9100/sms-1", "https://api.twilio.com"),
        ("host: 127.0.0.1\n      port: 9025", "host: 192.0.2.1"),
    )
    assert town.providers == ["whatsapp-1", "viber-1"]
    assert {*town.left_out} == {"sms-1", "sms-2", "mail", "voice"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("9100/sms-1", "9100/sms", "a simulated one has url: http://127.0.0.1:9100/sms-1"),
        ("port: 9025", "port: 9275", "'mail' and another one are both at 127.0.0.1:9275"),
        ("security: off", "security: starttls", "write security: off"),
        ("system_id:", "tls: true\n      system_id:", "does not speak"),
    ],
)
def test_what_cannot_be_simulated_is_said(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(TownError, match=said):
        plan(tmp_path, (old, new))


def test_nothing_to_simulate() -> None:
    loaded = load_models(EXAMPLE.parent / "simple.yaml")
    assert not isinstance(loaded, str)
    with pytest.raises(TownError, match="nothing to simulate"):
        plan_town(loaded[1].messaging, loaded[0].providers)


def test_faults() -> None:
    found = read_faults(["a:drop=50%", "refuse=5%", "a:code=0x0B", "delay=10ms..1s", "late_by=2m"], ["a", "b"])
    common = Faults(refuse=0.05, delay=(0.01, 1.0), late_by=120.0)
    assert found == {"": common, "a": Faults(refuse=0.05, drop=0.5, code="0x0B", delay=(0.01, 1.0), late_by=120.0)}


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("refuse", "is not a fault; write NAME=SHARE"),
        ("refuze=5%", "'refuze' is no fault; did you mean 'refuse'"),
        ("refuse=5", "refuse: '5' is not a share of the messages; write a number up to 100%"),
        ("refuse=101%", "not a share"),
        ("delay=5", "delay: duration needs a unit"),
        ("delay=2s..1s", "delay: '2s..1s' ends before it begins; write 1s..2s"),
        ("sms-3:drop=5%", "no provider 'sms-3' is simulated here; did you mean 'sms-1'"),
    ],
)
def test_faults_that_are_none(option: str, said: str) -> None:
    with pytest.raises(Mistake) as caught:
        read_faults([option], ["sms-1", "mail"])
    assert said in f"{caught.value.message}; {caught.value.hint}"


@pytest.mark.parametrize(
    ("line", "means"),
    [
        ("sms-1 +14155550123 no more, please", Said("sms-1", "+14155550123", "no more, please")),
        ("sms-1 somebody STOP", USAGE),
        ("sms-1 +14155550123", USAGE),
        ("help", USAGE),
    ],
)
def test_what_is_typed(line: str, means: Said | str) -> None:
    assert read_said(line, ["sms-1", "sms-2"]) == means


def test_the_command(tmp_path: Path, pick_port: Callable[[], int]) -> None:
    smsc, mail, http, bounces = (pick_port() for _ in range(4))
    ports = {"9275": smsc, "9025": mail, "9100": http, "9026": bounces}
    text = EXAMPLE.read_text(encoding="utf-8")
    for old, new in ports.items():
        text = text.replace(old, str(new))
    file = tmp_path / "dialplan.yaml"
    file.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "controller.cli", "simulate", str(file), "--json", "--fault", "mail:refuse=100%"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        try:
            assert process.stdout is not None
            said: list[str] = []
            while not said or said[-1] != "# ready":
                said.append(process.stdout.readline().strip())
            assert f"# sms-2: SMSC at 127.0.0.1:{smsc}" in said
            assert process.stdin is not None
            process.stdin.write("sms-3 +14155550123 STOP\n")
            assert process.stdout.readline() == "# nobody can write by 'sms-3'; did you mean 'sms-2'?\n"
            asyncio.run(talk(file, mail, process.stdin.write))
            process.send_signal(signal.SIGTERM)
            came = process.stdout.read().splitlines()
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
    first, second = (json.loads(line) for line in came[:2])
    assert (first["provider"], first["to"], first["text"], first["delivered"]) == ("sms-2", "+15550100", "hello", True)
    assert (second["provider"], second["answer"], second["delivered"]) == ("mail", "refuse", False)
    assert came[2:] == [
        "# mail: 1 came, 0 taken, 0 delivered, 0 sent twice",
        "# sms-2: 1 came, 1 taken, 1 delivered, 0 sent twice",
    ]


async def talk(file: Path, mail: int, type_in: Callable[[str], object]) -> None:
    loaded = load_models(file)
    assert not isinstance(loaded, str)
    assert loaded[1].messaging is not None
    desk, adapter = Desk(), SmppAdapter(loaded[1].messaging.providers["sms-2"], Random(1))
    await adapter.start(desk.take)
    await desk.alive()
    assert await adapter.submit(Message("c:0:1", Channel.SMS, "+15550100", "hello")) == Accepted("1")
    type_in("sms-2 +14155550123 STOP it\n")
    await desk.until(lambda: desk.of(Inbound))
    (said,) = desk.of(Inbound)
    assert (said.sender, said.to, said.text) == ("+14155550123", "+14155550101", "STOP it")
    await adapter.close()
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
        await aiosmtplib.send(
            b"Subject: x\r\n\r\nx\r\n",
            sender="a@b.example",
            recipients=["c@d.example"],
            hostname="127.0.0.1",
            port=mail,
            start_tls=False,
        )
