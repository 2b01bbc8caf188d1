"""The state of a cascade as a row holds it: small, and quick to write and to read, for it is done with every event.

Owns the order of its values. They stand without names, so fields of `Attempt`, `Send`, `Run` and `Cascade` may only be added
at the end, with a default, and rows of before stay readable. (`Cascade.dump` is the same with names, for people and tests.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from math import inf
from operator import attrgetter
from typing import Any

import msgspec

from controller.messages.cascade import Cascade, Send, Terms
from controller.rules.attempt import Attempt, AttemptState
from controller.rules.run import Run
from controller.types import Milestone, Plan
from controller.types.cascades import CascadeStatus, SendPhase

_ATTEMPT = tuple(one.name for one in fields(Attempt))
_SEND = tuple(one.name for one in fields(Send))
_MILESTONE, _STATE, _PHASE = _ATTEMPT.index("milestone"), _ATTEMPT.index("state"), _SEND.index("phase")
_MILESTONES, _STATES = {one.value: one for one in Milestone}, {one.value: one for one in AttemptState}
_PHASES, _STATUSES = {one.value: one for one in SendPhase}, {one.value: one for one in CascadeStatus}
_CASCADE = ("reason", "ended", "winner", "verified", "late", "failed")
_RUN = ("stage", "cursors", "hunting", "finished", "winner", "cause", "opened", "joins")

_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode

#: Words as their values, for what writes JSON takes longer for an enum.
_of_attempt: Callable[[Attempt], tuple[Any, ...]] = attrgetter(
    *(f"{name}._value_" if name in ("milestone", "state") else name for name in _ATTEMPT)
)
_of_send: Callable[[Send], tuple[Any, ...]] = attrgetter(
    *(f"{name}._value_" if name == "phase" else name for name in _SEND)
)
_of_cascade: Callable[[Cascade], tuple[Any, ...]] = attrgetter(*_CASCADE)
_of_run: Callable[[Run], tuple[Any, ...]] = attrgetter(*_RUN)

#: What is packed of each, so that a test sees what is forgotten.
PACKED = {
    Cascade: {*_CASCADE, "sends", "run", "id", "tenant", "plan_id", "terms", "status", "created", "due"},
    Run: {*_RUN, "attempts", "orders", "lost", "happened", "plan", "behind"},  # `behind` is said anew before each event
}


def pack(cascade: Cascade) -> str:
    """All of a cascade that is in no other column, as JSON; null stands for never (what is no number is null to msgspec)."""
    run = cascade.run
    data = (
        _of_cascade(cascade),
        [_of_send(send) for send in cascade.sends],
        _of_run(run),
        [_of_attempt(attempt) for attempt in run.attempts.values()],
        [(*place, *order) for place, order in run.orders.items()],
        list(run.lost),
        list(run.happened),
    )
    return _encode(data).decode()


def unpack(
    state: str,
    plan: Plan,
    terms: Terms,
    *,
    id: str,  # noqa: A002  # as the column
    tenant: str,
    plan_id: str,
    status: str,
    created: float,
    due: float | None,
) -> Cascade:
    """What `pack` gave, with its columns."""
    own, sends, of_run, attempts, orders, lost, happened = _decode(state)
    run = Run(plan)
    for name, value in zip(_RUN, of_run, strict=False):
        setattr(run, name, value)
    run.opened, run.joins = _instants(run.opened), _instants(run.joins)
    for row in attempts:
        row[_MILESTONE], row[_STATE] = _MILESTONES[row[_MILESTONE]], _STATES[row[_STATE]]
        run.attempts[row[0]] = Attempt(*_instants(row))
    run.orders = {(row[0], row[1]): row[2:] for row in orders}
    run.lost, run.happened = set(lost), set(happened)
    cascade = Cascade(id, tenant, plan_id, run, terms, _STATUSES[status], created=created, due=due)
    for name, value in zip(_CASCADE, own, strict=False):
        setattr(cascade, name, value)
    for row in sends:
        row[_PHASE] = _PHASES[row[_PHASE]]
        cascade.sends.append(Send(*row))
    return cascade


def name_sends(state: str) -> dict[str, Any]:
    """What figures need of a state: the cascade's own values and its sends, with names."""
    own, sends, *_ = _decode(state)
    data: dict[str, Any] = dict(zip(_CASCADE, own, strict=False))
    data["sends"] = [dict(zip(_SEND, row, strict=False)) for row in sends]
    return data


def _instants(values: list[Any]) -> list[Any]:
    return [inf if value is None else value for value in values] if None in values else values
