"""The console's server: page, API, metrics, on the one address that `console` names.

Owns the server and which routers it has; each router is in a file of its own. Must not decide anything.
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse

from controller import __version__, clock
from controller.api.app import speak_problems
from controller.api.server import ApiServer
from controller.api.shell import Shell
from controller.log import log_news
from controller.ops.acting import acting_router
from controller.ops.alerts_api import alerts_router
from controller.ops.asking import asking_router
from controller.ops.consumer import CALLS, MESSAGES, Event, Picture
from controller.ops.consumers import Tools
from controller.ops.door import Door
from controller.ops.drills import drills_router
from controller.ops.foresight import Foresight
from controller.ops.live import live_router
from controller.ops.logins import PATH as LOGIN
from controller.ops.logins import login_router
from controller.ops.metrics.routes import metrics_router
from controller.ops.pages import Pages
from controller.ops.records_web import records_router
from controller.ops.sessions import OPERATE, READ, Known, Sessions
from controller.ops.staged import is_staged, staged_router
from controller.ops.throttle import Throttle
from controller.types import Fault
from controller.types.messages import ApiToken
from controller.types.ops import OpsToken

#: Seconds after which a picture is none of now: each question may take some.
OLD = 15.0


class Web:
    """A consumer that shows what it sees over HTTP."""

    def __init__(self, tools: Tools) -> None:
        assert tools.sock is not None
        assert tools.ops.console is not None
        self._tools = tools
        self.picture: Picture = tools.watching.picture
        self._over = asyncio.Event()
        self.live = tools.live
        self.live.begin(tools.dialplan)
        given = tuple(map(_as_api_token, tools.ops.console.tokens))
        self._sessions, self._throttle = Sessions(tools.state_dir, given), Throttle()
        self._cookie = f"callward_{tools.sock.getsockname()[1]}"  # cookies know no ports: each console has its own
        app = FastAPI(
            title="callward console", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False
        )
        known = Known(given, self._sessions, clock.epoch)
        routers = self._routers(known)
        paths = [getattr(route, "path", "") for router in routers for route in router.routes]
        self._words = {path.split("/")[2] for path in paths if path.startswith("/v1/")}
        for router in routers:
            app.include_router(router)
        speak_problems(app)
        shell = Shell(app, known, on_fault=self._on_fault, also_open=(LOGIN,))
        door = Door(shell, Pages(), self._cookie, self._throttle)
        self._server = ApiServer(shell, tools.sock.dup(), door)

    def _routers(self, known: Known) -> list[APIRouter]:
        return [
            _status_router(self),
            metrics_router(self._tools.meter, self._tools.state_dir),
            login_router(self._sessions, self._throttle, self._cookie, self._parts),
            live_router(self.live, known),
            acting_router(self._tools.state_dir, self._tools.log, frozenset(self._tools.dialplan.routes)),
            asking_router(Foresight(self._tools.dialplan, self._tools.state_dir), lambda: self.picture),
            drills_router(self._tools.dialplan, self._tools.state_dir),
            *([alerts_router(self._tools)] if self._tools.ops.alerts is not None else []),
            records_router(self._tools.state_dir, frozenset(self._tools.dialplan.routes)),
            *([staged_router(self._tools.state_dir)] if is_staged() else []),
        ]

    def _parts(self) -> list[str]:
        """Which parts of the API there are: the word after /v1/ of each."""
        return sorted(self._words if "alerts" in self._tools.commands else self._words - {"alerts"})

    def hear(self, event: Event) -> None:
        """Tell whoever looks."""
        self.live.hear(event)

    def see(self, picture: Picture) -> None:
        """Remember how things are, and tell whoever looks."""
        self.picture = picture
        self.live.see(picture)

    def silent(self, now: float) -> list[str]:
        """The daemons that did not answer when they were asked last, a moment ago."""
        shown = {CALLS: self.picture.calls, MESSAGES: self.picture.messages}
        is_old = now > self.picture.at + OLD
        return [name for name in self.live.board.expected if is_old or shown[name] is None]

    def _on_fault(self, where: str) -> None:
        log_news(self._tools.log, Fault(where))  # files and lines: an error of its own would not say them

    async def keep(self) -> None:
        """Serve."""
        try:
            await self._server.serve()
        finally:
            self._over.set()

    async def close(self) -> None:
        """Serve no longer: what listens after a reload must be the next one alone."""
        self.live.hub.close()
        self._server.stop()
        await self._over.wait()


def _as_api_token(token: OpsToken) -> ApiToken:
    scopes = (READ, OPERATE) if token.operator else (READ,)
    return ApiToken(token.name, token.digest, "", scopes)


def _status_router(web: Web) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz", include_in_schema=False)
    async def healthz() -> JSONResponse:
        """For whoever looks from elsewhere: 503 where a daemon says nothing of how it is."""
        silent = web.silent(clock.epoch())
        return JSONResponse({"ok": not silent, "silent": silent}, 503 if silent else 200)

    @router.get("/v1/status")
    async def status() -> JSONResponse:
        picture = web.picture
        return JSONResponse(
            {"at": picture.at, "answers": dict(picture.answers), "calls": picture.calls, "messages": picture.messages}
        )

    return router
