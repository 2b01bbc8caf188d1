"""Live events over HTTP: everything once and in order, from wherever the client was, until it is over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from controller.types.cascades import SendAccepted, SendRefused
from tests.api.harness import ACME, Api, running


async def read(api: Api, cascade_id: str, **headers: str) -> AsyncIterator[tuple[str, str, Any]]:
    """Events of a stream: id, kind, data."""
    sent = {"Authorization": f"Bearer {ACME}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with api.client.get(f"{api.url}/v1/cascades/{cascade_id}/events", headers=sent) as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in response.content:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif "event" in fields:
                yield fields.get("id", ""), fields["event"], json.loads(fields["data"])
                fields = {}
            else:
                fields = {}


def test_what_was_and_what_happens_comes_once_until_it_is_over() -> None:
    async def main() -> None:
        async with running() as api:
            _, receipt, _ = await api.send()
            found: list[tuple[str, str, Any]] = []
            async for event in read(api, receipt["id"]):
                found.append(event)
                if len(found) == 2:  # what was is read; the rest happens while it is followed
                    await api.hands.apply(receipt["id"], SendAccepted(1, "SM1"))
                    await api.call("POST", f"/v1/cascades/{receipt['id']}/feedback", {"outcome": "verified"})
            kinds = [kind for _, kind, _ in found]
            assert kinds[0] == "begun"
            assert kinds[-1] == "end"
            assert found[-1][2] == {"status": "completed"}
            seqs = [int(seq) for seq, kind, _ in found if kind != "end"]
            assert seqs == sorted(set(seqs))
            assert seqs == [row.seq for row in await api.store.history(receipt["id"])]
            assert api.service.announcer.streams == 0

    asyncio.run(main())


def test_who_comes_back_misses_nothing_and_gets_nothing_twice() -> None:
    async def main() -> None:
        async with running() as api:
            _, receipt, _ = await api.send()
            first = [event async for event in _some(read(api, receipt["id"]), 1)]
            await api.hands.apply(receipt["id"], SendRefused(1, "rejected"))
            await api.call("POST", f"/v1/cascades/{receipt['id']}/cancel")
            rest = [event async for event in read(api, receipt["id"], Last_Event_ID=first[-1][0])]
            seqs = [int(seq) for seq, kind, _ in (*first, *rest) if kind != "end"]
            assert seqs == [row.seq for row in await api.store.history(receipt["id"])]

    asyncio.run(main())


async def _some(events: AsyncIterator[Any], count: int) -> AsyncIterator[Any]:
    async for event in events:
        yield event
        count -= 1
        if not count:
            return


def test_streams_outlive_the_patience_with_requests_and_end_with_the_server() -> None:
    async def main() -> None:
        async with running(patience=0.5) as api:
            _, receipt, _ = await api.send()
            events = read(api, receipt["id"])
            seen = [await anext(events)]
            async for event in events:
                seen.append(event)
                if len(seen) == len(await api.store.history(receipt["id"])):
                    asyncio.get_running_loop().call_later(1.0, api.service.announcer.close)
            assert seen[-1][1] != "end"
            assert api.faults == []
            assert not [each for each in api.seen if each.code]

    asyncio.run(main())


def test_a_body_that_never_comes_is_not_awaited_for_ever() -> None:
    async def main() -> None:
        async with running(patience=0.05) as api:
            host, port = api.url.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(
                b"POST /v1/cascades HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Authorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{" % ACME.encode()
            )
            answer = await reader.read()  # until it is closed
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b'"code": "slow"' in answer
            writer.close()

    asyncio.run(main())


def test_streams_of_nobody() -> None:
    async def main() -> None:
        async with running() as api:
            status, _, _ = await api.call("GET", f"/v1/cascades/{'0' * 26}/events")
            assert status == 404
            _, receipt, _ = await api.send()
            status, problem, _ = await api.call(
                "GET", f"/v1/cascades/{receipt['id']}/events", Last_Event_ID="not-a-number"
            )
            assert (status, problem["errors"][0]["parameter"]) == (422, "last-event-id")

    asyncio.run(main())
