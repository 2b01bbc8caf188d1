"""`GET /metrics`: what the meter shows, to a token with the scope `operate`.

Owns the route. Must not count.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from controller.api.problems import described
from controller.api.shell import principal
from controller.broker.meter import CONTENT_TYPE, Meter


def metrics_router(meter: Meter) -> APIRouter:
    """For `create_app`."""
    router = APIRouter(tags=["figures"])

    @router.get(
        "/metrics",
        response_class=Response,
        responses={
            200: {"description": "in Prometheus' text form", "content": {CONTENT_TYPE: {}}},
            **described(but=(400, 404, 413, 415, 422)),
        },
    )
    async def metrics(request: Request) -> Response:
        """Metrics of this daemon for Prometheus, of all tenants; no number and no address is in them."""
        principal(request.scope).need("operate")
        return Response(meter.show(), headers={"Content-Type": CONTENT_TYPE})

    return router
