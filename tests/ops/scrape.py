"""A daemon with calls and messages on loopback whose metrics somebody scrapes: simulated trunks, phones and a provider.

Owns that scene, made so that each metric has something to show. What is found there is the tests' business.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from controller.demo.boxes import Box
from controller.simulate.base import Journal
from controller.simulate.dialects import Account
from controller.simulate.http import HttpSimulator
from tests.broker.stage import FINAL, PHONE, SECRET, TOKEN, pick_port, provider
from tests.ops.stage import CONSOLE, PATIENCE, Stage, stage

#: Beside the demo's own, for all of whose ports on 127.0.0.1 others are taken where one of them is in use.
HOST = "127.0.0.2"
CASCADE = {"to": {"phone": PHONE}, "template": "otp", "params": {"code": "123456"}, "cascade": "otp"}


def messages_section(url: str, port: int) -> str:
    """One provider that answers, and a cascade that goes there; JSON is YAML."""
    sections = {
        "providers": {"wa-1": provider("whatsapp", url, "wa-1", cost=0.01)},
        "cascades": {"otp": {"window": "1m", "steps": [{"send": "whatsapp", "until": "delivered", "wait": "20s"}]}},
        "policies": [{"name": "base", "cascade": "otp"}],
        "templates": {"otp": {"text": "Your code is {code}", "subject": "Your code"}},
        "messages": {
            "listen": f"{HOST}:{port}",
            "public": f"http://{HOST}:{port}",
            "lease": "2s",
            "tokens": [{"name": "app", "sha256": hashlib.sha256(TOKEN.encode()).hexdigest(), "tenant": "acme"}],
        },
    }
    return "\n".join(f"{key}: {json.dumps(value)}" for key, value in sections.items())


@asynccontextmanager
async def scraped(folder: Path) -> AsyncIterator[Stage]:
    """All of it up; calls have been answered at once and by failover, and a cascade has arrived."""
    port = pick_port()
    failures: list[BaseException] = []
    hook = f"http://{HOST}:{port}/hooks/wa-1"
    account = Account("wa-1", "generic", "whatsapp", secret=SECRET, hook=hook)
    http = HttpSimulator([account], journal=Journal(), on_failure=failures.append)
    await http.start()
    try:
        async with stage(folder, CONSOLE + messages_section(http.url.replace("127.0.0.1", "localhost"), port)) as here:
            yield here
            assert not here.faults(), here.faults()
    finally:
        await http.close()
    assert failures == []


async def send(here: Stage) -> None:
    """One cascade, to its end."""
    found = await here.until("/v1/status", lambda found: found["messages"] and found["messages"]["listen"])
    url, headers = f"http://{found['messages']['listen']}/v1/cascades", {"authorization": f"Bearer {TOKEN}"}
    async with asyncio.timeout(PATIENCE):
        ident = ""
        while not ident:
            with suppress(aiohttp.ClientError):  # it says how it is before it takes requests
                async with here.session.post(url, json=CASCADE, headers=headers) as answer:
                    assert answer.status == 202, await answer.text()
                    ident = (await answer.json())["id"]
            await asyncio.sleep(0.05)
        while True:
            async with here.session.get(f"{url}/{ident}", headers=headers) as answer:
                shown = await answer.json()
            if shown["status"] == "completed":
                return
            assert shown["status"] not in FINAL, shown
            await asyncio.sleep(0.05)


async def fail_over(here: Stage) -> None:
    """A call while the desk's PBX is dead and nobody knows yet; then it lives again."""
    box: Box = here.testbed.boxes["hq-pbx"]
    box.silence()
    await here.call()


def play(folder: Path, act: Callable[[Stage], Awaitable[None]]) -> None:
    """One scene."""

    async def main() -> None:
        async with scraped(folder) as here:
            await act(here)

    asyncio.run(main())
