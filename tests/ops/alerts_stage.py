"""Whoever is told of alerts: servers on loopback that answer as PagerDuty, Slack and others do, a mail server, a real
Alertmanager; and fifty trunks on one socket.

Owns the scene. The shapes of answers are those of the public documentation of each.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiosmtpd.smtp import SMTP

from controller.demo.boxes import Box
from controller.demo.daemon import Daemon, Line
from sip.route import Hop
from tests.ports import open_both

PATIENCE = 60.0  # seconds

#: PagerDuty: developer.pagerduty.com, Events API v2. Slack: docs.slack.dev, incoming webhooks.
PAGERDUTY_OK = (202, {"status": "success", "message": "Event processed", "dedup_key": "callward-x"}, {})
PAGERDUTY_BUSY = (
    429,
    {"message": "Requests for this service are arriving too quickly.", "status": "throttle exceeded"},
    {"Retry-After": "1"},
)
PAGERDUTY_INVALID = (
    400,
    {"status": "invalid event", "message": "Event object is invalid", "errors": ["'routing_key' is missing or blank"]},
    {},
)
SLACK_OK, SLACK_BROKEN, SLACK_NO_SERVICE = (200, "ok", {}), (500, "rollup_error", {}), (404, "no_service", {})

Reply = tuple[int, Any, Mapping[str, str]]


@dataclass
class Heard:
    """One request."""

    path: str
    body: Any
    text: str
    headers: Mapping[str, str]
    at: float


class People:
    """Everybody who is told, behind one HTTP server and one mail server."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.mails: list[Message] = []
        self.replies: dict[str, deque[Reply]] = {}  # by path: what is answered first
        self.usual: dict[str, Reply] = {"/pd/v2/enqueue": PAGERDUTY_OK, "/slack": SLACK_OK}
        self.changed = asyncio.Event()
        self.url = ""
        self.mail_port = 0
        self.mail_says = "250 OK"
        self.unknown: set[str] = set()  # recipients that the mail server does not know

    def at(self, path: str) -> list[Heard]:
        """What came to one path."""
        return [each for each in self.heard if each.path.startswith(path)]

    def actions(self) -> list[str]:
        """What PagerDuty took, in order: a 202 is that."""
        return [each.body["event_action"] for each in self.at("/pd") if each.headers["taken"]]

    async def until(self, holds: Callable[[], Any]) -> None:
        """Wait for somebody to hear something."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    async def answer(self, request: web.Request) -> web.Response:
        """As the script says."""
        text = await request.text()
        waiting = self.replies.get(request.path)
        status, body, headers = waiting.popleft() if waiting else self.usual.get(request.path, (200, {}, {}))
        taken = {"taken": "yes" if status < 300 else ""}
        at = asyncio.get_running_loop().time()
        self.heard.append(Heard(request.path, json.loads(text), text, {**request.headers, **taken}, at))
        self.changed.set()
        if isinstance(body, str):
            return web.Response(status=status, text=body, headers=headers)
        return web.json_response(body, status=status, headers=headers)

    async def handle_RCPT(  # noqa: N802  # the same
        self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if address in self.unknown:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        self.changed.set()
        return self.mail_says


@asynccontextmanager
async def people() -> AsyncIterator[People]:
    """All of them, listening."""
    here = People()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", here.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    here.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    loop = asyncio.get_running_loop()
    mail = await loop.create_server(lambda: SMTP(here, hostname="mail.test", loop=loop), "127.0.0.1", 0)
    here.mail_port = mail.sockets[0].getsockname()[1]
    try:
        yield here
    finally:
        mail.close()
        await runner.cleanup()


@dataclass
class Alertmanager:
    """Debian's."""

    url: str

    async def alerts(self) -> list[dict[str, Any]]:
        """What it has that is firing."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/api/v2/alerts") as answer:
            found: list[dict[str, Any]] = await answer.json()
            return found

    async def groups(self) -> list[dict[str, Any]]:
        """The same as it groups them."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/api/v2/alerts/groups") as answer:
            found: list[dict[str, Any]] = await answer.json()
            return found

    async def until(self, holds: Callable[[list[dict[str, Any]]], Any]) -> list[dict[str, Any]]:
        """Ask until it holds."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self.alerts()
                if holds(found):
                    return found
                await asyncio.sleep(0.05)


@contextmanager
def alertmanager(folder: Path, receiver: str) -> Iterator[Alertmanager]:
    """A real one, which tells ``receiver`` what it groups: by incident."""
    config = folder / "alertmanager.yml"
    config.write_text(
        f"route: {{receiver: r, group_by: [incident], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h}}\n"
        f"receivers: [{{name: r, webhook_configs: [{{url: '{receiver}/am', send_resolved: true}}]}}]\n"
    )
    udp, tcp = open_both()
    port = tcp.getsockname()[1]
    udp.close()
    tcp.close()
    process = subprocess.Popen(
        [
            "prometheus-alertmanager",
            f"--config.file={config}",
            f"--storage.path={folder / 'am'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Alertmanager(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()


def dialplan(listen: int, trunks: int, socket: int, pbx: int, alerts: str) -> str:
    """So many trunks of one carrier on one socket, and a PBX elsewhere."""
    lines = "".join(
        f'  bulk-{index}: {{uri: "sip:127.0.0.1:{socket}", carrier: bulk, probe: fast}}\n' for index in range(trunks)
    )
    vias = ", ".join(f"bulk-{index}" for index in range(trunks))
    return f"""\
