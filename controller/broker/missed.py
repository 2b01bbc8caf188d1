"""What the process for calls tells over the control socket: a missed call becomes a request like any other, a MESSAGE of
SIP a message from a person like any other.

Owns the way from such a command to a request or an `Inbound`: policy, limits, opt-out and the rest are the service's and
the inbox's. Must not know calls.
"""

from __future__ import annotations

import base64
import json

from pydantic import ValidationError

from controller.api.models import CascadeRequest
from controller.api.problems import Problem
from controller.api.service import Service
from controller.api.tokens import Principal
from controller.channels.base import Inbound, Sink
from controller.control import Answer, Request
from controller.store.base import StoreError

USE_CASE = "missed_call"


class MissedCalls:
    """The command `missed`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def take(self, request: Request) -> Answer:
        """Send whoever is named a message. The same key twice sends one. ``again``: it could not be written down now."""
        to = str(request.get("to", ""))
        body = {
            "to": {"email" if "@" in to else "phone": to},
            "cascade": request.get("cascade"),
            "template": request.get("template"),
            "params": request.get("params", {}),
            "use_case": USE_CASE,
            **({"language": request["language"]} if request.get("language") else {}),
        }
        try:
            asked = CascadeRequest.model_validate(body)
        except ValidationError:
            return {"ok": False, "text": "a missed call without a person, a cascade or a template"}
        who = Principal("missed calls", str(request.get("tenant", "")), frozenset(("send",)))
        try:
            accepted = await self._service.accept(who, asked, json.dumps(body).encode(), str(request.get("key", "")))
        except Problem as problem:
            return {"ok": False, "text": f"{problem.status} {problem.code}", "again": problem.status >= 500}
        return {"ok": True, "cascade": accepted.cascade_id}


async def take_text(sink: Sink, request: Request) -> Answer:
    """The command `inbound`: write a message from a person down, once however often it is told."""
    try:
        provider, ref, sender, to = (str(request[name]) for name in ("provider", "ref", "sender", "to"))
        text = base64.b64decode(str(request["text"])).decode()
    except (KeyError, ValueError):
        return {"ok": False, "text": "a message without a provider, a ref, a sender, an addressee or a text"}
    try:
        await sink([Inbound(provider, ref, sender, to, text)])
    except StoreError as error:
        return {"ok": False, "text": str(error), "again": True}
    return {"ok": True}
