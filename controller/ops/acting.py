"""What is asked of the daemon for calls by the console: which calls are under way; drain a trunk, give it back its calls,
make a test call over it.

Owns these requests, and that a viewer's are refused where they would change something. Must not decide anything.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from controller.api.problems import Problem
from controller.api.shell import principal
from controller.control import ControlError, ask_soon
from controller.log import Log
from controller.masking import mask_shown
from controller.ops.sessions import OPERATE, READ

PATIENCE = 5.0  # seconds
DRILL, LONGEST_DRILL = "drill", 600.0  # a test call has its own `within`, and its turn


def acting_router(state_dir: Path, log: Log, ours: frozenset[str]) -> APIRouter:
    """`/v1/under-way`, `/v1/trunks/NAME/drain`, `undrain` and `drill`. ``ours``: the numbers of the dialplan."""
    router = APIRouter()

    @router.get("/v1/under-way")
    async def under_way(request: Request) -> Response:
        """The calls that are being set up now, the longest first, and those that are up."""
        who = principal(request.scope)
        who.need(READ)
        try:
            found = (await ask_soon(state_dir, "calls", PATIENCE))["calls"]
        except ControlError as error:
            raise Problem(503, "no-daemon", "the process for calls does not answer", retry_after=1) from error
        if OPERATE not in who.scopes:
            found = {**found, "ringing": [mask_shown(call, ours) for call in found["ringing"]]}
        return JSONResponse(found)

    @router.post("/v1/trunks/{name}/{act}")
    async def act_on(request: Request, name: str, act: Literal["drain", "undrain", "drill"]) -> Response:
        """Send new calls another way, or give them back in steps; or make a test call, whose outcome is the answer."""
        who = principal(request.scope)
        who.need(OPERATE)
        try:
            log.info("asked for", what=act, trunk=name, by=who.name)
            answer = await ask_soon(state_dir, act, LONGEST_DRILL if act == DRILL else PATIENCE, {"trunk": name})
        except ControlError as error:
            raise Problem(503, "no-daemon", "the process for calls does not answer", retry_after=1) from error
        if not answer["ok"]:
            unknown = answer.get("why") == "unknown"
            raise Problem(404 if unknown else 409, "not-found" if unknown else answer["why"], str(answer["text"]))
        return JSONResponse({"trunk": name, "act": act, **{key: answer[key] for key in answer if key != "ok"}})

    return router
