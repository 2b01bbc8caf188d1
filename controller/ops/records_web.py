"""Calls, their ladders and what else happened, over HTTP: for the console, and for programs.

Owns the routes. Who may only look sees no numbers but our own, an operator sees them as they are. Reading a file blocks, and is done
aside.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from controller.api.problems import Problem
from controller.api.shell import principal
from controller.masking import mask_shown
from controller.records.reading import MOST, NotKeptError, Reader, Wanted
from controller.records.showing import show_call
from controller.supervise import run_aside

T = TypeVar("T")
_OPERATE = "operate"


def records_router(state_dir: Path, ours: frozenset[str]) -> APIRouter:
    """What is kept in this folder. ``ours``: the numbers of the dialplan."""
    router = APIRouter()
    reader = Reader(state_dir)

    @router.get("/v1/calls")
    async def calls(  # what people ask for
        request: Request,
        did: str = "",
        caller: Annotated[str, Query(alias="from")] = "",
        trunk: str = "",
        status: Annotated[str, Query(pattern="^([1-6]xx|[1-6][0-9]{2})?$")] = "",
        since: float | None = None,
        before: int | None = None,
        failed: bool = False,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    ) -> JSONResponse:
        """The newest first; ``since`` in seconds since the epoch, ``before`` the number of a call."""
        wanted = Wanted(did, caller, trunk, status, since, failed, before, limit)
        found = await _ask(partial(reader.calls, wanted))
        rows = found if _sees_all(request) else [mask_shown(row, ours) for row in found]
        return JSONResponse({"calls": rows, "next": rows[-1]["id"] if len(rows) == limit else None})

    @router.get("/v1/calls/{call:path}")
    async def call(request: Request, call: str) -> JSONResponse:
        """One call by its number or Call-ID: its record, and its ladder."""
        found = await _ask(partial(reader.call, call))
        if found is None:
            raise Problem(404, "not-found", "no such call is kept")
        return JSONResponse(show_call(found, ours, whole=_sees_all(request)))

    @router.get("/v1/timeline")
    async def timeline(
        request: Request,
        since: float | None = None,
        before: int | None = None,
        kind: str = "",
        what: str = "",
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    ) -> JSONResponse:
        """What else happened, the newest first: trunks, providers, failovers, and all that the daemons tell."""
        found = await _ask(partial(reader.times, since, before, limit, kind, what))
        rows = found if _sees_all(request) else [{**row, "data": mask_shown(row["data"], ours)} for row in found]
        return JSONResponse({"events": rows, "next": rows[-1]["id"] if len(rows) == limit else None})

    return router


def _sees_all(request: Request) -> bool:
    return _OPERATE in principal(request.scope).scopes


async def _ask(job: Callable[[], T]) -> T:
    try:
        return await run_aside(job, "records")
    except NotKeptError as error:
        raise Problem(404, "not-found", str(error)) from error
