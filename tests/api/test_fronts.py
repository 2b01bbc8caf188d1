"""A process in front: whoever asks sees no difference, and what was answered outlives it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from controller.api.fronts import Fronts
from controller.channels.base import News, Webhook, WebhookAnswer
from controller.store.base import Store
from controller.types.messages import ApiToken
from tests.api.harness import ACME, OTHER, READER, Api, TwoSteps, running
from tests.api.test_events import read


async def until(what: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for something that comes soon."""
    for _ in range(1500):
        found = what()
        if found if isinstance(found, bool) else await found:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came to that")


#: One front for several questions: each costs a second to start.
Ask = Callable[[Api], Awaitable[None]]


def ask(*questions: Ask) -> None:
    async def main() -> None:
        async with running(fronts=1) as api:
            for question in questions:
                await question(api)
            assert not api.faults

    asyncio.run(main())


def fronts(api: Api) -> Fronts:
    assert isinstance(api.server, Fronts)
    return api.server


async def same_key(api: Api) -> None:
    """Twice is once, also at once, and of the tenant alone; another body is refused."""
    answers = await asyncio.gather(*(api.send(key="k1") for _ in range(20)))
    assert {(status, data["id"]) for status, data, _ in answers} == {(202, answers[0][1]["id"])}
    assert sum("Idempotency-Replayed" not in headers for _, _, headers in answers) == 1
    status, problem, _ = await api.send(key="k1", params={"code": "1"})
    assert (status, problem["code"]) == (409, "key-reused")
    status, data, _ = await api.send(OTHER, key="k1")
    assert status == 202
    assert data["id"] != answers[0][1]["id"]


async def turned_away(api: Api) -> None:
    """What is wrong is said in the form of all problems, whichever process finds it, and counted once."""
    begun = 22  # of `same_key`, which are counted once they are answered
    await until(lambda: len(api.seen) == begun)
    cases = [
        await api.send(to={"phone": "+15550100"}),  # a front: nobody can have it
        await api.send(cascade="nothing"),  # behind it: the dialplan
        await api.send(template="nothing"),
        await api.send(READER),
        await api.call("POST", "/v1/cascades", {}, token="none"),
        await api.call("POST", "/v1/cascades", b"x" * 70_000),
        await api.call("GET", "/v1/nothing"),
        await api.call("GET", "/v1/cascades", token="none"),
    ]
    assert [status for status, _, _ in cases] == [422, 422, 422, 403, 401, 413, 404, 401]
    assert cases[0][1]["errors"][0]["pointer"] == "#/to/phone"
    assert cases[1][1]["errors"][0]["pointer"] == "#/cascade"
    assert cases[4][2]["WWW-Authenticate"].startswith("Bearer")
    await until(lambda: len(api.seen) == begun + len(cases))
    assert sorted(seen.status for seen in api.seen[begun:]) == sorted(status for status, _, _ in cases)


async def limits(api: Api) -> None:
    """They are counted where all fronts come together."""
    rules = replace(api.service.messaging, limits={"ip": (2, 3600.0)})
    api.service.adopt(rules, TwoSteps())
    answers = [await api.send(limit_keys={"ip": "192.0.2.7"}) for _ in range(3)]
    assert [status for status, _, _ in answers] == [202, 202, 429]
    assert int(answers[2][2]["Retry-After"]) > 0


async def store_lost(api: Api) -> None:
    """503 and when to come again; nothing was done."""
    before = len(await api.ids())
    api.store.lost = True
    status, problem, headers = await api.send()
    api.store.lost = False
    assert (status, problem["code"], headers["Retry-After"]) == (503, "store", "2")
    assert len(await api.ids()) == before


async def live_events(api: Api) -> None:
    """Live events come through, and a stream that nobody reads any more ends behind the front as well."""
    _, receipt, _ = await api.send()
    kinds = []
    async for _, kind, _ in read(api, receipt["id"]):
        kinds.append(kind)
        if len(kinds) == 2:
            await api.call("POST", f"/v1/cascades/{receipt['id']}/feedback", {"outcome": "verified"})
    assert kinds[-1] == "end"
    _, receipt, _ = await api.send()
    async with api.client.get(
        f"{api.url}/v1/cascades/{receipt['id']}/events", headers={"Authorization": f"Bearer {ACME}"}
    ):
        await until(lambda: api.service.announcer.streams == 1)
    await until(lambda: api.service.announcer.streams == 0)


