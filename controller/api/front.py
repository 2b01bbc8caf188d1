"""A process in front of the one that has the store: it has the HTTP connections, and prepares requests for cascades.

`python -m controller.api.front LISTENER LINK FOLDER`, as `fronts` starts it: two inherited sockets and the state folder. What
is no request for a cascade it hands on as it is. Owns nothing that may not be lost: whatever was answered is durable before,
in the other process, and when that one has gone this one ends at once.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from controller.api.accepting import PATH, acceptance
from controller.api.link import (
    Adopt,
    Close,
    Counted,
    Drain,
    Failed,
    Got,
    Link,
    Open,
    Part,
    Start,
    Take,
    Taken,
    ToFront,
    Trouble,
    Up,
    Want,
    Wrote,
)
from controller.api.preparing import Prepared, Preparer
from controller.api.problems import Problem
from controller.api.server import ApiServer
from controller.api.shell import PATIENCE, STREAM_PATIENCE, Seen, Shell
from controller.api.taken import Accepted
from controller.api.tokens import Tokens
from controller.messages.region import warm
from controller.privacy import BlindIndex, Cipher, load_keyring
from controller.process import raise_file_limit, run_quick, tune_garbage_collector
from controller.supervise import Supervisor, run_aside


class Front:
    """What a process in front knows of requests that are under way."""

    def __init__(self, preparer: Preparer) -> None:
        self.link: Link
        self._numbers = itertools.count(1)
        self._taking: dict[int, asyncio.Future[Accepted]] = {}
        self._passed: dict[int, asyncio.Queue[Want | Start | Part | Close]] = {}
        self._supervisor = Supervisor(lambda error: self._fail(type(error).__name__))
        self.adopted = asyncio.Event()
        self.drain = asyncio.Event()
        direct = {("POST", PATH): acceptance(preparer, self._take)}
        self.shell = Shell(self._pass, Tokens(()), self._count, self._fail, PATIENCE, direct, passes=True)

    def hear(self, message: Any) -> None:
        """Something from the process that has the store."""
        match message:
            case Taken(number=number, cascade_id=cascade_id, answer=answer, again=again):
                if (asked := self._taking.pop(number, None)) is not None and not asked.done():
                    asked.set_result(Accepted(cascade_id, answer, again))
            case Trouble(number=number):
                if (asked := self._taking.pop(number, None)) is not None and not asked.done():
                    asked.set_exception(_problem(message))
            case Adopt(tokens=tokens):
                self.shell.tokens = Tokens(tokens)
                self.adopted.set()
            case Drain():
                self.drain.set()
            case Want() | Start() | Part() | Close():
                if (queue := self._passed.get(message.number)) is not None:
                    queue.put_nowait(message)
            case _:
                pass

    # -- requests for cascades

    async def _take(self, prepared: Prepared) -> Accepted:
        number = next(self._numbers)
        asked: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        self._taking[number] = asked
        try:
            self.link.send(Take(number, prepared))
            return await asked
        finally:
            self._taking.pop(number, None)

    def _count(self, seen: Seen) -> None:
        self.link.send(Counted(0, seen.method, seen.route, seen.status, seen.seconds, seen.who, seen.code))

    def _fail(self, where: str) -> None:
        self.link.send(Failed(0, where))

    # -- all others

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        number = next(self._numbers)
        try:
            async with asyncio.timeout(PATIENCE):
                body, more = _body_of(await receive())
        except TimeoutError:
            raise Problem(408, "slow", "the request was not there in time", headers={"Connection": "close"}) from None
        queue = self._passed[number] = asyncio.Queue()
        self.link.send(_open(number, scope, body, more))
        try:
            while True:
                match await queue.get():
                    case Want():
                        self._supervisor.spawn(self._fetch(number, receive), "body")
                    case Start(status=status, headers=headers, body=body, more=more):
                        await send({"type": "http.response.start", "status": status, "headers": headers})
                        await self._write(number, send, body, more)
                        if not more:
                            return
                    case Part(body=body, more=more):
                        await self._write(number, send, body, more)
                        if not more:
                            return
                    case Close():
                        return  # uvicorn hangs up
        finally:
            del self._passed[number]

    async def _write(self, number: int, send: Send, body: bytes, more: bool) -> None:
        async with asyncio.timeout(STREAM_PATIENCE):  # whoever reads nothing holds a place for so long, and no longer
            await send({"type": "http.response.body", "body": body, "more_body": more})
        if more:
            self.link.send(Wrote(number))

    async def _fetch(self, number: int, receive: Receive) -> None:
        message = await receive()
        gone = message["type"] == "http.disconnect"
        body, more = (b"", False) if gone else _body_of(message)
        if number in self._passed:
            self.link.send(Got(number, body, more, gone))


def _body_of(message: Message) -> tuple[bytes, bool]:
    """Its bytes, and whether there are more; who has gone already has sent all that ever comes."""
    return bytes(message.get("body", b"")), bool(message.get("more_body", False))


def _open(number: int, scope: Scope, body: bytes, more: bool) -> Open:
    client = scope.get("client")
    return Open(
        number,
        scope["method"],
        scope["path"],
        scope["raw_path"],
        scope["query_string"],
        scope["headers"],
        tuple(client) if client else None,
        scope["http_version"],
        body,
        more,
    )


def _problem(said: Trouble) -> Problem:
    return Problem(said.status, said.code, said.detail, errors=said.errors, headers=said.headers, cascade=said.cascade)


async def serve(listener: socket.socket, wire: socket.socket, folder: Path) -> None:
    """Until the process that has the store says so, or has gone."""
    raise_file_limit()
    loop = asyncio.get_running_loop()
    for number in (
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGHUP,
    ):  # meant for all processes of a service: that one decides
        loop.add_signal_handler(number, lambda: None)
    keyring = load_keyring(folder)
    front = Front(Preparer(Cipher(keyring), BlindIndex(keyring)))
    _, front.link = await loop.create_connection(lambda: Link(ToFront, front.hear, _leave), sock=wire)
    await front.adopted.wait()
    reading = loop.create_task(run_aside(warm, "numbers"))
    server = ApiServer(front.shell, listener)
    serving = loop.create_task(server.serve())
    await server.started()
    front.link.send(Up(0))
    tune_garbage_collector()
    await front.drain.wait()
    server.stop()
    await serving
    await reading
    front.link.close()


def _leave() -> None:
    os._exit(0)  # nothing here may not be lost, and nobody is there to answer for us


if __name__ == "__main__":
    _listener, _wire = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
    run_quick(serve(_listener, _wire, Path(sys.argv[3])))
