"""A call that nobody answers becomes cascades: the real daemon for calls, its socket, the service over a real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from controller import clock
from controller.beside import FILE
from controller.broker.missed import MissedCalls
from controller.control import MESSAGES, Answer, ControlServer, Request, open_control
from controller.demo.boxes import Box
from controller.messages.cascade import Cascade
from controller.messages.content import Content
from controller.privacy import Cipher, Keyring, Place
from controller.types.messages import Templates
from sip.agent import Script
from sip.transaction import Hop
from tests.api.harness import Api, running
from tests.channels.desk import eventually, play
from tests.sipp.daemon import Daemon

CALLER, STAFF, DID = "+14155550177", "+14155550188", "+15557000"
DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:0"}}]
trunks:
  one: {{uri: "sip:127.0.0.1:{one}", probe: off, carrier: one}}
endpoints:
  anna: {{number: "+14155550100", via: [one]}}
chains:
  sales: [{{ring: [anna]}}]
routes:
  - did: "+15557000"
    chain: sales
    missed: {{cascade: otp, to: [caller, "+14155550188", "boss@example.com"], template: missed, tenant: acme}}
  - {{did: "+15557001", chain: sales}}
providers:
  sms-1:
    channel: sms
    smpp: {{host: smsc.example, system_id: callward, password: "${{file:smpp.pw}}"}}
    countries: US
    senders: [{{id: "+14155550199", kind: mobile, countries: [US]}}]
  mail: {{channel: email, smtp: {{host: mail.example, from: "calls@example.com"}}}}
cascades:
  otp: [{{send: sms}}, {{send: email}}]
templates:
  missed: {{text: {{en: "{{caller}} called {{called}}"}}, subject: {{en: "Missed call"}}}}
messages:
  store: sqlite
  tokens:
    - {{name: app, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, tenant: acme}}
"""
TEMPLATES = {"missed": Templates("missed", {"en": "{caller} called {called}"})}


