"""The whole of it on loopback: the demo's testbed of simulated trunks and phones, `callward run` with its process for
operators, and somebody who asks the console.

Owns the scene. What the console is asked is the tests' business.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from controller.demo import DIALPLAN
from controller.demo.daemon import Line
from controller.demo.testbed import Testbed, open_testbed

VIEWER, OPERATOR = "token-of-a-viewer", "token-of-an-operator"
PATIENCE = 30.0  # seconds; all of it takes one or two


def digest(token: str) -> str:
    """As the dialplan has tokens."""
    return hashlib.sha256(token.encode()).hexdigest()


CONSOLE = f"""
console:
  listen: "127.0.0.1:0"
  tokens:
    - {{name: viewer, sha256: {digest(VIEWER)}}}
    - {{name: operator, sha256: {digest(OPERATOR)}, role: operator}}
"""


@dataclass
class Stage:
    """What a test plays with."""

    testbed: Testbed
    state_dir: Path
    session: aiohttp.ClientSession
    url: str = ""

    @property
    def lines(self) -> list[Line]:
        """The last of the daemon's log, of all its processes."""
        return list(self.testbed.lines)

    async def get(self, path: str, token: str = VIEWER) -> tuple[int, Any]:
        """Ask the console."""
        return await self.ask("GET", path, token=token)

    async def ask(self, method: str, path: str, body: Any = None, token: str = VIEWER) -> tuple[int, Any]:
        """One request: status, and JSON or text."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        async with self.session.request(method, self.url + path, json=body, headers=headers) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if "json" in answer.content_type else text

    async def until(self, path: str, holds: Callable[[Any], Any]) -> Any:
        """Ask until it holds; the last answer."""
        async with asyncio.timeout(PATIENCE):
            while True:
                status, found = await self.get(path)
                if status == 200 and holds(found):
                    return found
                await asyncio.sleep(0.02)

    async def call(self) -> str:
        """One call through the daemon, to its end; its Call-ID."""
        outcome = await self.testbed.call(lambda _: None, talk=0.0)
        return outcome.call.id

    def faults(self) -> list[Line]:
        """What the daemon said that it should not have to say."""
        return [line for line in self.lines if line.get("event") == "fault"]


def trunk(status: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """One trunk in the answer of /v1/status."""
    return next(each for each in status["calls"]["trunks"] if each["name"] == name)


#: The answering service of the demo, which answers at once, as an echo number does.
ECHO = "+15550199"


def with_echo(plan: str) -> str:
    """The demo's dialplan with a test number at the second carrier. By itself nobody calls it before 55 s have passed."""
    return plan.replace("carrier: b}", f'carrier: b, deep: {{number: "{ECHO}", every: 1h, within: 5s}}}}')


@asynccontextmanager
async def stage(folder: Path, more: str = CONSOLE, change: Callable[[str], str] = str) -> AsyncIterator[Stage]:
    """Everything up, the console too; ``more`` is what stands in the dialplan beside calls, ``change`` what else is another."""
    file = folder / "plan.yaml"
    file.write_text(change(DIALPLAN.read_text(encoding="utf-8") + more), encoding="utf-8")
    state_dir = folder / "state"
    state_dir.mkdir()
    async with open_testbed(file, state_dir, lambda *_: None) as testbed, aiohttp.ClientSession() as session:
        here = Stage(testbed, state_dir, session)
        async with asyncio.timeout(PATIENCE):
            while not here.url:
                for line in here.lines:
                    if line.get("event") == "ready" and line.get("role") == "ops":
                        here.url = f"http://{line['listen']}"
                await asyncio.sleep(0.01)
        yield here


def play(
    folder: Path, act: Callable[[Stage], Awaitable[None]], more: str = CONSOLE, change: Callable[[str], str] = str
) -> None:
    """One scene; nothing in it is a fault of ours."""

    async def main() -> None:
        async with stage(folder, more, change) as here:
            await act(here)
            assert not here.faults(), here.faults()

    asyncio.run(main())


def ops_of(pid: int) -> int:
    """The process for operators that a daemon has started."""
    for each in Path("/proc").glob("[0-9]*"):
        try:
            words = (each / "cmdline").read_bytes().split(b"\0")
            parent = int((each / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if parent == pid and b"ops" in words:
            return int(each.name)
    raise AssertionError("no such process")
