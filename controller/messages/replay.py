"""A cascade played again from its record: the same events, the same circumstances, and so the same way.

Owns the proof that the history says all that was decided by. Must not know where histories are kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from controller.messages.cascade import Cascade
from controller.messages.ledger import Reduced
from controller.messages.record import recorded
from controller.messages.reducer import reduce
from controller.rules.run import Run
from controller.types.cascades import Audit


@dataclass(slots=True)
class Replay:
    """What came of it."""

    cascade: Cascade
    steps: list[Reduced] = field(default_factory=list)
    differs: str = ""  # where it left the record, in words; "" if it did not


def replay(cascade: Cascade, history: Iterable[Audit]) -> Replay:
    """Play a history again, with the plan and the terms of ``cascade``, which stays as it is.

    What the planner wrote down before the cascade began is passed over: it has a replay of its own (`health.choice`).
    """
    again = Cascade(
        cascade.id, cascade.tenant, cascade.plan_id, Run(cascade.run.plan), cascade.terms, created=cascade.created
    )
    result = Replay(again)
    expected: list[Audit] = []
    for audit in history:
        if "event" in audit.decision:
            _compare(expected, result)
            event, now, circumstances = recorded(audit.decision)
            step = reduce(again, event, now, circumstances)
            result.steps.append(step)
            expected = list(step.audit)
        elif not result.steps:
            continue
        if result.differs:
            return result
        if not expected or expected.pop(0) != audit:
            result.differs = (
                f"{audit.event} of attempt {audit.attempt} via {audit.provider or 'nobody'} does not come out"
            )
            return result
    _compare(expected, result)
    return result


def _compare(left: list[Audit], result: Replay) -> None:
    """Whether all that an event came to stands in the record."""
    if left and not result.differs:
        result.differs = f"{left[0].event} of attempt {left[0].attempt} is not in the record"
