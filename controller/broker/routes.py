"""What the daemon adds to the API for whoever operates it: metrics, and `POST /v1/reload`.

Owns who is asked to reload: whoever runs in the state folder, as `callward reload` does. Must not read a dialplan.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request

from controller.api.problems import Problem, described
from controller.api.shell import principal
from controller.broker.meter import Meter
from controller.broker.metrics import metrics_router
from controller.control import PATIENCE, Answer, ControlError, NoAnswerError, ask_soon
from controller.control import Request as Command

#: Of this process alone, where none carries calls.
Reload = Callable[[Command], Awaitable[Answer]]


class Reloaded(BaseModel):
    """The dialplan that runs from now on."""

    version: str = Field(description="of the file as it was read")
    warnings: str = Field(default="", description="as `callward check` prints them")


def daemon_routers(meter: Meter, state_dir: Path, reload: Reload) -> tuple[APIRouter, ...]:
    """For `create_app`."""
    return metrics_router(meter), _reload_router(state_dir, reload)


def _reload_router(state_dir: Path, own: Reload) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["operation"])

    @router.post("/reload", responses=described(409, but=(400, 404, 413, 415, 422)))
    async def reload(request: Request) -> Reloaded:
        """Have the daemon take its file anew, as `callward reload` does: all of it, or the old one goes on and this is a 409."""
        principal(request.scope).need("operate")
        try:
            answer = await ask_soon(
                state_dir, "reload", PATIENCE
            )  # whoever carries calls asks this process in its turn
        except NoAnswerError:
            raise Problem(503, "busy", "the process for calls does not answer: its log may say why") from None
        except ControlError:
            answer = await own({})
        if not answer["ok"]:
            raise Problem(409, "not-whole", answer["text"])
        return Reloaded(version=answer["version"], warnings=answer["text"])

    return router
