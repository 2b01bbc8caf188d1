"""`GET /metrics` on the console's listener, to any token: one scrape has all processes.

Owns the route. Must not count.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from controller.ops.metrics.meter import OPEN, PLAIN, Meter, wants_openmetrics


def metrics_router(meter: Meter, state_dir: Path) -> APIRouter:
    """For the console."""
    router = APIRouter()

    @router.get("/metrics", response_class=Response, include_in_schema=False)
    async def metrics(request: Request) -> Response:
        openmetrics = wants_openmetrics(request.headers.get("accept", ""))
        body = await meter.show_all(state_dir, openmetrics=openmetrics)
        return Response(body, headers={"content-type": OPEN if openmetrics else PLAIN})

    return router
