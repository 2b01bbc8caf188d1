"""The planner as the API asks it: plans with the facts that figures are made of.

Owns the way from `messages.planning` to what the service writes down. Must not decide.
"""

from __future__ import annotations

from typing import Any

from controller.api.service import Planned, Turned
from controller.messages.explanation import explain_request
from controller.messages.planning import Planner, Unplannable
from controller.messages.region import Number
from controller.messages.request import Request
from controller.store.base import Facts


class RequestPlanner:
    """Plans by the planner of the dialplan that holds now; ``planner`` is swapped on a reload."""

    def __init__(self, planner: Planner) -> None:
        self.planner = planner

    def __call__(self, request: Request, number: Number | None, risk: float, key: str, now: float) -> Planned:
        """As `service.Planner` says."""
        try:
            planned = self.planner.plan(request, number, risk, key, now)
        except Unplannable as error:
            raise Turned(error.pointer, str(error)) from None
        facts = Facts(
            request.use_case,
            request.route_class.value,
            number.country if number else "",
            number.operator if number else "",
            number.source if number else "",
            number.kind.value if number else "",
            number.prefix if number else "",
            planned.cascade,
            self.planner.version,
        )
        return Planned(planned.plan, planned.terms, facts, (planned.audit(),), planned.refusal)

    def explain(self, request: Request, number: Number | None, risk: float, key: str, now: float) -> dict[str, Any]:
        """As `service.Planner` says."""
        try:
            return explain_request(self.planner, request, number, risk, key, now)
        except Unplannable as error:
            raise Turned(error.pointer, str(error)) from None
