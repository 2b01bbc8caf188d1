"""The console's live side: the board and what happened lately, sent to whoever looks, numbers masked for those who only look.

Owns what is remembered of events: so many of each kind. Must not judge.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import Any

from fastapi import APIRouter, Header, Request
from starlette.responses import Response

from controller import clock
from controller.api.events import Stream
from controller.api.shell import principal
from controller.api.tokens import Principal, Tokens
from controller.masking import mask_shown
from controller.news import TEST_CALL
from controller.ops.board import Board
from controller.ops.consumer import CALLS, MESSAGES, Event, Picture
from controller.ops.sessions import OPERATE, READ
from controller.ops.stream import Hub
from controller.types import Dialplan

#: So many are remembered of calls, of cascades, and of all else.
REMEMBERED = 300
#: So many calls and cascades a second go to browsers; there are counters for the rest.
MOST = 50


class Live:
    """What the page shows as it happens."""

    def __init__(self) -> None:
        self.board = Board()
        self.hub = Hub(self._snapshot)
        self._ours: frozenset[str] = frozenset()
        self._memory: dict[str, deque[dict[str, Any]]] = {
            kind: deque(maxlen=REMEMBERED) for kind in ("call", "cascade", "")
        }
        self._shown, self._second = 0, 0

    def begin(self, dialplan: Dialplan) -> None:
        """Go by this dialplan from now on; what was remembered is remembered still. Whoever looked comes again."""
        self._ours = frozenset(dialplan.routes)
        expected = {CALLS: bool(dialplan.listen), MESSAGES: dialplan.messaging is not None}
        self.board.expected = tuple(name for name, yes in expected.items() if yes)
        self.hub = Hub(self._snapshot)

    def hear(self, event: Event) -> None:
        """To the board, to memory, and out."""
        if event.kind in ("fault", TEST_CALL):  # too much, and nothing for people who operate
            return
        rows = self.board.hear(event)
        if rows:
            self.hub.publish("rows", lambda _: rows)
        told = {"source": event.source, "kind": event.kind, "at": round(event.at, 3), "data": _lean(event.data)}
        told["id"] = f"{event.source}-{event.number}-{event.at:.3f}"
        kind = event.kind if event.kind in self._memory else ""
        self._memory[kind].append(told)
        if not event.old and (not kind or self._may_show(event.at)):
            self.hub.publish("event", lambda sees_all: self._show(told, sees_all=sees_all), same=False)

    def see(self, picture: Picture) -> None:
        """To the board, and out what has changed."""
        if rows := self.board.see(picture):
            self.hub.publish("rows", lambda _: rows)

    def _may_show(self, at: float) -> bool:
        if int(at) != self._second:
            self._second, self._shown = int(at), 0
        self._shown += 1
        return self._shown <= MOST

    def _snapshot(self, sees_all: bool) -> dict[str, Any]:
        events = [self._show(told, sees_all=sees_all) for kept in self._memory.values() for told in kept]
        return {"at": clock.epoch(), "rows": self.board.rows, "events": sorted(events, key=lambda told: told["at"])}

    def _show(self, told: Mapping[str, Any], *, sees_all: bool) -> Mapping[str, Any]:
        if sees_all:
            return told
        data = told["data"]
        return {**told, "data": mask_shown(data, self._ours)}


def live_router(live: Live, tokens: Tokens) -> APIRouter:
    """`/v1/stream`. ``tokens``: who may look, which a login that is over may no longer."""
    router = APIRouter()

    @router.get("/v1/stream")
    async def stream(request: Request, last_event_id: str = Header("", max_length=40)) -> Response:
        who = principal(request.scope)
        who.need(READ)
        authorization = dict(request.scope["headers"]).get(b"authorization", b"")
        sees_all = OPERATE in who.scopes
        may = partial(_may_look, tokens, authorization, who)
        return Stream(live.hub.read(last_event_id, sees_all=sees_all, may=may))

    return router


def _may_look(tokens: Tokens, authorization: bytes, who: Principal) -> bool:
    """Still: somebody may have logged out meanwhile, in another window too."""
    return tokens.find(authorization) == who


def _lean(data: Mapping[str, Any]) -> dict[str, Any]:
    """Without the figures by which decisions can be replayed: no page shows them, and they are most of a call (160 bytes for
    each candidate). The record of the call has them."""
    decisions = [{key: value for key, value in each.items() if key != "record"} for each in data.get("decisions", ())]
    return {**data, "decisions": decisions} if decisions else dict(data)
