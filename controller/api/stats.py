"""Figures over HTTP: what became of the cascades of a tenant, or of all, in the last hours.

Owns how much is looked at, how often, and who may see whose. Must not compute: that is `messages.figures`.
"""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from controller.api.problems import described
from controller.api.service import Service, lost
from controller.api.shell import principal
from controller.messages.figures import Figures
from controller.store.base import StoreError
from controller.supervise import run_aside

MOST_HOURS = 24 * 92
FRESH = 5.0  # seconds that figures are given out again: a dashboard with ten tabs asks once
FIRST_SLICE = 600.0  # seconds of cascades that are read at once; longer or shorter where there are few or many
MOST_ROWS, FEW_ROWS = 20_000, 5_000


class Stats:
    """Reads outcomes slice by slice, so that neither memory nor the loop is full of them."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._turn = asyncio.Lock()  # one at a time: figures may wait, cascades may not
        self._known: dict[tuple[str | None, float], tuple[float, str]] = {}

    async def show(self, tenant: str | None, hours: float) -> str:
        """Figures as JSON; of all tenants for None. Raises `Problem`."""
        async with self._turn:
            now = self._service.now()
            self._known = {key: known for key, known in self._known.items() if now < known[0] + FRESH}
            known = self._known.get((tenant, hours))
            if known is None:
                text = json.dumps(await self._read(tenant, now - hours * 3600.0, now))
                known = self._known[tenant, hours] = (now, text)
            return known[1]

    async def _read(self, tenant: str | None, since: float, until: float) -> dict[str, Any]:
        found, start, step = Figures(since, until), since, FIRST_SLICE
        while start < until:
            end = min(start + step, until)
            try:
                rows = await self._service.store.outcomes(start, end)
            except StoreError as error:
                raise lost(error) from None
            count = len(rows)
            if tenant is not None:
                rows = [row for row in rows if row["tenant"] == tenant]
            if rows:
                await run_aside(partial(found.add, rows), "figures")
            start = end
            if count > MOST_ROWS:
                step = max(step / 2, 1.0)
            elif count < FEW_ROWS:
                step *= 2
        return await run_aside(found.show, "figures")


def stats_router(service: Service) -> APIRouter:
    """`GET /v1/stats`."""
    router = APIRouter(prefix="/v1", tags=["figures"])
    stats = Stats(service)

    @router.get(
        "/stats",
        response_class=Response,
        responses={
            200: {"description": "figures; rates and prices of nothing are null", "content": {"application/json": {}}},
            **described(but=(400, 404, 413, 415)),
        },
    )
    async def show(
        request: Request,
        hours: Annotated[float, Query(gt=0, le=MOST_HOURS, description="of cascades accepted since then")] = 24.0,
        everybody: Annotated[bool, Query(description="of all tenants; takes the scope 'operate'")] = False,
    ) -> Response:
        """How many arrived, how fast, at what price, where they failed: whole, by route, country, operator, and over time."""
        who = principal(request.scope)
        who.need("operate" if everybody else "read")
        return Response(await stats.show(None if everybody else who.tenant, hours), media_type="application/json")

    return router
