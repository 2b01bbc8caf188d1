"""What is staged: in the demo, the simulated trunks and providers can be broken by click. Nowhere else there is anything of this.

Owns what the demo's page asks, and that a viewer's clicks are refused. The demo listens on a socket of its own in the state
folder, and says so to this process alone, by a variable; no dialplan has a key for it, and the processes that carry calls and
messages know nothing of who simulates whom. Must not know what is broken how.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from controller.api.problems import Problem
from controller.api.shell import principal
from controller.control import ControlError, ask_soon
from controller.ops.sessions import OPERATE, READ
from controller.ops.staging import FILE, VARIABLE

PATIENCE = 5.0  # seconds


def is_staged() -> bool:
    """Whether the demo has started this process."""
    return os.environ.get(VARIABLE) == FILE


def staged_router(state_dir: Path) -> APIRouter:
    """`/v1/demo`, `/v1/demo/call`, `/v1/demo/code`, and `/v1/demo/NAME/kill` (silence, slow, fail, revive)."""
    router = APIRouter()

    async def ask(command: str, **more: str) -> dict[str, Any]:
        try:
            return await ask_soon(state_dir, command, PATIENCE, more, FILE)
        except ControlError as error:
            raise Problem(503, "no-demo", "the demo does not answer", retry_after=1) from error

    @router.get("/v1/demo")
    async def show(request: Request) -> Response:
        principal(request.scope).need(READ)
        return JSONResponse({"parts": (await ask("show"))["parts"]})

    @router.post("/v1/demo/{what}")
    async def want(request: Request, what: Literal["call", "code"]) -> Response:
        principal(request.scope).need(OPERATE)
        await ask("want", what=what)
        return JSONResponse({"what": what}, 202)

    @router.post("/v1/demo/{name}/{verb}")
    async def act(request: Request, name: str, verb: Literal["kill", "silence", "slow", "fail", "revive"]) -> Response:
        principal(request.scope).need(OPERATE)
        answer = await ask("act", verb=verb, name=name)
        if not answer["ok"]:
            raise Problem(404, "not-found", str(answer["text"]))
        return JSONResponse({"name": name, "verb": verb})

    return router
