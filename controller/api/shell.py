"""What stands around the API, as plain ASGI: who asks, how large and how long a request may be, errors in one form.

Owns tokens at the door, the limits of size, time and number, and the line that is logged of a request: its route, never its
path, query or headers. Must not know what a request is about.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controller import clock
from controller.api.problems import MEDIA_TYPE, Problem
from controller.api.tokens import Principal, Tokens, unauthorized
from controller.limit import Limit

#: Largest bodies, in bytes: a request for a cascade is some hundred; a provider may send reports in batches.
MOST_BODY, MOST_HOOK = 64 * 1024, 1024 * 1024
#: Seconds until a request must be done; streams are not counted.
PATIENCE = 30.0
#: So many requests at once; what comes beside is told to come again. Whoever brings no token has a small part of its own:
#: strangers who let their bodies drip take neither a tenant's place nor much memory.
AT_ONCE, AT_ONCE_OPEN = 2_000, 200
#: Seconds that whoever follows a stream may take to read what was sent; something is sent every few seconds.
STREAM_PATIENCE = 60.0

#: Nobody is asked for a token here: providers sign what they bring, and the rest tells nothing.
OPEN = ("/hooks/", "/healthz", "/openapi.json")


@dataclass(slots=True)
class Reply:
    """An answer that is there as a whole."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


Direct = Callable[[Scope, Receive], Awaitable[Reply]]


@dataclass(slots=True)
class Seen:
    """One request, as it may be logged."""

    method: str
    route: str  # "/v1/cascades/{cascade_id}": as it is described, or "" where nothing is there
    status: int
    seconds: float
    who: str  # the name of the token, or ""
    code: str  # of its problem, or ""


class Shell:
    """The outermost layer."""

    def __init__(
        self,
        app: ASGIApp,
        tokens: Tokens,
        on_request: Callable[[Seen], None] = lambda _: None,
        on_fault: Callable[[str], None] = lambda _: None,
        patience: float = PATIENCE,
        direct: Mapping[tuple[str, str], Direct] | None = None,
        *,
        passes: bool = False,
        also_open: tuple[str, ...] = (),
    ) -> None:
        """``direct``: by method and path, what is answered without FastAPI's layers, which cost as much as a plan does.
        ``passes``: all else is handed to ``app`` as it is; another shell behind it asks for tokens, and counts.
        ``also_open``: paths that need no token beside those that never do.
        ``on_fault`` hears where a bug of ours showed itself: files and lines, no values."""
        self._app = app
        self.tokens = tokens
        self._on_request = on_request
        self._on_fault = on_fault
        self._patience = patience
        self._direct = direct or {}
        self._passes = passes
        self._open = OPEN + also_open
        self.under_way = self.open_under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        began = clock.monotonic()
        request = _Request(scope, receive, send)
        is_open = scope["path"].startswith(self._open)
        if is_open:
            self.open_under_way += 1
        else:
            self.under_way += 1
        code, answer = "", self._direct.get((scope["method"], scope["path"]))
        passed = answer is None and self._passes
        try:
            try:
                if self.open_under_way > AT_ONCE_OPEN if is_open else self.under_way > AT_ONCE:
                    raise Problem(503, "busy", "too many requests at once", retry_after=1)
                if passed:
                    request.left = sys.maxsize  # the shell behind says how much may come
                    await self._app(scope, request.receive, request.send)
                    return
                self._admit(scope, request, is_open=is_open)
                if answer is not None:
                    with Limit(self._patience):
                        await request.reply(await answer(scope, request.receive))
                else:
                    async with asyncio.timeout(self._patience) as request.timer:
                        await self._app(scope, request.receive, request.send)
            except Problem as problem:
                code = problem.code
                await request.answer(problem)
            except TimeoutError:
                code = "slow"
                await request.answer(
                    Problem(408, "slow", "the request was not there in time", headers={"Connection": "close"})
                )
            except ClientDisconnect:
                code = "gone"
            except Exception as error:  # noqa: BLE001  # whatever it is, whoever asked hears no more of it than that
                code = "fault"
                self._on_fault(place_of(error))
                await request.answer(Problem(500, "fault", "a bug in callward: its log has more"))
        finally:
            if is_open:
                self.open_under_way -= 1
            else:
                self.under_way -= 1
            if not passed or code:
                self._on_request(_see(scope, answer is not None, request.status, clock.monotonic() - began, code))

    def _admit(self, scope: Scope, request: _Request, *, is_open: bool) -> None:
        path: str = scope["path"]
        authorization = length = None
        for name, value in scope["headers"]:
            if name == b"authorization":  # two of them are none: a proxy may have looked at the other
                authorization = value if authorization is None else b""
            elif name == b"content-length":
                length = value
        if not is_open:
            who = self.tokens.find(authorization) if authorization else None
            if who is None:
                raise unauthorized(given=authorization is not None)
            scope["principal"] = who
        most = MOST_HOOK if path.startswith("/hooks/") else MOST_BODY
        if length is not None and length.isdigit() and int(length[:12]) > most:
            raise _too_large(most)
        request.left = most


def _see(scope: Scope, direct: bool, status: int, seconds: float, code: str) -> Seen:
    route = getattr(scope.get("route"), "path", "") or (scope["path"] if direct else "")
    who = scope.get("principal")
    return Seen(scope["method"], route, status, seconds, who.name if who else "", code or scope.get("problem", ""))


class _Request:
    """One request on its way: counts what comes in, sees what goes out."""

    __slots__ = ("_receive", "_send", "left", "scope", "status", "streams", "timer")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self._receive, self._send = scope, receive, send
        self.left = 0  # bytes that may still come
        self.status = 0
        self.streams = False
        self.timer: asyncio.Timeout | None = None

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self.left -= len(message.get("body", b""))
            if self.left < 0:
                raise _too_large()
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.streams = (b"content-type", b"text/event-stream; charset=utf-8") in message["headers"]
        if self.streams and self.timer is not None:  # whoever reads nothing holds a place for so long, and no longer
            self.timer.reschedule(asyncio.get_running_loop().time() + STREAM_PATIENCE)
        await self._send(message)

    async def answer(self, problem: Problem) -> None:
        """Answer with a problem, unless something was answered already."""
        if self.status:
            return
        body = problem.body()
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        headers += [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
        await self.reply(Reply(problem.status, headers, b"" if self.scope["method"] == "HEAD" else body))

    async def reply(self, reply: Reply) -> None:
        """Answer."""
        await self.send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        await self.send({"type": "http.response.body", "body": reply.body})


def _too_large(most: int = 0) -> Problem:
    detail = f"the body has more than {most} bytes" if most else "the body is too large"
    return Problem(
        413, "too-large", detail
    )  # what still comes is passed over: a reset would cost the client the answer


def principal(scope: Scope) -> Principal:
    """Who asks; the shell let nobody else in."""
    found: Principal = scope["principal"]
    return found


def place_of(error: BaseException) -> str:
    """Where and as what an error of ours came up; what it says stays out, for it may repeat a number or a text."""
    frames: list[Any] = traceback.extract_tb(error.__traceback__)[-6:]
    return f"{type(error).__name__} at " + " < ".join(f"{f.filename}:{f.lineno}" for f in reversed(frames))
