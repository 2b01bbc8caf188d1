"""What tenants hear of their cascades: which of it, and the body of the callback.

Owns the words of callbacks (docs/messages.md). Must not send, and must hold no number, address or text.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from controller.messages.cascade import Cascade
from controller.messages.stamps import stamp
from controller.types.cascades import TellClient
from controller.types.messages import Client


class Telling:
    """Answers a store that asks what is to be queued (`store.base.Hear`)."""

    def __init__(self, clients: Mapping[str, Client]) -> None:
        self.clients = clients  # swapped by a reload

    def hear(self, cascade: Cascade, command: TellClient, now: float) -> str:
        """The body of a callback, or "" where the tenant does not want to hear it."""
        client = self.clients.get(cascade.tenant)
        if client is None or client.callback is None or not (command.final or client.callback.transitions):
            return ""
        return show(cascade, command, now)


def show(cascade: Cascade, command: TellClient, now: float) -> str:
    """JSON: what happened, when, and how the cascade is now."""
    data = {
        "id": cascade.id,
        "status": cascade.status._value_,
        "reason": cascade.reason,
        "attempts": len(cascade.sends),
        "cost": round(cascade.cost, 6),
        "verified": cascade.verified,
        **command.details,
    }
    return _encode({"type": f"cascade.{command.event}", "timestamp": stamp(now), "data": data}).decode()


_encode = msgspec.json.Encoder().encode
