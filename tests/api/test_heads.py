"""Connections on which no request begins are not kept, whatever they send instead of one."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import pytest

from controller.api.heads import MOST, PatientProtocol
from tests.api.harness import ACME, running


async def until_closed(reader: asyncio.StreamReader) -> None:
    """Read to the end of the connection, or to its reset."""
    with suppress(ConnectionResetError):
        while await reader.read(1000):
            pass


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /healthz HTTP/1.1\r\nHost: ", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /he"],
    ids=["nothing", "half a head", "half of the second"],
)
def test_a_head_that_never_ends_is_not_awaited(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PatientProtocol, "patience", 0.1)

    async def main() -> None:
        async with running() as api:
            host, port = api.url.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(sent)
            await until_closed(reader)
            writer.close()
            assert (await api.call("GET", "/healthz"))[0] == 200

    asyncio.run(main())


def test_a_head_without_end_is_cut_off() -> None:
    async def main() -> None:
        async with running() as api:
            host, port = api.url.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            fields = (b"X-%d: %s\r\n" % (number, b"a" * 100) for number in range(MOST // 100))
            writer.write(b"GET /healthz HTTP/1.1\r\n" + b"".join(fields))
            await until_closed(reader)
            writer.close()
            assert (await api.call("GET", "/healthz"))[0] == 200

    asyncio.run(main())


def test_a_connection_that_is_used_outlives_the_patience_with_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PatientProtocol, "patience", 0.05)

    async def main() -> None:
        async with running() as api:
            host, port = api.url.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            for _ in range(3):
                writer.write(
                    b"GET /v1/cascades HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n" % ACME.encode()
                )
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200")
                await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
                done = asyncio.Event()
                asyncio.get_running_loop().call_later(0.1, done.set)
                await done.wait()
            writer.close()

    asyncio.run(main())


def test_garbage_hears_so_in_the_form_of_all_problems() -> None:
    async def main() -> None:
        async with running() as api:
            host, port = api.url.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"INVITE sip:100@example.com SIP/2.0\r\n\r\n")
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json")
            assert json.loads(body)["code"] == "http"
            writer.close()

    asyncio.run(main())


def test_who_leaves_in_the_middle_of_a_body_is_no_fault_of_ours() -> None:
    async def main() -> None:
        async with running() as api:
            host, port = api.url.removeprefix("http://").split(":")
            for path in ("/v1/cascades", "/v1/opt-outs"):
                _, writer = await asyncio.open_connection(host, int(port))
                writer.write(
                    b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    b"Authorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{" % (path.encode(), ACME.encode())
                )
                await writer.drain()
                writer.close()
            async with asyncio.timeout(10):
                while len(api.seen) < 2:  # noqa: ASYNC110  # the server tells nobody when it notices
                    await asyncio.sleep(0.01)
            assert [seen.code for seen in api.seen] == ["gone", "gone"]
            assert api.faults == []

    asyncio.run(main())
