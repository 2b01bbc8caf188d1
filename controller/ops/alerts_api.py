"""Alerts over HTTP: what is open, and "I look after it".

Owns both paths. Must not know alerts: it asks the consumer that has them.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from controller.api.problems import Problem
from controller.api.shell import principal
from controller.ops.consumers import Tools
from controller.ops.sessions import OPERATE


def alerts_router(tools: Tools) -> APIRouter:
    """``GET /v1/alerts`` and ``POST /v1/alerts/{id}/acknowledge``."""
    router = APIRouter()

    async def run(command: str, **more: str) -> dict[str, Any]:
        found = tools.commands.get(command)
        if found is None:
            raise Problem(404, "not-found", "there are no alerts by this dialplan: write 'alerts'")
        return await found(more)

    @router.get("/v1/alerts")
    async def alerts() -> JSONResponse:
        answer = await run("alerts")
        return JSONResponse({"alerts": answer["alerts"], "undelivered": answer["undelivered"]})

    @router.post("/v1/alerts/{name}/acknowledge")
    async def acknowledge(name: str, request: Request) -> JSONResponse:
        who = principal(request.scope)
        who.need(OPERATE)
        answer = await run("acknowledge", id=name, who=who.name)
        if not answer["ok"]:
            raise Problem(404, "not-found", "no such alert is open")
        return JSONResponse({"changed": answer["changed"]})

    return router
