"""A tenant hears of its cascades from a real daemon: signed, of each step, and again after it was deaf."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.broker.stage import PHONE, SECRET, Client, Stage, pick_port, run


def test_a_tenant_hears_each_step_of_its_cascade_signed_and_nobodys_number(tmp_path: Path, free_port: int) -> None:
    """It answers 500 to a callback's first try, which comes again under the same id."""
    heard: list[tuple[str, dict[str, Any]]] = []
    deaf: set[str] = set()
    port = pick_port()

    async def hear(request: web.Request) -> web.Response:
        body, name = await request.text(), request.headers["webhook-id"]
        signed = f"{name}.{request.headers['webhook-timestamp']}.{body}".encode()
        proof = hmac.digest(base64.b64decode(SECRET.removeprefix("whsec_")), signed, hashlib.sha256)
        assert request.headers["webhook-signature"] == "v1," + base64.b64encode(proof).decode()
        assert PHONE not in body
        if not deaf:
            deaf.add(name)
            return web.Response(status=500)
        heard.append((name, json.loads(body)))
        return web.Response()

    def prepare(here: Stage) -> None:
        callback = {"url": f"http://127.0.0.1:{port}/heard", "secret": SECRET, "transitions": True}
        here.plan["messages"]["clients"] = {"acme": {"callback": callback}}
        here.plan["cascades"] = {"otp": [{"send": "sms"}]}

    async def act(_: Stage, asker: Client) -> None:
        app = web.Application()
        app.router.add_post("/heard", hear)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        one = await asker.send("k1")
        await asker.over([one])
        async with asyncio.timeout(30):
            while len(heard) < 2 or not deaf <= {name for name, _ in heard}:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await runner.cleanup()
        assert len({name for name, _ in heard}) == len(heard)
        assert sorted(body["type"] for _, body in heard) == ["cascade.completed", "cascade.sent"]  # each once
        assert {body["data"]["id"] for _, body in heard} == {one}

    run(tmp_path, free_port, {"sms": "sms"}, act, prepare)
