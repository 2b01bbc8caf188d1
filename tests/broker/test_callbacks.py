from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import io
import json
from typing import Any

import pytest
from aiohttp import web

from controller.broker.callbacks import PAUSES, Callbacks, sign
from controller.log import open_log
from controller.supervise import Supervisor
from controller.types.messages import Callback, Client


def test_signature_is_that_of_standard_webhooks() -> None:
    key = base64.b64encode(b"0123456789abcdef01234567").decode()
    expected = hmac.new(b"0123456789abcdef01234567", b'msg_1.1700000000.{"a":1}', hashlib.sha256).digest()
    assert sign(f"whsec_{key}", "msg_1", 1_700_000_000, '{"a":1}') == "v1," + base64.b64encode(expected).decode()
    assert sign("plain", "msg_1", 1, "") != sign("plain", "msg_2", 1, "")
    assert sign("whsec_not base64", "m", 1, "") == sign("whsec_not base64", "m", 1, "")  # taken as it is


def test_a_callback_is_tried_for_a_day() -> None:
    assert 20 * 3600 < sum(PAUSES) < 28 * 3600
    assert list(PAUSES) == sorted(PAUSES)


class Queue:
    """The part of a store that callbacks see."""

    def __init__(self, *rows: tuple[int, str, str, str, int]) -> None:
        self.rows = list(rows)
        self.done: dict[int, float | None] = {}
        self.wanted = len(rows)
        self.all_done = asyncio.Event()

    async def due_callbacks(self, _now: float, limit: int) -> list[tuple[int, str, str, str, int]]:
        rows, self.rows = self.rows[:limit], self.rows[limit:]
        return rows

    async def done_callback(self, number: int, *, again_at: float | None) -> None:
        self.done[number] = again_at
        if len(self.done) == self.wanted:
            self.all_done.set()


def post(queue: Queue, answer: int | None, **client: Any) -> tuple[list[web.BaseRequest], str]:
    """Post what is queued to a tenant that answers so; None: it closes the connection."""
    heard: list[Any] = []
    log, writer = open_log(lines := io.StringIO())

    async def take(request: web.BaseRequest) -> web.Response:
        heard.append((request, await request.text()))
        if answer is None:
            assert request.transport is not None
            request.transport.close()
        return web.Response(status=answer or 200, headers={"location": "http://127.0.0.1:9/"})

    async def main() -> None:
        runner = web.ServerRunner(web.Server(take))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        clients = {"acme": Client("acme", Callback(url, "key", **client))}
        callbacks = Callbacks(queue, clients, log, lambda error: pytest.fail(str(error)))  # type: ignore[arg-type]
        supervisor = Supervisor(lambda error: pytest.fail(str(error)))
        supervisor.spawn(callbacks.keep(), "callbacks")
        async with asyncio.timeout(30):
            await queue.all_done.wait()
        await supervisor.close()
        await runner.cleanup()

    asyncio.run(main())
    writer.close()
    return heard, lines.getvalue()


def test_what_is_queued_is_posted_signed() -> None:
    body = json.dumps({"type": "cascade.completed"})
    queue = Queue((7, "acme", "c1", body, 0), (8, "acme", "c2", body, 3))
    heard, _ = post(queue, 204)
    assert queue.done == {7: None, 8: None}
    assert sorted(request.headers["webhook-id"] for request, _ in heard) == ["c1.7", "c2.8"]
    request, text = heard[0]
    name, stamp = request.headers["webhook-id"], int(request.headers["webhook-timestamp"])
    assert text == body
    assert request.headers["webhook-signature"] == sign("key", name, stamp, text)


@pytest.mark.parametrize("answer", [500, 302, 404, None])
def test_what_is_not_heard_is_tried_again(answer: int | None) -> None:
    queue = Queue((7, "acme", "c1", "{}", 1))
    heard, _ = post(queue, answer)
    again = queue.done[7]
    assert again is not None
    assert again > 1.7e9
    assert len(heard) == 1  # nor is it followed elsewhere


def test_what_nobody_will_ever_hear_is_given_up() -> None:
    queue = Queue((7, "acme", "c1", "{}", len(PAUSES)), (8, "gone", "c2", "{}", 0))
    _, log = post(queue, 500)
    assert queue.done == {7: None, 8: None}
    assert "given up" in log
    gone = Queue((9, "acme", "c1", "{}", 0))
    post(gone, 410)
    assert gone.done == {9: None}
