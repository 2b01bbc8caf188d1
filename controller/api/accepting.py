"""`POST /v1/cascades` from a raw request to its answer; all that is hot there, as plain ASGI.

Owns its headers and how its body is read. Who takes what comes of it is given: the service, or the process that has it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from controller.api.models import CascadeRequest, read_body
from controller.api.preparing import Prepared, Preparer
from controller.api.problems import Problem
from controller.api.shell import Direct, Reply, principal
from controller.api.taken import Accepted

PATH = "/v1/cascades"
MOST_KEY = 255  # characters of an Idempotency-Key

_JSON = b"application/json"


def acceptance(preparer: Preparer, take: Callable[[Prepared], Awaitable[Accepted]]) -> Direct:
    """What answers it."""

    async def accept(scope: Scope, receive: Receive) -> Reply:
        who = principal(scope)
        who.need("send")
        kind = key = None
        for name, value in scope["headers"]:
            if name == b"content-type" and kind is None:
                kind = value
            elif name == b"idempotency-key" and key is None:
                key = value
        check_json(kind)
        raw = await body_of(receive)
        known_as = "" if key is None else read_key(key)
        done = await take(preparer.prepare(who.tenant, read_body(CascadeRequest, raw), raw, known_as))
        body = done.answer.encode()
        headers = [
            (b"location", f"{PATH}/{done.cascade_id}".encode()),
            (b"content-length", str(len(body)).encode()),
            (b"content-type", _JSON),
        ]
        if done.again:
            headers.append((b"idempotency-replayed", b"true"))
        return Reply(202, headers, body)

    return accept


async def body_of(receive: Receive) -> bytes:
    """The whole body. Raises `ClientDisconnect`."""
    found = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        found += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(found)


def check_json(kind: bytes | None) -> None:
    """``kind`` is a Content-Type. Raises `Problem` where it is not that of JSON."""
    if kind != _JSON and (kind is None or kind.partition(b";")[0].strip().lower() != _JSON):
        raise Problem(415, "not-json", "send a body of the type application/json")


def read_key(given: bytes) -> str:
    """An Idempotency-Key. Raises `Problem`."""
    if not 1 <= len(given) <= MOST_KEY or not all(0x21 <= sign <= 0x7E for sign in given):
        detail = f"an Idempotency-Key is 1 to {MOST_KEY} visible ASCII characters"
        raise Problem(422, "invalid", detail, errors=[{"detail": detail, "parameter": "Idempotency-Key"}])
    return given.decode("ascii")
