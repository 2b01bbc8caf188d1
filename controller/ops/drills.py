"""What has been exercised, and when: each path of each chain, and each trunk that can be called to try.

Owns which evidence counts for a path, what is stale, and the order: first what needs somebody. A call shows that its own path
works; a test call or a drill shows it of a trunk, and so of all paths over it, but for whoever is rung at their end. Pure but for
the router.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path as File
from typing import Any, NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from controller import clock
from controller.api.shell import principal
from controller.ops.foresight import NAMED, routes_in
from controller.ops.sessions import READ
from controller.records.reading import NotKeptError, Reader
from controller.records.rows import CALL, ExercisedRow
from controller.supervise import run_aside
from controller.types import Dialplan

#: Seconds after which a path is stale: exercises of continuity plans are held by the quarter, and this is one.
STALE = 92 * 86400.0
#: Rows of one answer; those that need somebody come first.
MOST = 1000
FAILED, NEVER, STALE_STATE, FRESH = "failed", "never", "stale", "fresh"
_ORDER = (FAILED, NEVER, STALE_STATE, FRESH)


class Way(NamedTuple):
    """A path as it stands in a chain."""

    chain: str
    path: str
    endpoint: str
    trunk: str


class Drills:
    """What a dialplan has to exercise."""

    def __init__(self, dialplan: Dialplan) -> None:
        self._dialplan = dialplan
        self._numbers: dict[str, list[str]] = {}  # by chain
        self._counts: dict[str, int] = {}
        for name, route, _ in routes_in(dialplan):
            self._counts[route.chain] = self._counts.get(route.chain, 0) + 1
            named = self._numbers.setdefault(route.chain, [])
            if len(named) < NAMED:
                named.append(name)
        self._ways = list(_ways(dialplan, self._numbers))

    def show(self, exercised: Iterable[ExercisedRow], now: float) -> dict[str, Any]:
        """Trunks and paths, those first that need somebody."""
        known: dict[tuple[str, bool], list[ExercisedRow]] = {}
        for row in exercised:
            known.setdefault((row.name, row.means == CALL), []).append(row)
        trunks = [self._show_trunk(name, known.get((name, False), ()), now) for name in self._dialplan.trunks]
        ways = [
            (way, _judge([*known.get((way.path, True), ()), *known.get((way.trunk, False), ())], now))
            for way in self._ways
        ]
        ways.sort(key=lambda each: _urgency(each[1]))
        return {
            "at": now,
            "stale_after": STALE,
            "trunks": sorted(trunks, key=_urgency),
            "paths": [self._show_way(way, judged) for way, judged in ways[:MOST]],
            "counts": {state: sum(judged["state"] == state for _, judged in ways) for state in _ORDER},
        }

    def _show_trunk(self, name: str, rows: Iterable[ExercisedRow], now: float) -> dict[str, Any]:
        trunk = self._dialplan.trunks[name]
        deep = trunk.deep
        more = {"carrier": trunk.carrier, "site": trunk.site, "every": deep.every if deep is not None else None}
        return {"trunk": name, **more, **_judge(list(rows), now)}

    def _show_way(self, way: Way, judged: Mapping[str, Any]) -> dict[str, Any]:
        numbers = {"dids": self._numbers[way.chain], "count": self._counts[way.chain]}
        return {**way._asdict(), **numbers, **judged}


def _ways(dialplan: Dialplan, chains: Iterable[str]) -> Iterable[Way]:
    for name in chains:
        paths = (path for stage in dialplan.chains[name].stages for who in stage.targets for path in who.paths)
        for path in {path.name: path for path in paths}.values():
            yield Way(name, path.name, path.endpoint, path.trunk)


def _judge(rows: list[ExercisedRow], now: float) -> dict[str, Any]:
    """How something is by what is known of it: the latest that went well, and what has failed since."""
    good = max((row for row in rows if row.good), key=lambda row: row.at, default=None)
    bad = max((row for row in rows if not row.good), key=lambda row: row.at, default=None)
    if bad is not None and good is not None and bad.at <= good.at:
        bad = None
    if bad is not None:
        state = FAILED
    elif good is None:
        state = NEVER
    else:
        state = STALE_STATE if now - good.at > STALE else FRESH
    return {"state": state, "last": _show(good), "failed": _show(bad)}


def _show(row: ExercisedRow | None) -> dict[str, Any] | None:
    return None if row is None else {"at": row.at, "means": row.means, "what": row.what}


def _urgency(judged: Mapping[str, Any]) -> tuple[int, float]:
    latest = judged["failed"] or judged["last"]
    return _ORDER.index(judged["state"]), latest["at"] if latest else 0.0


def drills_router(dialplan: Dialplan, state_dir: File) -> APIRouter:
    """`/v1/drills`."""
    router = APIRouter()
    drills, reader = Drills(dialplan), Reader(state_dir)

    def look(now: float) -> dict[str, Any]:
        try:
            rows = reader.exercised()
        except NotKeptError as error:
            return {**drills.show((), now), "not_kept": str(error)}
        return {**drills.show(rows, now), "not_kept": ""}

    @router.get("/v1/drills")
    async def show(request: Request) -> Response:
        """When each trunk and each path was last exercised, and by what."""
        principal(request.scope).need(READ)
        return JSONResponse(await run_aside(partial(look, clock.epoch()), "drills"))

    return router
