"""Webhooks: what providers tell, believed only once the provider's adapter has verified it, answered once it is durable.

Owns the way from a raw request to the adapter and the broker. A forged one changes nothing, and learns nothing.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from controller.api.problems import Problem, no_such
from controller.api.service import Service, lost
from controller.channels.base import Forged, Webhook
from controller.store.base import StoreError


async def take_webhook(service: Service, provider: str, request: Request) -> Response:
    """One webhook of a provider. Raises `Problem`."""
    adapter = service.hands.adapter(provider)
    if adapter is None:
        raise no_such("provider")
    query = request.scope["query_string"].decode("latin-1")
    url = f"{service.messaging.public.rstrip('/')}/hooks/{provider}" + (f"?{query}" if query else "")
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.scope["headers"]}
    peer = request.client.host if request.client else ""
    webhook = Webhook(request.method, url, query, headers, await request.body(), peer)
    try:
        answer = adapter.receive(webhook, service.now())
    except Forged:
        raise Problem(403, "forged", "this is not what the provider signs") from None
    if answer.news:
        try:
            await service.hands.take(answer.news)
        except StoreError as error:  # the provider keeps it, and brings it again
            raise lost(error) from None
    answer.taken()
    return Response(answer.body, answer.status, media_type=answer.content_type)
