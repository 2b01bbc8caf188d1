"""Logging in and out of the console: a token in, a cookie out.

Owns these three requests and the cookie's attributes. The page sends the token once; afterwards the browser has the cookie, which
no script can read (HttpOnly) and no other site can use (SameSite). It is sent to paths below its own alone, so another
application on the same host never gets it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ValidationError
from starlette.responses import JSONResponse, Response

from controller import clock
from controller.api.problems import Problem, from_validation
from controller.ops.door import OURS, address_of, read_cookie
from controller.ops.sessions import LASTS, Session, Sessions
from controller.ops.staging import PART
from controller.ops.throttle import Throttle

PATH = "/v1/session"


class Login(BaseModel):
    """What the form sends."""

    token: str


def login_router(sessions: Sessions, throttle: Throttle, cookie: str, has: Callable[[], list[str]]) -> APIRouter:
    """`/v1/session`. ``cookie``: its name. ``has()``: which parts of the API are there by this dialplan, for the page."""
    router = APIRouter()

    @router.post(PATH)
    async def begin(request: Request) -> Response:
        if OURS.decode() not in request.headers:
            raise Problem(403, "cross-site", "log in from our page")
        address = address_of(request.scope)
        if wait := throttle.wait(address, clock.monotonic()):
            raise Problem(429, "slow-down", "too many wrong tokens from this address", retry_after=wait)
        try:
            login = Login.model_validate_json(await request.body())
        except ValidationError as error:
            raise from_validation(error) from error
        found = sessions.begin(login.token, clock.epoch())
        if found is None:
            throttle.note(address, clock.monotonic())
            raise Problem(401, "token", "that token is none of ours")
        answer = JSONResponse({**_show(found[0]), "has": has()})
        answer.headers["set-cookie"] = f"{cookie}={found[1]}; Max-Age={LASTS:.0f}; {_attributes(request)}"
        return answer

    @router.get(PATH)
    async def show(request: Request) -> Response:
        session = sessions.find(_cookie(request, cookie), clock.epoch())
        if session is None:  # a link with a token logs in at the demo, and at no other console
            return JSONResponse({"name": "", "role": "", "link": PART in has()})
        return JSONResponse({**_show(session), "has": has()})

    @router.delete(PATH)
    async def end(request: Request) -> Response:
        session = sessions.find(_cookie(request, cookie), clock.epoch())
        if session is not None:
            sessions.end(session, clock.epoch())
        return Response(status_code=204, headers={"set-cookie": f"{cookie}=; Max-Age=0; {_attributes(request)}"})

    return router


def _cookie(request: Request, name: str) -> str:
    return read_cookie(dict(request.scope["headers"]), name)


def _attributes(request: Request) -> str:
    """No path is named: browsers take the folder of this one, wherever a proxy has put us."""
    secure = "; Secure" if request.headers.get("x-forwarded-proto", "") == "https" else ""
    return f"HttpOnly; SameSite=Strict{secure}"


def _show(session: Session) -> dict[str, Any]:
    return {"name": session.name, "role": "operator" if session.operator else "viewer", "ends": session.ends}
