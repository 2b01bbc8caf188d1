from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import io
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web

from controller import clock
from controller.broker.callbacks import AT_ONCE, PAUSES, Callbacks
from controller.log import open_log
from controller.messages.reducer import reduce
from controller.signing import sign
from controller.store.base import Store
from controller.store.opening import open_store
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


#: Tenant, cascade, body, and how often it was tried before.
Row = tuple[str, str, str, int]


@dataclass
class Post:
    """What came of it."""

    heard: list[tuple[web.BaseRequest, str]]
    log: str
    counters: dict[str, int]
    again: list[int]  # how often those were tried that are to be tried again, after their pause and not before


def post(folder: Path, answer: int | None, *rows: Row) -> Post:
    """Post what is queued in a store to a tenant that answers so; None: it closes the connection."""
    heard: list[Any] = []
    log, writer = open_log(lines := io.StringIO())

    async def take(request: web.BaseRequest) -> web.Response:
        heard.append((request, await request.text()))
        if answer is None:
            assert request.transport is not None
            request.transport.close()
        return web.Response(status=answer or 200, headers={"location": "http://127.0.0.1:9/"})

    async def main() -> tuple[dict[str, int], list[int]]:
        runner = web.ServerRunner(web.Server(take))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        store = open_store("", folder, reduce)
        await store.open()
        now = clock.epoch()
        for tenant, cascade, body, tries in rows:
            await store.put_callback(tenant, cascade, body, now)
            for _ in range(tries):
                for number, *_ in await store.due_callbacks(now, 1):
                    await store.done_callback(number, again_at=now - 1)
        callbacks = Callbacks(store, {"acme": Client("acme", Callback(url, "key"))}, log, lambda e: pytest.fail(str(e)))
        supervisor = Supervisor(lambda error: pytest.fail(str(error)))
        supervisor.spawn(callbacks.keep(), "callbacks")
        async with asyncio.timeout(30):
            while True:
                if sum(callbacks.counters.values()) == len(rows):
                    break
                callbacks.wake()
                await asyncio.sleep(0.01)
        longest = max(tries for *_, tries in rows)
        pause = PAUSES[min(longest, len(PAUSES) - 1)]
        assert not await store.due_callbacks(now + pause - 1.0, 10)
        again = [tries for *_, tries in await store.due_callbacks(clock.epoch() + pause + 31.0, 10)]
        await supervisor.close()
        await store.close()
        await runner.cleanup()
        return callbacks.counters, again

    counters, again = asyncio.run(main())
    writer.close()
    return Post(heard, lines.getvalue(), counters, again)


def test_what_is_queued_is_posted_signed(tmp_path: Path) -> None:
    body = json.dumps({"type": "cascade.completed"})
    done = post(tmp_path, 204, ("acme", "c1", body, 0), ("acme", "c2", body, 3))
    assert done.again == []
    assert done.counters["heard"] == 2
    names = sorted(request.headers["webhook-id"] for request, _ in done.heard)
    assert [name.split(".")[0] for name in names] == ["c1", "c2"]
    request, text = done.heard[0]
    name, stamp = request.headers["webhook-id"], int(request.headers["webhook-timestamp"])
    assert text == body
    assert request.headers["webhook-signature"] == sign("key", name, stamp, text)


@pytest.mark.parametrize("answer", [500, 302, 404, None])
def test_what_is_not_heard_is_tried_again(tmp_path: Path, answer: int | None) -> None:
    done = post(tmp_path, answer, ("acme", "c1", "{}", 2))
    assert done.again == [3]
    assert len(done.heard) == 1  # nor is it followed elsewhere


def test_what_nobody_will_ever_hear_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    done = post(tmp_path / "a", 500, ("acme", "c1", "{}", len(PAUSES)), ("gone", "c2", "{}", 0))
    assert done.again == []
    assert "given up" in done.log
    assert (done.counters["given_up"], done.counters["nobody"]) == (1, 1)
    gone = post(tmp_path / "b", 410, ("acme", "c1", "{}", 0))
    assert gone.again == []
    assert gone.counters["given_up"] == 1


class Queue:
    """What is due of a few tenants, in the order in which it was put, without a store."""

    def __init__(self, rows: list[tuple[str, str]], faults: int = 0) -> None:
        self.rows = [(number, tenant, cascade, "{}", 0) for number, (tenant, cascade) in enumerate(rows, 1)]
        self.faults = faults

    async def due_callbacks(self, now: float, limit: int, but: Collection[str] = ()) -> list[Any]:
        if self.faults:
            self.faults -= 1
            raise RuntimeError("a row that nobody can read")
        taken = [row for row in self.rows if row[1] not in but][:limit]
        self.rows = [row for row in self.rows if row not in taken]
        return taken

    async def done_callback(self, number: int, *, again_at: float | None) -> None:
        pass


async def post_from(queue: Queue, hear: Any, faults: list[BaseException], until: Callable[[], bool]) -> None:
    """Post what the queue has to `hear`, whose path is the tenant, until it is enough."""
    runner = web.ServerRunner(web.Server(hear), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    clients = {name: Client(name, Callback(f"{base}/{name}", "key")) for _, name, *_ in queue.rows}
    log, writer = open_log(io.StringIO())
    callbacks = Callbacks(cast(Store, queue), clients, log, faults.append)
    supervisor = Supervisor(faults.append)
    supervisor.spawn(callbacks.keep(), "callbacks")
    async with asyncio.timeout(30):
        while not until():
            callbacks.wake()
            await asyncio.sleep(0.01)
    await supervisor.close()
    await runner.cleanup()
    writer.close()


def test_a_tenant_that_takes_its_time_holds_up_nobody_else() -> None:
    """It has a thousand before the first of the others, and answers none of them."""
    heard: list[str] = []
    stuck: list[str] = []

    async def main() -> None:
        forever = asyncio.Event()

        async def hear(request: web.BaseRequest) -> web.Response:
            if request.path == "/slow":
                stuck.append(request.path)
                await forever.wait()
            heard.append(request.path)
            return web.Response()

        queue = Queue([("slow", f"c{n}") for n in range(1000)] + [("quick", f"q{n}") for n in range(100)])
        await post_from(queue, hear, [], lambda: len(heard) == 100)

    asyncio.run(main())
    assert set(heard) == {"/quick"}
    assert len(stuck) < 2 * AT_ONCE


def test_a_fault_of_ours_ends_no_postman() -> None:
    heard: list[str] = []
    faults: list[BaseException] = []

    async def hear(request: web.BaseRequest) -> web.Response:
        heard.append(request.path)
        return web.Response()

    asyncio.run(post_from(Queue([("acme", "c1")], faults=2), hear, faults, lambda: bool(heard)))
    assert [type(fault) for fault in faults] == [RuntimeError, RuntimeError]


def test_cookies_of_one_tenant_are_brought_to_nobody() -> None:
    brought: list[str | None] = []

    async def hear(request: web.BaseRequest) -> web.Response:
        brought.append(request.headers.get("cookie"))
        return web.Response(headers={"set-cookie": "session=1; Path=/"})

    async def main() -> None:
        await post_from(Queue([("acme", f"c{n}") for n in range(40)]), hear, [], lambda: len(brought) == 40)

    asyncio.run(main())
    assert set(brought) == {None}
