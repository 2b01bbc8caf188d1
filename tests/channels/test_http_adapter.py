"""The adapter against servers that are no providers: what is certain, what is not, and nothing raised."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from controller.channels.base import Refused, Submission, Unclear
from controller.channels.http.adapter import MOST_BYTES, HttpAdapter
from controller.types import TRANSPORT_ERROR
from controller.types.messages import Channel
from tests.channels.hooks import message, nobody
from tests.channels.providers import ALL, settings

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@asynccontextmanager
async def served(talk: Talk, preset: str = "twilio") -> AsyncIterator[HttpAdapter]:
    """An adapter whose provider is this talk."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    channel = next(channel for name, channel in ALL if name == preset)
    adapter = HttpAdapter(settings(preset, channel, url=f"http://127.0.0.1:{port}", http={"timeout": "2s"}))
    await adapter.start(nobody)
    try:
        yield adapter
    finally:
        await adapter.close()
        server.close()
        await server.wait_closed()


def submit(said: bytes, preset: str = "twilio") -> Submission:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()

    async def play() -> Submission:
        async with served(talk, preset) as adapter:
            return await adapter.submit(message(Channel.SMS))

    return asyncio.run(play())


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"", Unclear(TRANSPORT_ERROR)),
        (b"garbage\r\n\r\n", Unclear(TRANSPORT_ERROR)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: nine\r\n\r\n", Unclear(TRANSPORT_ERROR)),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", Unclear(TRANSPORT_ERROR)),
        (HEAD + b"Content-Length: 100\r\n\r\n{", Unclear(TRANSPORT_ERROR)),
        (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", Unclear(TRANSPORT_ERROR)),
        (HEAD + b"X: " + b"a" * 100_000 + b"\r\n\r\n", Unclear(TRANSPORT_ERROR)),
        (HEAD + b"Content-Length: 2\r\n\r\n{}", Unclear("UNCLEAR")),
        (HEAD + b"Content-Length: 4\r\n\r\nnull", Unclear("UNCLEAR")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Unclear("UNCLEAR")),
        (b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n", Refused("301")),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", Refused("400")),  # a wrong URL says nothing of people
        (b"HTTP/1.1 400 Bad\r\nContent-Length: 50\r\n\r\n{", Refused("400")),  # a refusal need not be whole
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", Unclear("502")),
        (b"HTTP/1.1 503 No\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n", Refused("503", "", 5.0)),
        (
            b"HTTP/1.1 503 No\r\nRetry-After: 99999999999999999999\r\nContent-Length: 0\r\n\r\n",
            Refused("503", "", 86400.0),
        ),
        (b"HTTP/1.1 429 No\r\nRetry-After: tomorrow\r\nContent-Length: 0\r\n\r\n", Refused("429")),
        (b'HTTP/1.1 500 No\r\nContent-Length: 15\r\n\r\n{"code": 20429}', Refused("429", "20429")),
    ],
)
def test_answers_that_are_none(said: bytes, expected: Submission) -> None:
    assert submit(said) == expected


def test_a_body_without_end_is_left() -> None:
    sent = 0

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        while sent < 64 * MOST_BYTES:
            writer.write(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
            await writer.drain()
            sent += 0x8000

    async def play() -> None:
        async with served(talk) as adapter:
            assert await adapter.submit(message(Channel.SMS)) == Unclear("UNCLEAR")

    asyncio.run(play())
    assert sent < 64 * MOST_BYTES


def test_a_connection_that_is_never_made_sent_nothing() -> None:
    async def play() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
            address = listener.getsockname()
            waiting = []
            for _ in range(4):  # until nobody is let in any more
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex(address)
                waiting.append(client)
            made = settings("twilio", Channel.SMS, url=f"http://127.0.0.1:{address[1]}", http={"timeout": "400ms"})
            adapter = HttpAdapter(made)
            await adapter.start(nobody)
            assert await adapter.submit(message(Channel.SMS)) == Refused(TRANSPORT_ERROR)
            await adapter.close()
            for client in waiting:
                client.close()

    asyncio.run(play())


def test_whoever_closes_while_an_answer_is_awaited_gets_one() -> None:
    asked = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()

    async def play() -> None:
        async with served(talk) as adapter:
            sending = asyncio.gather(adapter.submit(message(Channel.SMS)))
            await asked.wait()
            await adapter.close()
            [answer] = await sending
            assert isinstance(answer, Unclear)

    asyncio.run(play())


def test_no_certificate_no_message() -> None:
    """TLS that is none: the server speaks something else."""

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    async def play() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        adapter = HttpAdapter(settings("twilio", Channel.SMS, url=f"https://127.0.0.1:{port}"))
        await adapter.start(nobody)
        assert await adapter.submit(message(Channel.SMS)) == Refused(TRANSPORT_ERROR)
        await adapter.close()
        server.close()
        await server.wait_closed()

    asyncio.run(play())


def test_letters_that_are_none_are_sent_as_such() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bodies.append(await reader.read(4096))
        writer.write(HEAD + b'Content-Length: 29\r\n\r\n{"sid":"a","status":"queued"}')

    async def play() -> None:
        async with served(talk) as adapter:
            answer = await adapter.submit(message(Channel.SMS, text="half \ud83d", params={"a": "\udc00"}))
            assert not isinstance(answer, Refused)

    bodies: list[bytes] = []
    asyncio.run(play())
    assert b"half+%3F" in bodies[0]
