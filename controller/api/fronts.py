"""The processes in front, as the one that has the store keeps them: started, started again when they die, drained at the end.

Owns the socket that they share, and what comes over their links: requests for cascades, which the service takes, and all
others, which the API answers as if they had come to this process. A front that dies costs who was connected to it, and
nothing that was answered.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.types import Message

from controller import clock
from controller.api.link import (
    Adopt,
    Close,
    Counted,
    Drain,
    Failed,
    FromFront,
    Got,
    Link,
    Open,
    Part,
    Start,
    Take,
    Taken,
    Trouble,
    Up,
    Want,
    Wrote,
)
from controller.api.preparing import Prepared
from controller.api.problems import Problem
from controller.api.shell import Seen, Shell, place_of
from controller.api.taken import Accepted
from controller.api.tokens import Tokens
from controller.supervise import Supervisor
from controller.types.messages import ApiToken

#: Seconds until a front is started again: the first time, and twice as long each time up to the last.
FIRST_PAUSE, LAST_PAUSE = 0.1, 5.0
#: Whoever lived so long is not dying in a row.
LIVED_WELL = 30.0
#: More of them would wait for the one process behind them.
MOST = 4


def fronts_for(wanted: int | None) -> int:
    """How many there are to be: as written, else one for each processor but that of the process behind them."""
    if wanted is not None:
        return wanted
    return max(0, min(MOST, len(os.sched_getaffinity(0)) - 1))


class Fronts:
    """All of them, with what `ApiServer` offers."""

    def __init__(
        self,
        shell: Shell,
        take: Callable[[Prepared], Awaitable[Accepted]],
        sock: socket.socket,
        state_dir: Path,
        count: int,
        tokens: Iterable[ApiToken],
        *,
        on_request: Callable[[Seen], None] = lambda _: None,
        on_fault: Callable[[str], None] = lambda _: None,
        on_end: Callable[[float], None] = lambda _: None,
    ) -> None:
        """``sock`` is bound; ``on_end`` hears that one died, and in how many seconds it is started again."""
        self._shell = shell
        self._take = take
        self._sock = sock
        self._command = (sys.executable, "-P", "-m", "controller.api.front")
        self._state_dir = state_dir
        self._count = count
        self._tokens = tuple(tokens)
        self._on_request = on_request
        self._on_fault = on_fault
        self._on_end = on_end
        self._links: set[Link] = set()
        self._up = asyncio.Event()
        self._stopping = asyncio.Event()
        self._supervisor = Supervisor(lambda error: on_fault(place_of(error)))
        host, port = sock.getsockname()[:2]
        self.address: tuple[str, int] = (host, port)
        self.pids: set[int] = set()

    def adopt(self, tokens: Iterable[ApiToken]) -> None:
        """These may ask from now on."""
        self._tokens = tuple(tokens)
        self._shell.tokens = Tokens(self._tokens)
        for link in self._links:
            link.send(Adopt(0, self._tokens))

    async def serve(self) -> None:
        """Until `stop`: then no new requests are taken, and those under way are finished."""
        try:
            await asyncio.gather(*(self._keep() for _ in range(self._count)))
        finally:
            await self._supervisor.close()

    def stop(self) -> None:
        """Let `serve` come to its end."""
        self._stopping.set()
        for link in self._links:
            link.send(Drain(0))
        self._sock.close()

    async def started(self) -> None:
        """Wait until requests are taken."""
        await self._up.wait()

    # -- one of them

    async def _keep(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            begun = clock.monotonic()
            await self._run()
            if self._stopping.is_set():
                return
            pause = FIRST_PAUSE if clock.monotonic() - begun > LIVED_WELL else min(2 * pause, LAST_PAUSE)
            self._on_end(pause)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()

    async def _run(self) -> None:
        ours, theirs = socket.socketpair()
        behind = _Behind(self)
        with theirs:
            _, link = await asyncio.get_running_loop().create_connection(
                lambda: Link(FromFront, behind.hear, behind.end), sock=ours
            )
            behind.link = link
            self._links.add(link)
            try:
                await self._live(link, theirs)
            finally:
                self._links.discard(link)
                link.close()

    async def _live(self, link: Link, theirs: socket.socket) -> None:
        inherited = (self._sock.fileno(), theirs.fileno())
        process = await asyncio.create_subprocess_exec(
            *self._command,
            *map(str, inherited),
            str(self._state_dir),
            pass_fds=inherited,
            stdin=asyncio.subprocess.DEVNULL,
        )
        theirs.close()
        self.pids.add(process.pid)
        try:
            link.send(Adopt(0, self._tokens))
            if self._stopping.is_set():
                link.send(Drain(0))
            await process.wait()
        finally:
            self.pids.discard(process.pid)
            if process.returncode is None:
                process.kill()

    # -- what they bring

    def bring(self, behind: _Behind, message: Any) -> None:
        """A message of a front that begins something."""
        match message:
            case Take():
                self._supervisor.spawn(self._answer(behind.link, message), "request")
            case Open():
                passed = behind.passed[message.number] = _Passed(behind.link, message)
                self._supervisor.spawn(self._pass(behind, passed), "request")
            case Counted():
                seen = Seen(message.method, message.route, message.status, message.seconds, message.who, message.code)
                self._on_request(seen)
            case Failed(where=where):
                self._on_fault(where)
            case Up():
                self._up.set()
            case _:
                pass

    async def _answer(self, link: Link, asked: Take) -> None:
        number = asked.number
        try:
            done = await self._take(asked.prepared)
        except Problem as problem:
            link.send(_trouble(number, problem))
        except Exception as error:  # noqa: BLE001  # whatever it is, whoever asked hears no more of it than that
            self._on_fault(place_of(error))
            link.send(_trouble(number, Problem(500, "fault", "a bug in callward: its log has more")))
        else:
            link.send(Taken(number, done.cascade_id, done.answer, done.again))

    async def _pass(self, behind: _Behind, passed: _Passed) -> None:
        try:
            await self._shell(passed.scope, passed.receive, passed.send)
        finally:
            behind.passed.pop(passed.number, None)
            passed.close()


class _Behind:
    """This end of the link to one front."""

    def __init__(self, fronts: Fronts) -> None:
        self.link: Link
        self._fronts = fronts
        self.passed: dict[int, _Passed] = {}

    def hear(self, message: Any) -> None:
        if isinstance(message, Got | Wrote):
            if (passed := self.passed.get(message.number)) is not None:
                passed.hear(message)
        else:
            self._fronts.bring(self, message)

    def end(self) -> None:
        """It has gone, and with it everybody who was connected there."""
        for passed in self.passed.values():
            passed.hear(Got(passed.number, b"", more=False, gone=True))
            passed.hear(Wrote(passed.number))


class _Passed:
    """One request that a front hands on: ASGI over the link."""

    def __init__(self, link: Link, opened: Open) -> None:
        self.number = opened.number
        self._link = link
        self._first: Open | None = opened
        self._got: asyncio.Future[Got] | None = None
        self._wrote: asyncio.Future[None] | None = None
        self._gone = False
        self._head: Message | None = None
        self._done = False
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": opened.http_version,
            "method": opened.method,
            "scheme": "http",
            "path": opened.path,
            "raw_path": opened.raw_path,
            "root_path": "",
            "query_string": opened.query,
            "headers": opened.headers,
            "client": opened.client,
            "server": None,
            "state": {},
        }

    def hear(self, message: Got | Wrote) -> None:
        if isinstance(message, Wrote):
            if self._wrote is not None and not self._wrote.done():
                self._wrote.set_result(None)
            return
        self._gone = self._gone or message.gone
        if self._got is not None and not self._got.done():
            self._got.set_result(message)

    async def receive(self) -> Message:
        if (first := self._first) is not None:
            self._first = None
            return {"type": "http.request", "body": first.body, "more_body": first.more}
        if self._gone:
            return {"type": "http.disconnect"}
        if self._got is None:
            self._got = asyncio.get_running_loop().create_future()
            self._link.send(Want(self.number))
        got = await asyncio.shield(self._got)
        self._got = None
        if got.gone:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": got.body, "more_body": got.more}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = message
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if more:
            self._wrote = asyncio.get_running_loop().create_future()
        if (head := self._head) is not None:
            self._head = None
            headers = [(bytes(name), bytes(value)) for name, value in head["headers"]]
            self._link.send(Start(self.number, head["status"], headers, body, more))
        else:
            self._link.send(Part(self.number, body, more))
        self._done = not more
        if self._wrote is not None and more and not self._gone:
            await self._wrote

    def close(self) -> None:
        """It is over. If it was not answered whole, whoever asked is hung up on."""
        if not self._done:
            self._link.send(Close(self.number))


def _trouble(number: int, problem: Problem) -> Trouble:
    errors = [dict(each) for each in problem.errors]
    return Trouble(number, problem.status, problem.code, problem.detail, errors, problem.headers, problem.cascade)