version: 1
listen: [{{udp: "127.0.0.1:{listen}"}}]
probes: {{fast: {{every: 250ms, burst: 50ms}}}}
trunks:
  hq-pbx: {{uri: "sip:127.0.0.1:{pbx}"}}
{lines}endpoints:
  desk: {{user: "100", via: [hq-pbx]}}
  answering: {{number: "+15550199", via: [{vias}], live: true}}
chains:
  sales: [{{ring: [desk], for: 10s}}, {{ring: [answering], for: 10s}}]
routes: [{{did: "*", chain: sales}}]
{alerts}"""


@dataclass
class Bulk:
    """`callward run` between a PBX and many trunks on one socket."""

    box: Box
    daemon: Daemon
    state_dir: Path
    lines: list[Line] = field(default_factory=list)

    def of(self, event: str) -> list[Line]:
        """Lines of the log about one thing."""
        return [line for line in self.lines if line.get("event") == event]

    async def until(self, holds: Callable[[], Any]) -> None:
        """Wait for a line of the log."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self.daemon.check()
                await asyncio.sleep(0.02)


@asynccontextmanager
async def bulk(folder: Path, alerts: str, trunks: int = 50) -> AsyncIterator[Bulk]:
    """All of it up, every trunk known to live."""
    pairs = [open_both() for _ in range(3)]
    listen, socket, pbx = (tcp.getsockname()[1] for _, tcp in pairs)
    for pair in pairs:
        for each in pair:
            each.close()
    file = folder / "bulk.yaml"
    file.write_text(dialplan(listen, trunks, socket, pbx, alerts), encoding="utf-8")
    state_dir = folder / "state"
    state_dir.mkdir(exist_ok=True)
    lines: list[Line] = []
    daemon = Daemon(lines.append)
    box, other = Box("bulk", Hop("127.0.0.1", socket), lambda: None), Box("pbx", Hop("127.0.0.1", pbx), lambda: None)
    here = Bulk(box, daemon, state_dir, lines)
    try:
        await daemon.start(file, state_dir)

        def is_ready() -> bool:
            up = {line["trunk"] for line in here.of("trunk") if line.get("new") == "up"}
            return len(up) > trunks and any(line.get("role") == "ops" for line in here.of("ready"))

        await here.until(is_ready)
        yield here
    finally:
        await daemon.stop()
        box.close()
        other.close()
