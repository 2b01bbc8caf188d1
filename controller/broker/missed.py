"""Missed calls, as the process for calls tells them over the control socket: each becomes a request like any other.

Owns the way from such an order to a request: policy, limits, opt-out and the rest are the service's. Must not know calls.
"""

from __future__ import annotations

import json

from pydantic import ValidationError

from controller.api.models import CascadeRequest
from controller.api.problems import Problem
from controller.api.service import Service
from controller.api.tokens import Principal
from controller.control import Answer, Request

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
