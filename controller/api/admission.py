"""Who comes in at all: limits that are reached, numbers that are pumped.

Owns the order of these questions and what their answers are for whoever asked. What may be sent where is planning's
business. All of it is in memory: a store that is slow delays nobody here.
"""

from __future__ import annotations

from collections import OrderedDict

from controller.api.problems import Problem
from controller.messages.cascade import Cascade
from controller.messages.evidence import has_arrived
from controller.messages.limits import Limits
from controller.messages.operators import Operators
from controller.messages.pumping import Pumping
from controller.messages.region import REPORT, Number
from controller.messages.request import Request
from controller.store.base import Facts
from controller.types.messages import Messaging

_NAMES = {"tenant": "the limit of this tenant", "prefix": "the limit of this block of numbers"}

AWAITED = 50_000  # cascades whose reports may still name an operator


class Admission:
    """Counts requests, and suspects blocks."""

    def __init__(self, messaging: Messaging) -> None:
        self._limits = Limits(messaging)
        self._pumping = Pumping()
        self._operators = Operators()
        self._people: OrderedDict[str, bytes] = OrderedDict()  # by cascade: whose reports may name an operator

    def adopt(self, messaging: Messaging) -> None:
        """Another dialplan: limits begin anew, suspicion stays."""
        self._limits = Limits(messaging)

    def admit(self, request: Request, number: Number | None, now: float) -> None:
        """Count it. Raises `Problem` where a limit is reached; then it counts nowhere."""
        full = self._limits.admit(request.tenant, request.limit_keys, number.prefix if number else "", now)
        if full is not None:
            name = _NAMES.get(full.limit, f"the limit of the key '{full.limit}'")
            raise Problem(429, "limited", f"{name} is reached", retry_after=full.retry_after)

    def risk(self, request: Request, number: Number | None, now: float) -> float:
        """How likely it is fraud, 0 to 1: as whoever asked says, or as the block of numbers looks."""
        if number is None:
            return request.fraud_score
        return max(request.fraud_score, self._pumping.suspicion(request.tenant, number.prefix, now))

    def refine(self, number: Number, person: bytes, now: float) -> Number:
        """The number with the operator that reports have named, if any did. ``person``: its blind index."""
        return self._operators.refine(number, person, now)

    def begun(self, cascade: Cascade, number: Number | None, person: bytes, now: float) -> None:
        """It was accepted; what becomes of it tells something of the block and of the operator."""
        if number is not None:
            self._people[cascade.id] = person
            if len(self._people) > AWAITED:
                self._people.popitem(last=False)
            self._pumping.begun(cascade.id, cascade.tenant, number.prefix, cascade.terms.expires, now)

    def notice(self, cascade: Cascade) -> None:
        """Something became of it."""
        if cascade.verified:
            self._pumping.verified(cascade.id)
        elif [True for send in cascade.sends if send.judged and has_arrived(send)]:  # with each event: no generator
            self._pumping.delivered(cascade.id)

    def learn(self, cascade_id: str, facts: Facts, now: float) -> None:
        """A report may have named the operator: the next message to this person goes by it."""
        if facts.operator_source == REPORT and (person := self._people.pop(cascade_id, None)) is not None:
            self._operators.learn(person, facts.operator, now)
