"""What somebody tries who means no good: other tenants' things, places that others need, requests that two may read in two ways."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest

from controller.api import events, shell
from controller.api.heads import PatientProtocol
from controller.privacy import BlindIndex, Keyring
from tests.api.harness import ACME, OTHER, Api, asked, running

NUMBER = "+14155550123"


async def connect(api: Api) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = api.url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


# --------------------------------------------------------------------------- other tenants


def test_nobody_learns_from_pages_whether_an_id_is_another_tenants() -> None:
    async def main() -> None:
        async with running() as api:
            await api.send()
            _, theirs, _ = await api.send(OTHER)
            for before in (theirs["id"], "0" * 26):
                _, page, _ = await api.call("GET", f"/v1/cascades?before={before}")
                assert page == {"cascades": [], "next": None}

    asyncio.run(main())


def test_one_tenant_with_too_many_streams_leaves_the_others_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_OF_ONE", 2)

    async def main() -> None:
        async with running() as api:
            _, mine, _ = await api.send()
            _, theirs, _ = await api.send(OTHER)
            head = {"Authorization": f"Bearer {ACME}"}
            url = f"{api.url}/v1/cascades/{mine['id']}/events"
            async with api.client.get(url, headers=head) as one, api.client.get(url, headers=head) as two:
                assert (await one.content.readline(), await two.content.readline()) == (b"retry: 1000\n",) * 2
                status, problem, headers = await api.call("GET", f"/v1/cascades/{mine['id']}/events")
                assert (status, problem["code"], headers["Retry-After"]) == (503, "busy", "10")
                head = {"Authorization": f"Bearer {OTHER}"}
                async with api.client.get(f"{api.url}/v1/cascades/{theirs['id']}/events", headers=head) as other:
                    assert other.status == 200
            async with asyncio.timeout(10):
                while api.service.announcer.streams:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            async with api.client.get(url, headers={"Authorization": f"Bearer {ACME}"}) as again:
                assert again.status == 200

    asyncio.run(main())


# --------------------------------------------------------------------------- places


def test_who_follows_a_stream_and_reads_nothing_loses_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event is larger than what the system keeps for both ends."""
    monkeypatch.setattr(shell, "STREAM_PATIENCE", 0.2)
    monkeypatch.setattr(events, "write_event", lambda row: b"id: %d\ndata: %s\n\n" % (row.seq, b"x" * 40_000_000))

    async def main() -> None:
        async with running() as api:
            _, receipt, _ = await api.send()
            reader, writer = await connect(api)
            path = f"/v1/cascades/{receipt['id']}/events"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ACME}\r\n\r\n".encode())
            await reader.readline()
            assert api.service.announcer.streams == 1
            try:
                async with asyncio.timeout(10):
                    while api.service.announcer.streams:  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
            finally:
                writer.close()
            assert api.faults == []

    asyncio.run(main())


def test_strangers_whose_bodies_never_come_take_no_tenants_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """A webhook's body is read before it is known whose it is."""
    monkeypatch.setattr(shell, "AT_ONCE_OPEN", 5)
    monkeypatch.setattr(shell, "AT_ONCE", 5)

    async def main() -> None:
        async with running() as api:
            api.hands.adapters["sms-1"] = object()  # type: ignore[assignment]
            drips = [await connect(api) for _ in range(20)]
            for _, writer in drips:
                writer.write(b"POST /hooks/sms-1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{")
            async with asyncio.timeout(10):
                while api.shell.open_under_way < 5:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert (await api.send())[0] == 202
            assert (await api.call("GET", "/healthz", token=None))[0] == 503
            for _, writer in drips:
                writer.close()

    asyncio.run(main())


def test_who_was_answered_and_sends_on_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PatientProtocol, "patience", 0.3)

    async def main() -> None:
        async with running() as api:
            reader, writer = await connect(api)
            writer.write(b"POST /v1/cascades HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{")
            assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
            with suppress(ConnectionError):
                async with asyncio.timeout(10):
                    while not reader.at_eof():
                        writer.write(b"x")
                        await writer.drain()
                        with suppress(TimeoutError):
                            async with asyncio.timeout(0.02):
                                await reader.read(1000)
            writer.close()
            whole = b'{"a": 1}'  # one that ends is heard out, and the connection is used again
            reader, writer = await connect(api)
            for _ in range(2):
                writer.write(b"POST /v1/cascades HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(whole))
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length"))
                await reader.readexactly(int(length.split(b":")[1]))
                writer.write(whole)
            await asyncio.sleep(0.4)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
            writer.close()

    asyncio.run(main())


# --------------------------------------------------------------------------- two ways to read it


def test_two_tokens_are_none() -> None:
    """Whatever stands before us may have looked at the other."""

    async def main() -> None:
        async with running() as api:
            for tokens in ((ACME, OTHER), ("nonsense", ACME), (ACME, "nonsense")):
                reader, writer = await connect(api)
                lines = "".join(f"Authorization: Bearer {token}\r\n" for token in tokens)
                writer.write(f"GET /v1/cascades HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
                assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
                writer.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length : 5\r\n",
        b"X-Folded: a\r\n b\r\n",
    ],
)
def test_what_two_may_read_in_two_ways_is_read_by_nobody(head: bytes) -> None:
    async def main() -> None:
        async with running() as api:
            reader, writer = await connect(api)
            writer.write(b"POST /v1/cascades HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n" % ACME.encode())
            writer.write(head + b"\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            answers = await reader.read()  # until it is closed
            assert answers.startswith(b"HTTP/1.1 400 ")
            assert answers.count(b"HTTP/1.1 ") == 1
            writer.close()
            assert await api.ids() == []

    asyncio.run(main())


def test_a_method_that_is_wrong_hears_of_all_that_are_right() -> None:
    async def main() -> None:
        async with running() as api:
            for path, allowed in (("/v1/cascades", "GET, POST"), ("/hooks/sms-1", "GET, POST"), ("/v1/stats", "GET")):
                status, _, headers = await api.call("PUT", path)
                assert (status, headers["Allow"]) == (405, allowed)

    asyncio.run(main())


# --------------------------------------------------------------------------- what is kept or repeated


@pytest.mark.parametrize(
    "body",
    [
        {**asked(), NUMBER: 1},
        {**asked(), "params": {f"anna {NUMBER}": "x"}},
        {**asked(), "to": {"phone": NUMBER, "anna@example.com": True}},
        {**asked(), "use_case": NUMBER[1:]},
    ],
)
def test_errors_repeat_no_number_that_stands_where_a_word_should(body: dict[str, Any]) -> None:
    async def main() -> None:
        async with running() as api:
            status, problem, _ = await api.call("POST", "/v1/cascades", body)
            assert status == 422
            assert NUMBER[1:] not in json.dumps(problem)
            assert "anna" not in json.dumps(problem)
            _, problem, _ = await api.call("POST", "/v1/cascades", {**asked(), "windw_s": 1})
            assert problem["errors"][0]["pointer"] == "#/windw_s"

    asyncio.run(main())


def test_an_idempotency_key_with_a_number_in_it_is_not_kept() -> None:
    async def main() -> None:
        async with running() as api:
            key = f"otp-{NUMBER}"
            _, first, _ = await api.send(key=key)
            assert (await api.send(key=key))[1] == first
            assert await api.store.seen("acme", key) is None
            index = BlindIndex(Keyring({"1": bytes(range(32))}, "1", bytes(32)))
            assert await api.store.seen("acme", index.digest(b"key:" + key.encode())) is not None

    asyncio.run(main())
