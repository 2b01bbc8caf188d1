"""What has been exercised, and when: each path of each chain, and each trunk that can be called to try.

Owns which evidence counts for a path, what is stale, and the order: first what needs somebody. A call shows that its own path
works; a test call or a drill shows it of a trunk, and so of all paths over it, but for whoever is rung at their end. Pure but for
the router.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path as File
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Query, Request
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
_PLACE = {state: place for place, state in enumerate(_ORDER)}


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

    def show(self, exercised: Iterable[ExercisedRow], now: float, find: str = "") -> dict[str, Any]:
        """Trunks and paths, those first that need somebody; of the paths those with all words of ``find``."""
        calls: dict[str, list[ExercisedRow]] = {}
        tests: dict[str, list[ExercisedRow]] = {name: [] for name in self._dialplan.trunks}
        for row in exercised:
            (calls if row.means == CALL else tests).setdefault(row.name, []).append(row)
        by_trunk = {name: _judge(tests[name], now) for name in self._dialplan.trunks}
        ways = [  # what no call has taken is as its trunk is: most of a large dialplan
            (way, _judge([*calls[way.path], *tests[way.trunk]], now) if way.path in calls else by_trunk[way.trunk])
            for way in self._ways
        ]
        ways.sort(key=lambda each: _urgency(each[1]))
        counts = Counter(judged["state"] for _, judged in ways)
        words = find.lower().split()
        found = [each for each in ways if self._has(each[0], words)] if words else ways
        return {
            "at": now,
            "stale_after": STALE,
            "trunks": sorted((self._show_trunk(name, judged) for name, judged in by_trunk.items()), key=_urgency),
            "paths": [self._show_way(way, judged) for way, judged in found[:MOST]],
            "found": len(found),
            "counts": {state: counts[state] for state in _ORDER},
        }

    def _has(self, way: Way, words: list[str]) -> bool:
        text = f"{way.path} {way.chain} {' '.join(self._numbers[way.chain])}".lower()
        return all(word in text for word in words)

    def _show_trunk(self, name: str, judged: Mapping[str, Any]) -> dict[str, Any]:
        trunk = self._dialplan.trunks[name]
        deep = trunk.deep
        more = {"carrier": trunk.carrier, "site": trunk.site, "every": deep.every if deep is not None else None}
        return {"trunk": name, **more, **judged}

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
    return _PLACE[judged["state"]], latest["at"] if latest else 0.0


def drills_router(dialplan: Dialplan, state_dir: File) -> APIRouter:
    """`/v1/drills`."""
    router = APIRouter()
    reader = Reader(state_dir)
    made: list[Drills] = []  # by the first who asks, in a thread

    def look(now: float, find: str) -> dict[str, Any]:
        if not made:
            made.append(Drills(dialplan))
        drills = made[0]
        try:
            rows = reader.exercised()
        except NotKeptError as error:
            return {**drills.show((), now, find), "not_kept": str(error)}
        return {**drills.show(rows, now, find), "not_kept": ""}

    @router.get("/v1/drills")
    async def show(request: Request, find: Annotated[str, Query(max_length=200)] = "") -> Response:
        """When each trunk and each path was last exercised, and by what."""
        principal(request.scope).need(READ)
        return JSONResponse(await run_aside(partial(look, clock.epoch(), find), "drills"))

    return router
