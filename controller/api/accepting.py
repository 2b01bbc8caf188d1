"""`POST /v1/cascades` from a raw request to its answer; all that is hot there, without FastAPI.

Owns its headers and how its body is read. Who takes what comes of it is given: the service, or the process that has it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from controller.api.models import CascadeRequest, read_body
from controller.api.preparing import Prepared, Preparer
from controller.api.problems import Problem
from controller.api.shell import Direct, principal
from controller.api.taken import Accepted

PATH = "/v1/cascades"
MOST_KEY = 255  # characters of an Idempotency-Key

_JSON = "application/json"


class Json(JSONResponse):
    """An answer that is JSON already, or plain data."""

    def render(self, content: Any) -> bytes:
        """As bytes."""
        return content.encode() if isinstance(content, str) else json.dumps(content).encode()


def acceptance(preparer: Preparer, take: Callable[[Prepared], Awaitable[Accepted]]) -> Direct:
    """What answers it."""

    async def accept(request: Request) -> Response:
        who = principal(request.scope)
        who.need("send")
        raw = await json_body(request)
        key = read_key(request)
        done = await take(preparer.prepare(who.tenant, read_body(CascadeRequest, raw), raw, key))
        headers = {"Location": f"{PATH}/{done.cascade_id}"}
        if done.again:
            headers["Idempotency-Replayed"] = "true"
        return Json(done.answer, 202, headers)

    return accept


async def json_body(request: Request) -> bytes:
    """The body of a request that says that it is JSON. Raises `Problem`."""
    kind = request.headers.get("content-type", "")
    if kind != _JSON and kind.partition(";")[0].strip().lower() != _JSON:
        raise Problem(415, "not-json", "send a body of the type application/json")
    return await request.body()


def read_key(request: Request) -> str:
    """Its Idempotency-Key, or "". Raises `Problem`."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return ""
    if not 1 <= len(key) <= MOST_KEY or not all("!" <= sign <= "~" for sign in key):
        detail = f"an Idempotency-Key is 1 to {MOST_KEY} visible ASCII characters"
        raise Problem(422, "invalid", detail, errors=[{"detail": detail, "parameter": "Idempotency-Key"}])
    return key
