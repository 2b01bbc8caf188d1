"""Questions of the console: what each chain would do now, what would become of a call.

Owns these requests, and that numbers in answers are masked for those who only look. Must not answer them: `foresight` does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.responses import JSONResponse, Response

from controller.api.problems import Problem, from_validation
from controller.api.shell import principal
from controller.explain import QuestionError
from controller.masking import mask_shown
from controller.ops.consumer import Picture
from controller.ops.foresight import Foresight
from controller.ops.sessions import OPERATE, READ
from controller.supervise import run_aside

#: Questions that are answered at once; others wait: all of them share one core with all that operators see.
AT_ONCE = 4
Model = TypeVar("Model", bound=BaseModel)
Word = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True)]


class Question(BaseModel):
    """What the form asks."""

    model_config = ConfigDict(extra="forbid")
    did: Word = Field(min_length=1)
    caller: Word = ""
    from_trunk: Word = ""
    at: Word = ""
    down: list[Word] = Field([], max_length=200)
    degraded: list[Word] = Field([], max_length=200)
    full: list[Word] = Field([], max_length=200)
    live: bool = True  # as trunks are now, beside what is assumed


class Assumption(BaseModel):
    """What the other form asks: something is down, or with ``all`` each single thing in turn."""

    model_config = ConfigDict(extra="forbid")
    down: list[Word] = Field([], max_length=200)
    at: Word = ""
    all: bool = False


def asking_router(foresight: Foresight, picture: Callable[[], Picture]) -> APIRouter:
    """`/v1/chains`, `/v1/explain` and `/v1/what-if`."""
    router = APIRouter()
    one_at_a_time = asyncio.Lock()  # a large dialplan takes a second or two of one core
    few = asyncio.Semaphore(AT_ONCE)

    @router.get("/v1/chains")
    async def chains(request: Request) -> Response:
        principal(request.scope).need(READ)
        now = picture()
        async with few:
            found = await run_aside(lambda: foresight.chains(now), "chains")
        return JSONResponse({"at": now.at, "chains": found})

    @router.post("/v1/explain")
    async def explain(request: Request) -> Response:
        who = principal(request.scope)
        who.need(READ)
        asked, now = await read(Question, request), picture()
        try:
            async with few:
                found = await run_aside(lambda: foresight.explain(asked.model_dump(), now), "explain")
        except QuestionError as error:
            raise Problem(422, "question", str(error)) from error
        return JSONResponse(found if OPERATE in who.scopes else mask_shown(found, foresight.ours))

    @router.post("/v1/what-if")
    async def what_if(request: Request) -> Response:
        principal(request.scope).need(READ)
        asked, now = await read(Assumption, request), picture().at
        try:
            async with one_at_a_time:
                found = await run_aside(lambda: foresight.what_if(asked.down, asked.at, now, each=asked.all), "what-if")
        except QuestionError as error:
            raise Problem(422, "question", str(error)) from error
        return JSONResponse({"answers": found})

    return router


async def read(model: type[Model], request: Request) -> Model:
    """The body of a request. Raises `Problem`."""
    try:
        return model.model_validate_json(await request.body())
    except ValidationError as error:
        raise from_validation(error) from error
