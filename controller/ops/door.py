"""The console's outermost layer, as plain ASGI: the page's own files, cookies, and the headers that keep a browser in bounds.

Owns what is served without a token (the page itself, which holds nothing), how a cookie becomes a session, that a request
with a cookie that changes something comes from our page, and that guessing tokens is slow. Must not know what the API is about.
"""

from __future__ import annotations

from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controller import clock
from controller.api.problems import MEDIA_TYPE, Problem
from controller.ops.pages import Pages
from controller.ops.sessions import SCHEME
from controller.ops.throttle import Throttle

#: A page that changes something sends this header: another site cannot without asking us first (CORS), and we say no.
OURS = b"x-callward"
_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
_HEADERS = [
    (b"content-security-policy", _CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
]


class Door:
    """Everything comes in here."""

    def __init__(self, inner: ASGIApp, pages: Pages, cookie: str, throttle: Throttle) -> None:
        """``cookie``: its name."""
        self._inner = inner
        self._pages = pages
        self._cookie = cookie
        self._throttle = throttle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        method, address = scope["method"], address_of(scope)
        page = self._pages.find(scope["path"]) if method in ("GET", "HEAD") else None
        if page is not None:
            start, body = page.answer(headers)
            await _guarded(send)(start)
            await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
            return
        try:
            given = b"authorization" in headers
            if given and not self._throttle.knows(address, headers[b"authorization"]):
                self._slow_down(address)
            elif cookie := read_cookie(headers, self._cookie):
                if method not in _SAFE:
                    _must_be_ours(headers)
                scope["headers"] = [*scope["headers"], (b"authorization", SCHEME + b" " + cookie.encode("latin-1"))]
        except Problem as problem:
            await _answer(problem, _guarded(send))
            return
        count = self._count(address, headers[b"authorization"]) if given else None
        await self._inner(scope, receive, _guarded(send, count))

    def _slow_down(self, address: str) -> None:
        if wait := self._throttle.wait(address, clock.monotonic()):
            raise Problem(429, "slow-down", "too many wrong tokens from this address", retry_after=wait)

    def _count(self, address: str, authorization: bytes) -> Callable[[int], None]:
        def count(status: int) -> None:
            if status == 401:
                self._throttle.note(address, clock.monotonic())
            elif status < 400:
                self._throttle.welcome(address, authorization)

        return count


def address_of(scope: Scope) -> str:
    """From where a request comes; behind a proxy that is the proxy."""
    client = scope.get("client")
    return client[0] if client else ""


def read_cookie(headers: dict[bytes, bytes], name: str) -> str:
    """The value of a cookie, or ""."""
    try:
        found = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1")).get(name)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _must_be_ours(headers: dict[bytes, bytes]) -> None:
    if OURS not in headers or headers.get(b"sec-fetch-site", b"same-origin") not in (b"same-origin", b"none"):
        raise Problem(403, "cross-site", "a request with a cookie that changes something must come from our page")


def _guarded(send: Send, on_status: Callable[[int], None] | None = None) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            if on_status is not None:
                on_status(message["status"])
            there = {name for name, _ in message["headers"]}
            more = [*_HEADERS] if b"cache-control" in there else [*_HEADERS, (b"cache-control", b"no-store")]
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return guarded


async def _answer(problem: Problem, send: Send) -> None:
    body = problem.body()
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