class Town:
    """A carrier whose phone behaves as it is told, a caller, and the daemon for calls."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.one, self.caller = (Box(name, Hop("127.0.0.1", 0), lambda: None) for name in ("one", "caller"))
        for box in (self.one, self.caller):
            stack.callback(box.close)
        (folder / "smpp.pw").write_text("hunter2")
        dialplan = folder / "dialplan.yaml"
        dialplan.write_text(DIALPLAN.format(one=self.one.hop.port))
        self.state = folder / "state"
        self.daemon = Daemon(dialplan, self.state, patience=60.0)
        self.daemon.arguments += ("--role", "calls")

    async def call(self, did: str = DID, caller: str = CALLER) -> None:
        """Somebody calls, and gets an answer or none."""
        ready = next(event for event in self.daemon.events if event["event"] == "ready")
        hop = Hop("127.0.0.1", int(ready["listen"][0].rpartition(":")[2]))
        agent = self.caller.agent
        call_id = agent.place_call(f"sip:{did}@127.0.0.1:{hop.port}", hop, clock.monotonic(), caller=caller)
        self.caller.pump()
        await eventually(lambda: agent.find(call_id).status)
        agent.hang_up(call_id, clock.monotonic())
        self.caller.pump()


@asynccontextmanager
async def town(folder: Path) -> AsyncIterator[Town]:
    with ExitStack() as stack:
        made = Town(folder, stack)
        await asyncio.to_thread(made.daemon.__enter__)
        stack.callback(made.daemon.kill)
        yield made


@asynccontextmanager
async def messages(at: Town, api: Api) -> AsyncIterator[list[Answer]]:
    """The process for messages, as far as the other one sees it; what it answered."""
    answers: list[Answer] = []
    missed = MissedCalls(api.service)

    async def take(request: Request) -> Answer:
        answers.append(await missed.take(request))
        return answers[-1]

    server = ControlServer(open_control(at.state, MESSAGES), {"missed": take}, lambda _fault: None)
    await server.start()
    try:
        yield answers
    finally:
        server.close()


def spooled(at: Town) -> int:
    file = at.state / FILE
    return len(file.read_text().splitlines()) if file.exists() else 0


async def cascades(api: Api, tenant: str = "acme") -> list[tuple[Cascade, Any]]:
    return [row async for row in _rows(api, tenant)]


async def _rows(api: Api, tenant: str) -> AsyncIterator[tuple[Cascade, Any]]:
    for row in await api.store.find(tenant, limit=50):
        yield row


async def wait_for(api: Api, count: int) -> list[tuple[Cascade, Any]]:
    async with asyncio.timeout(20.0):
        while len(rows := await cascades(api)) < count:  # noqa: ASYNC110  # the other side is a process
            await asyncio.sleep(0.01)
    return rows


async def addressees(api: Api, rows: list[tuple[Cascade, Any]]) -> tuple[set[str], set[tuple[str, str]]]:
    """Whom they go to, and what they say: caller and called."""
    cipher = Cipher(Keyring({"1": bytes(range(32))}, "1", bytes(32)))
    to, params = set(), set()
    for cascade, _ in rows:
        sealed, payload = await api.store.recipient(cascade.id)
        to |= {cipher.open(value, Place("acme", "recipient", kind, cascade.id)) for kind, value in sealed.items()}
        content = Content.read(cipher.open(payload, Place("acme", "payload", "body", cascade.id)).encode())
        assert content.template == "missed"
        params.add((content.params["caller"], content.params["called"]))
    return to, params


def test_a_missed_call_becomes_messages_to_the_caller_and_to_staff(tmp_path: Path) -> None:
    async def script() -> None:
        async with town(tmp_path) as at, running(templates=TEMPLATES) as api, messages(at, api) as answers:
            at.one.install("+14155550100", Script(ring_after=None, reject=486))
            await at.call()
            rows = await wait_for(api, 3)
            to, params = await addressees(api, rows)
            assert to == {CALLER, STAFF, "boss@example.com"}
            assert params == {(CALLER, DID)}
            assert {facts.use_case for _, facts in rows} == {"missed_call"}
            await at.call()  # the same person again, at once
            await at.call("+15557001")  # a number without the key
            at.one.install("+14155550100", Script(answer_after=0.0))
            await at.call(caller="+14155550166")  # answered
            at.one.install("+14155550100", Script(ring_after=None, reject=486))
            await at.call(caller="anonymous")  # nobody to write to but staff
            rows = await wait_for(api, 5)
            assert len(rows) == 5
            assert all(answer["ok"] for answer in answers)
            logged = "".join(at.daemon.lines)
            assert CALLER not in logged
            assert STAFF not in logged

    play(script)


def test_no_missed_call_is_lost_while_the_process_for_messages_is_away(tmp_path: Path) -> None:
    async def script() -> None:
        async with town(tmp_path) as at, running(templates=TEMPLATES) as api:
            at.one.install("+14155550100", Script(ring_after=None, reject=486))
            await at.call()  # nobody listens
            api.store.lost = True
            async with messages(at, api) as answers:
                await at.call(caller="+14155550166")
                await eventually(lambda: any(answer.get("again") for answer in answers))  # it cannot be written down
                api.store.lost = False
                rows = await wait_for(api, 6)
                to, _ = await addressees(api, rows)
                assert {CALLER, "+14155550166"} < to
                assert len(rows) == 6

    play(script)


def test_no_missed_call_is_lost_or_told_twice_when_the_process_for_calls_is_killed(tmp_path: Path) -> None:
    async def script() -> None:
        async with town(tmp_path) as at, running(templates=TEMPLATES) as api:
            at.one.install("+14155550100", Script(ring_after=None, reject=486))
            await at.call()  # nobody listens
            await eventually(lambda: spooled(at) == 3)
            await asyncio.to_thread(at.daemon.kill)
            assert CALLER not in (at.state / FILE).read_text()
            at.daemon.events.clear()
            await asyncio.to_thread(at.daemon.__enter__)
            async with messages(at, api) as answers:
                rows = await wait_for(api, 3)
                to, _ = await addressees(api, rows)
                assert to == {CALLER, STAFF, "boss@example.com"}
                await eventually(lambda: (at.state / FILE).read_bytes() == b"")
                kept = len(answers)
                await at.call(caller="+14155550166")
                await wait_for(api, 6)
                await eventually(lambda: len(answers) >= 6)  # what is written down is answered a moment later
                assert (kept, len(answers)) == (3, 6)

    play(script)
