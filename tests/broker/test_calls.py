"""Calls and messages in one daemon, end to end: a missed call becomes a message, and a message that fails a call."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from controller import clock
from controller.beside import FILE
from controller.control import ask_soon
from controller.demo.boxes import Box
from controller.simulate.base import Fates, Faults
from sip.agent import Script
from sip.transaction import Hop
from tests.broker.stage import Client, Stage, client, stage
from tests.channels.desk import eventually

CALLER, STAFF = "+14155550177", "+14155550188"
ANSWERS = Script(ring_after=0.0, answer_after=0.1, hang_up_after=0.1)


class Phones:
    """Two trunks and somebody who calls."""

    def __init__(self, stack: ExitStack) -> None:
        self.a, self.b, self.caller = (Box(name, Hop("127.0.0.1", 0), lambda: None) for name in ("a", "b", "caller"))
        for box in (self.a, self.b, self.caller):
            stack.callback(box.close)

    async def call(self, here: Stage) -> None:
        """Nobody answers."""
        ready = next(line for line in here.lines if line["event"] == "ready" and line.get("role") != "messages")
        hop = Hop("127.0.0.1", int(ready["listen"][0].rpartition(":")[2]))
        agent = self.caller.agent
        call = agent.place_call(f"sip:+15557000@127.0.0.1:{hop.port}", hop, clock.monotonic(), caller=CALLER)
        self.caller.pump()
        await eventually(lambda: agent.find(call).status == 486)


async def both(asker: Client) -> list[dict[str, Any]]:
    """The two cascades of one missed call, once they are over."""
    async with asyncio.timeout(30):
        while True:
            _, page = await asker.ask("GET", "/v1/cascades")
            if len(page["cascades"]) == 2:
                break
            await asyncio.sleep(0.05)
    return list((await asker.over([one["id"] for one in page["cascades"]])).values())


def test_a_missed_call_becomes_messages_and_a_failed_message_becomes_a_call(tmp_path: Path, free_port: int) -> None:
    """The desk is busy: caller and staff are written to. The SMS is refused, so each is called, by the second carrier,
    for the first is out of order."""

    async def main() -> None:
        with ExitStack() as stack:
            phones = Phones(stack)
            async with stage(tmp_path, free_port, {"sms": "sms"}) as here:
                prepare(here, phones)
                await here.start()
                await phones.call(here)
                async with client(here.url) as asker:
                    for shown in await both(asker):
                        assert shown["status"] == "completed", shown
                        assert [each["provider"] for each in shown["attempts"]] == ["sms", "voice"]
                        assert shown["attempts"][1]["outcome"] == "delivered"
                        assert shown["winner"] == 2
                await here.kill(signal.SIGTERM)
                assert not here.faults()
                assert here.process is not None
                assert here.process.returncode == 0
                log = str(here.lines)
                assert not [number for number in (CALLER, STAFF) if number in log]
            said = [call for call in phones.b.agent.calls if call.answered is not None]
            assert sorted(call.user for call in said) == [CALLER, STAFF]
            assert all("+15557000@" in call.remote for call in said)
            tried = [call.user for call in phones.a.agent.calls if call.user != "100"]
            assert sorted(tried) == [CALLER, STAFF]

    asyncio.run(main())


def prepare(here: Stage, phones: Phones) -> None:
    here.role = "all"
    here.plan["trunks"] = {
        "a": {"uri": f"sip:127.0.0.1:{phones.a.hop.port}", "probe": "off"},
        "b": {"uri": f"sip:127.0.0.1:{phones.b.hop.port}", "probe": "off"},
    }
    missed = {"cascade": "notice", "to": ["caller", STAFF], "template": "missed", "tenant": "acme"}
    here.plan["routes"] = [{"did": "+15557000", "chain": "main", "missed": missed}]
    here.plan["templates"]["missed"] = {"text": "{caller} called {called}"}
    here.plan["providers"]["voice"] = {"channel": "voice", "via": ["a", "b"], "caller": "+15557000"}
    here.plan["cascades"] = {"notice": [{"send": "sms", "wait": "20s"}, {"call": "voice", "wait": "20s"}]}
    here.http.fate_of("sms", Fates(Faults(refuse=1.0)))
    phones.a.install("100", Script(ring_after=None, reject=486))
    phones.b.install("100", Script(ring_after=None, reject=486))
    for number in (CALLER, STAFF):
        phones.a.install(number, Script(ring_after=None, reject=503))
        phones.b.install(number, ANSWERS)


def test_a_phone_that_rang_when_both_processes_died_does_not_ring_again(tmp_path: Path, free_port: int) -> None:
    async def main() -> None:
        with ExitStack() as stack:
            phones = Phones(stack)
            async with stage(tmp_path, free_port, {"sms": "sms"}) as here:
                prepare(here, phones)
                here.plan["cascades"] = {"otp": {"window": "20s", "steps": [{"call": "voice", "wait": "1500ms"}]}}
                here.plan["routes"] = [{"did": "+15557000", "chain": "main"}]
                phones.b.install(CALLER, Script(ring_after=0.0))
                await here.start()
                async with client(here.url) as asker:
                    one = await asker.send("k1", to={"phone": CALLER})
                    await eventually(lambda: phones.b.agent.ringing)
                    await here.kill(signal.SIGKILL)
                    await here.start()
                    shown = (await asker.over([one]))[one]
                    assert (shown["status"], len(shown["attempts"])) == ("exhausted", 1)
                await here.kill(signal.SIGTERM)
                assert not here.faults()
            assert [call.user for call in phones.b.agent.calls] == [CALLER]

    asyncio.run(main())


def test_a_phone_rings_no_more_once_the_cascade_is_over(tmp_path: Path, free_port: int) -> None:
    """By a late report of the SMS before it, by whoever verifies, by whoever cancels; each phone would ring for a minute."""
    numbers = [f"+1415555019{n}" for n in range(3)]

    async def main() -> None:
        with ExitStack() as stack:
            phones = Phones(stack)
            async with stage(tmp_path, free_port, {"sms": "sms"}) as here:
                prepare(here, phones)
                late = {"window": "90s", "steps": [{"send": "sms", "wait": "1s"}, {"call": "voice", "wait": "60s"}]}
                call = {"window": "90s", "steps": [{"call": "voice", "wait": "60s"}]}
                here.plan["cascades"] = {"late": late, "call": call}
                here.plan["routes"] = [{"did": "+15557000", "chain": "main"}]
                here.http.fate_of("sms", Fates(Faults(late=1.0, late_by=2.5)))
                for number in numbers:
                    phones.a.install(number, Script(ring_after=None, reject=503))
                    phones.b.install(number, Script(ring_after=0.0))
                await here.start()
                async with client(here.url) as asker:
                    ids = [
                        await asker.send(number, to={"phone": number}, cascade=name)
                        for number, name in zip(numbers, ("late", "call", "call"), strict=True)
                    ]
                    await eventually(lambda: len(phones.b.agent.ringing) == len(numbers))
                    await asker.ask("POST", f"/v1/cascades/{ids[1]}/feedback", {"outcome": "verified"})
                    await asker.ask("POST", f"/v1/cascades/{ids[2]}/cancel")
                    shown = await asker.over(ids)
                    assert [shown[one]["status"] for one in ids] == ["completed", "completed", "cancelled"]
                    assert shown[ids[0]]["winner"] == 1
                    await eventually(lambda: all(call.cancelled for call in phones.b.agent.calls))
                    again = {one: (await asker.ask("GET", f"/v1/cascades/{one}"))[1] for one in ids}
                    assert {one: again[one]["status"] for one in ids} == {one: shown[one]["status"] for one in ids}
                await here.kill(signal.SIGTERM)
                assert not here.faults()
            assert sorted(call.user for call in phones.b.agent.calls) == numbers

    asyncio.run(main())


def write(sock: socket.socket, port: int, text: str) -> bytes:
    """A person sends a MESSAGE by a trunk; the answer."""
    host, ours = sock.getsockname()
    lines = (
        f"MESSAGE sip:+15557000@127.0.0.1:{port} SIP/2.0",
        f"Via: SIP/2.0/UDP {host}:{ours};branch=z9hG4bK-m1",
        "Max-Forwards: 70",
        f"From: <sip:{CALLER}@{host}>;tag=1",
        "To: <sip:+15557000@127.0.0.1>",
        "Call-ID: m1",
        "CSeq: 1 MESSAGE",
        "Content-Type: text/plain",
        f"Content-Length: {len(text)}",
    )
    sock.sendto("\r\n".join([*lines, "", text]).encode(), ("127.0.0.1", port))
    return sock.recv(2000)


def test_a_missed_call_and_a_message_survive_the_death_of_each_process(tmp_path: Path, free_port: int) -> None:
    """That for messages is killed before it could hear of them, that for calls right after they were written down."""

    async def main() -> None:
        with ExitStack() as stack:
            phones = Phones(stack)
            async with stage(tmp_path, free_port, {"sms": "sms"}) as here:
                prepare(here, phones)
                here.plan["cascades"] = {"notice": [{"send": "sms", "wait": "20s"}]}
                here.http.fate_of("sms", Fates())
                phone = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                phone.bind(("127.0.0.1", 0))
                phone.settimeout(20.0)
                here.plan["trunks"]["c"] = {"uri": f"sip:127.0.0.1:{phone.getsockname()[1]}", "probe": "off"}
                here.plan["providers"]["texts"] = {
                    "channel": "sip",
                    "via": "c",
                    "senders": [{"id": "+15557000", "tenant": "acme"}],
                }
                await here.start()
                spool = tmp_path / "state" / FILE
                pid = (await ask_soon(tmp_path / "state", "status", 10.0))["status"]["messages"]["pid"]
                os.kill(pid, signal.SIGKILL)
                await phones.call(here)
                ready = next(line for line in here.lines if line["event"] == "ready" and line.get("role") != "messages")
                port = int(ready["listen"][0].rpartition(":")[2])
                assert (await asyncio.to_thread(write, phone, port, "I call back")).startswith(b"SIP/2.0 202")
                await eventually(lambda: spool.exists() and len(spool.read_bytes().splitlines()) == 3)
                assert not [word for word in (CALLER, "call back") if word in spool.read_text()]
                await here.kill(signal.SIGKILL)
                here.lines.clear()
                await here.start()
                async with client(here.url) as asker:
                    for shown in await both(asker):
                        assert shown["status"] == "completed", shown
                    await eventually(lambda: spool.stat().st_size == 0)
                    _, page = await asker.ask("GET", "/v1/cascades")
                    assert len(page["cascades"]) == 2
                    _, page = await asker.ask("GET", "/v1/inbound")
                    assert [(one["provider"], one["from"], one["to"], one["text"]) for one in page["messages"]] == [
                        ("texts", CALLER, "+15557000", "I call back")
                    ]
                await here.kill(signal.SIGTERM)
                assert not here.faults()
            assert sorted(got.to for got in here.journal.taken()) == [CALLER, STAFF]

    asyncio.run(main())