class Listening:
    """A provider whose webhooks are of any size."""

    def __init__(self) -> None:
        self.got: list[Webhook] = []

    def receive(self, request: Webhook, now: float) -> WebhookAnswer:
        self.got.append(request)
        news: list[News] = []
        return WebhookAnswer(news, 200, hashlib.sha256(request.body).hexdigest().encode(), "text/plain")


async def webhooks(api: Api) -> None:
    """Bodies arrive whole, in as many pieces as they come; one that is too large does not."""
    adapter = api.hands.adapters["wa-1"] = Listening()  # type: ignore[assignment]
    for size in (0, 1, 70_000, 1_000_000):
        body = os.urandom(size)
        async with api.client.post(f"{api.url}/hooks/wa-1?a=%2B", data=_pieces(body)) as response:
            assert await response.text() == hashlib.sha256(body).hexdigest()
    assert adapter.got[0].url.endswith("/hooks/wa-1?a=%2B")
    assert adapter.got[0].peer == "127.0.0.1"
    async with api.client.post(f"{api.url}/hooks/wa-1", data=_pieces(bytes(1_100_000))) as response:
        assert response.status == 413
    assert len(adapter.got) == 4


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), 50_000):
        yield body[at : at + 50_000]


async def new_tokens(api: Api) -> None:
    """A reload reaches the front, in order: whoever is let in by the answer to the reload is let in there."""
    token = ApiToken("new", hashlib.sha256(b"new-token").hexdigest(), "acme")
    assert (await api.send("new-token"))[0] == 401
    fronts(api).adopt([token])
    await until(lambda: _is_let_in(api, "new-token"))
    assert (await api.send())[0] == 401


async def _is_let_in(api: Api, token: str) -> bool:
    return (await api.send(token))[0] == 202


def test_nobody_sees_a_difference() -> None:
    ask(same_key, turned_away, limits, store_lost, live_events, webhooks, new_tokens)


def test_what_was_answered_outlives_a_front_that_dies() -> None:
    async def main() -> None:
        async with running(fronts=1) as api:
            answered: set[str] = set()
            ended = asyncio.Event()

            async def ask_on(name: int) -> None:
                for number in range(10_000):
                    if ended.is_set():
                        return
                    while not ended.is_set():
                        try:
                            status, data, _ = await api.send(key=f"{name}-{number}")
                        except aiohttp.ClientError:
                            await asyncio.sleep(0.01)
                            continue
                        assert status == 202
                        answered.add(data["id"])
                        break

            askers = [asyncio.get_running_loop().create_task(ask_on(name)) for name in range(8)]
            for kill in range(2):
                await until(lambda: len(answered) >= 20 * (kill + 1))  # noqa: B023  # awaited here
                (pid,) = fronts(api).pids
                os.kill(pid, signal.SIGKILL)
                await until(lambda: fronts(api).pids not in ({pid}, set()))  # noqa: B023
                count = len(answered)
                await until(lambda: len(answered) > count)  # noqa: B023
            ended.set()
            await asyncio.gather(*askers)
            rows = [row[0] for row in await api.store.find("acme", limit=100_000)]
            assert answered <= {row.id for row in rows}
            keys = len({row.id for row in rows})
            assert keys - len(answered) <= 8  # those that nobody waited for at the end: each key is one cascade
            assert not api.faults

    asyncio.run(main())


class Held:
    """A store that keeps requests waiting until it is let go."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.waiting, self.free = 0, asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def accept(self, *given: Any) -> Any:
        self.waiting += 1
        await self.free.wait()
        return await self._store.accept(*given)


@pytest.mark.parametrize("signalled", [True, False])
def test_what_is_under_way_is_answered_when_it_ends(signalled: bool) -> None:
    """A service manager may tell all processes of the service at once: a front waits for the one behind it."""

    async def main() -> None:
        async with running(fronts=1) as api:
            held: Any = Held(api.store)
            api.service.store = held
            asked = [asyncio.get_running_loop().create_task(api.send(key=str(number))) for number in range(20)]
            await until(lambda: held.waiting == 20)
            (pid,) = fronts(api).pids
            if signalled:
                os.kill(pid, signal.SIGTERM)
            api.server.stop()
            held.free.set()
            answers = await asyncio.gather(*asked)
            assert [status for status, _, _ in answers] == [202] * 20
            assert {data["id"] for _, data, _ in answers} == set(await api.ids())
            await until(lambda: not fronts(api).pids)
            with pytest.raises(aiohttp.ClientError):
                await api.send()

    asyncio.run(main())
