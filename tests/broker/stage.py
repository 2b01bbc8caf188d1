"""The whole of it on loopback: `callward run --role messages` in a process of its own, simulated providers in this one.

The providers outlive the daemon, as real ones do, and their journals say what really went out.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from controller.simulate.base import Journal
from controller.simulate.dialects import Account
from controller.simulate.http import HttpSimulator
from controller.simulate.mail import MailServer
from controller.simulate.smsc import Smsc
from tests.broker.clocked import Clock

TOKEN = "token-of-acme"
PHONE = "+4915112345678"
#: What `preset: generic` is signed with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

FINAL = ("completed", "exhausted", "cancelled", "refused")


def provider(channel: str, url: str, name: str, **more: Any) -> dict[str, Any]:
    """A provider as the dialplan has it, with an account at the simulator."""
    return {
        "channel": channel,
        "preset": "generic",
        "url": f"{url}/{name}",
        "token": "token-1",
        "secret": SECRET,
        **more,
    }


@dataclass
class Stage:
    """Providers, and a daemon that may be started, killed and started again."""

    folder: Path
    port: int
    http: HttpSimulator
    smsc: Smsc
    mail: MailServer
    journal: Journal
    plan: dict[str, Any]
    role: str = "messages"
    clock: Clock | None = None  # else that of the machine
    process: asyncio.subprocess.Process | None = None
    lines: list[dict[str, Any]] = field(default_factory=list)  # of the daemon's log, of all its lives
    _reader: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Of the API."""
        return f"http://127.0.0.1:{self.port}"

    def add_smpp(self, name: str, **more: Any) -> None:
        """A provider at the simulated SMSC."""
        smpp = {"host": "127.0.0.1", "port": self.smsc.port, "system_id": "callward", "password": "pw"}
        self.plan["providers"][name] = {"channel": "sms", "smpp": smpp, "senders": [{"id": "Callward"}], **more}

    def add_mail(self, name: str, **more: Any) -> None:
        """A provider at the simulated mail server."""
        smtp = {"host": "127.0.0.1", "port": self.mail.port, "from": "codes@example.com", "security": "off"}
        self.plan["providers"][name] = {"channel": "email", "smtp": smtp, **more}

    def write(self) -> Path:
        """The dialplan as it is to be now."""
        path = self.folder / "plan.yaml"
        path.write_text(yaml.safe_dump(self.plan, sort_keys=False))
        return path

    async def start(self) -> None:
        """Start the daemon, and wait until its API answers."""
        await self.launch()
        await self.until_ready()

    async def launch(self) -> None:
        """Start the daemon."""
        program = ["controller.cli"] if self.clock is None else ["tests.broker.clocked", str(self.clock.path)]
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *program, "run", str(self.write()), "--role", self.role,
            "--state-dir", str(self.folder / "state"), stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._reader = asyncio.get_running_loop().create_task(self._read(self.process))

    async def until_ready(self) -> None:
        """Wait until the API answers."""
        async with asyncio.timeout(60), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"{self.url}/healthz") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    assert self.process is not None
                    assert self.process.returncode is None, self.lines
                await asyncio.sleep(0.02)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            try:
                self.lines.append(json.loads(line))
            except ValueError:
                self.lines.append({"event": "text", "text": line.decode()})

    async def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End the daemon."""
        assert self.process is not None
        with suppress(ProcessLookupError):
            self.process.send_signal(number)
        await self.process.wait()
        assert self._reader is not None
        await self._reader

    def faults(self) -> list[dict[str, Any]]:
        """What the daemon said that it should not have to say."""
        return [line for line in self.lines if line["event"] == "fault" or "Traceback" in line.get("text", "")]


@dataclass
class Client:
    """Whoever asks: patient, with an idempotency key for each request."""

    url: str
    session: aiohttp.ClientSession
    turned_away: int = 0  # so often was it told to come again

    async def ask(self, method: str, path: str, body: Any = None, key: str = "") -> tuple[int, Any]:
        """One request; raises what aiohttp raises."""
        headers = {"authorization": f"Bearer {TOKEN}"} | ({"idempotency-key": key} if key else {})
        async with self.session.request(method, self.url + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def send(self, key: str, **body: Any) -> str:
        """Ask until it is accepted, whatever happens to the daemon; the id."""
        body = {"to": {"phone": PHONE}, "template": "otp", "params": {"code": "123456"}, "cascade": "otp", **body}
        while True:
            try:
                status, answer = await self.ask("POST", "/v1/cascades", body, key)
            except (aiohttp.ClientError, ConnectionError, TimeoutError):
                status, answer = 0, None
            if status == 202:
                return str(answer["id"])
            assert status in {0, 503}, answer
            self.turned_away += status == 503
            await asyncio.sleep(0.02)

    async def over(self, ids: Iterable[str], patience: float = 60.0) -> dict[str, dict[str, Any]]:
        """Wait until all are over; as the API shows them then."""
        left, done = list(ids), {}
        async with asyncio.timeout(patience):
            while left:
                for one in list(left):
                    status, shown = await self.ask("GET", f"/v1/cascades/{one}")
                    assert status == 200, f"{one} was accepted and is lost"
                    if shown["status"] in FINAL:
                        done[one] = shown
                        left.remove(one)
                await asyncio.sleep(0.05)
        return done


def base_plan(port: int, store: str = "") -> dict[str, Any]:
    """A dialplan with calls, and all of messages but providers and cascades."""
    messages: dict[str, Any] = {
        "listen": f"127.0.0.1:{port}",
        "public": f"http://127.0.0.1:{port}",
        "lease": "2s",
        "tokens": [{"name": "app", "sha256": hashlib.sha256(TOKEN.encode()).hexdigest(), "tenant": "acme"}],
    }
    if store:
        messages["store"] = store
    return {
        "version": 1,
        "listen": [{"udp": "127.0.0.1:0"}],
        "trunks": {"a": {"uri": "sip:127.0.0.1:9"}, "b": {"uri": "sip:127.0.0.1:10"}},
        "endpoints": {"desk": {"user": "100", "via": ["a", "b"], "live": True}},
        "chains": {"main": [{"ring": ["desk"]}]},
        "routes": [{"did": "+15557000", "chain": "main"}],
        "templates": {"otp": {"text": "Your code is {code}", "subject": "Your code"}},
        "messages": messages,
    }


@asynccontextmanager
async def stage(folder: Path, port: int, channels: dict[str, str], store: str = "") -> AsyncIterator[Stage]:
    """Providers that answer, a dialplan with those; the daemon is not started. ``channels`` by names of accounts."""
    journal = Journal()
    failures: list[BaseException] = []
    hook = f"http://127.0.0.1:{port}/hooks"
    accounts = [
        Account(name, "generic", channel, secret=SECRET, hook=f"{hook}/{name}") for name, channel in channels.items()
    ]
    http = HttpSimulator(accounts, journal=journal, on_failure=failures.append)
    await http.start()
    smsc = Smsc(journal=journal)
    await smsc.start()
    mail = MailServer(journal=journal)
    await mail.start()
    plan = base_plan(port, store)
    plan["providers"] = {name: provider(channel, http.url, name) for name, channel in channels.items()}
    made = Stage(folder, port, http, smsc, mail, journal, plan)
    try:
        yield made
    finally:
        if made.process is not None and made.process.returncode is None:
            await made.kill()
        await mail.close()
        await smsc.close()
        await http.close()
    assert failures == []


@asynccontextmanager
async def client(url: str) -> AsyncIterator[Client]:
    """Somebody who asks."""
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=64)) as session:
        yield Client(url, session)


def run(
    folder: Path,
    port: int,
    channels: dict[str, str],
    act: Callable[[Stage, Client], Awaitable[None]],
    prepare: Callable[[Stage], None],
) -> Stage:
    """Play one scene on a stage of its own; the daemon ends well, and had nothing to complain of."""
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


def pick_port() -> int:
    """A TCP port that is free on loopback, for whoever has no fixture."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def memory_of(pid: int) -> set[str]:
    """Which shared objects a process has loaded."""
    return {
        line.rsplit("/", 1)[-1].strip() for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if "/" in line
    }


def children_of(pid: int) -> list[int]:
    """The processes that one has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    """Whether it runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
