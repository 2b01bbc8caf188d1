"""Cascades as the API shows them: plain data out of rows and their history, never a number, an address or a text.

Owns the words of answers. Must not look anything up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from controller.messages.cascade import Cascade, Send, step_number
from controller.messages.stamps import stamp
from controller.store.base import Facts, History
from controller.types.cascades import CascadeStatus, SendPhase
from controller.types.messages import Channel


class AttemptView(BaseModel):
    """One send, as far as it is known."""

    attempt: int
    step: int = Field(description="of the cascade, from 1: as the dialplan counts them")
    channel: Channel | str
    provider: str
    phase: SendPhase
    milestone: str = Field(default="", description="none, accepted, sent, delivered or read")
    started: str = Field(description="RFC 3339")
    ended: str | None = None
    outcome: str = Field(default="", description="how it ended, as a code")
    ref: str = Field(default="", description="what the provider calls it")
    cost: float = 0.0


class CascadeView(BaseModel):
    """One cascade."""

    id: str
    status: CascadeStatus
    reason: str = Field(default="", description="why it is over, as a code")
    step: int = Field(description="the latest that was begun, as the dialplan counts them, from 1; 0 before the first")
    steps: int = Field(description="the number of the last one that somebody can carry")
    created: str = Field(description="RFC 3339")
    expires: str = Field(description="nothing is sent after this")
    ended: str | None = None
    cascade: str = Field(default="", description="the name of the cascade in the dialplan")
    use_case: str = ""
    class_: str = Field(default="standard", alias="class")
    country: str = ""
    cost: float = 0.0
    winner: int = Field(default=0, description="the attempt that got as far as it should; 0: none")
    verified: bool = False
    late: bool = Field(default=False, description="delivered after it was over")
    attempts: list[AttemptView] = Field(default_factory=list)
    links: dict[str, str] = Field(default_factory=dict)


class CascadePage(BaseModel):
    """Some cascades, the newest first."""

    cascades: list[CascadeView]
    next: str | None = Field(default=None, description="`before` of the next page; null: that was all")


class Transition(BaseModel):
    """One line of the history."""

    seq: int
    at: str
    event: str
    old: str = ""
    new: str = ""
    reason: str = ""
    attempt: int = 0
    provider: str = ""
    decision: dict[str, Any] = Field(default_factory=dict, description="all that it was decided by; it replays")


class Explanation(BaseModel):
    """Where it went, why, and what came of it."""

    cascade: CascadeView
    version: str = Field(description="of the dialplan")
    plan: list[dict[str, Any]] = Field(description="steps with their providers, in the order they were to be tried")
    skipped: list[dict[str, Any]] = Field(description="what was left out or put behind, and why")
    history: list[Transition]


class Foresight(BaseModel):
    """Where a request would go now (`messages.explanation`); times in seconds, costs in the unit of the dialplan."""

    country: str = Field(description="ISO 3166")
    operator: str
    operator_source: str = Field(description="how the operator is known: `report`, `lookup`, `range`, `guess`")
    kind: str = Field(description="of number")
    cascade: str
    policies: list[str] = Field(description="that hold, the narrowest first")
    decided_by: dict[str, str] = Field(description="by key of the dialplan, the policy that decided it")
    window: float
    max_attempts: int
    max_cost: float | None
    weight: float = Field(description="of its outcomes as evidence about providers")
    refused: str = Field(description="a cause: nothing would be sent")
    refused_because: str
    steps: list[dict[str, Any]] = Field(description="with their providers, in the order they would be tried")
    excluded: list[dict[str, Any]] = Field(description="who is not used, and why")
    order: list[dict[str, Any]] = Field([], description="the sends when each is refused at once")
    worst: list[dict[str, Any]] = Field([], description="the sends when each is taken and nothing is ever reported")
    over_after: float = Field(0.0, description="when the latter is given up")


#: Milestones in the words of messages.
_REACHED = ("none", "accepted", "sent", "delivered", "read")


def links_of(cascade_id: str) -> dict[str, str]:
    """Where else something is to be had about a cascade."""
    here = f"/v1/cascades/{cascade_id}"
    return {"self": here, "explain": f"{here}/explain", "events": f"{here}/events"}


def show_receipt(cascade: Cascade) -> dict[str, Any]:
    """What whoever asked hears first, and again for the same key."""
    return {
        "id": cascade.id,
        "status": cascade.status._value_,
        "reason": cascade.reason,
        "created": stamp(cascade.created),
        "expires": stamp(cascade.terms.expires),
        "links": links_of(cascade.id),
    }


class Receipt(BaseModel):
    """A cascade that was accepted and written down."""

    id: str
    status: CascadeStatus
    reason: str = ""
    created: str
    expires: str
    links: dict[str, str]


def show_cascade(cascade: Cascade, facts: Facts) -> dict[str, Any]:
    """A cascade with its attempts."""
    plan = cascade.run.plan
    return {
        "id": cascade.id,
        "status": cascade.status._value_,
        "reason": cascade.reason,
        "step": step_number(plan, cascade.run.stage),
        "steps": step_number(plan, len(plan.stages) - 1),
        "created": stamp(cascade.created),
        "expires": stamp(cascade.terms.expires),
        "ended": stamp(cascade.ended) if cascade.ended else None,
        "cascade": facts.cascade,
        "use_case": facts.use_case,
        "class": facts.route_class,
        "country": facts.country,
        "cost": round(cascade.cost, 6),
        "winner": cascade.winner,
        "verified": cascade.verified,
        "late": cascade.late,
        "attempts": [_show_send(cascade, send) for send in cascade.sends],
        "links": links_of(cascade.id),
    }


def _show_send(cascade: Cascade, send: Send) -> dict[str, Any]:
    attempt = cascade.run.attempts.get(send.attempt)
    return {
        "attempt": send.attempt,
        "step": cascade.step_of(send.attempt) if attempt else 0,
        "channel": cascade.terms.channels.get(send.provider, ""),
        "provider": send.provider,
        "phase": send.phase.value,
        "milestone": _REACHED[attempt.milestone] if attempt else "",
        "started": stamp(send.started),
        "ended": stamp(send.ended) if send.ended else None,
        "outcome": send.outcome,
        "ref": send.ref,
        "cost": round(send.cost, 6) if send.spent else 0.0,
    }


def show_transition(row: History) -> dict[str, Any]:
    """One line of the history."""
    audit = row.audit
    return {
        "seq": row.seq,
        "at": stamp(row.at),
        "event": audit.event,
        "old": audit.old,
        "new": audit.new,
        "reason": audit.reason,
        "attempt": audit.attempt,
        "provider": audit.provider,
        "decision": audit.decision,
    }


def _excluded(history: Sequence[History]) -> list[dict[str, Any]]:
    """Whom the planner left out."""
    rows = (row.audit.decision.get("excluded", ()) for row in history if row.audit.event == "planned")
    return [
        {"what": name or "all of it", "why": why, "step": step} for excluded in rows for step, name, _, why in excluded
    ]


def show_explanation(cascade: Cascade, facts: Facts, history: Sequence[History]) -> dict[str, Any]:
    """All there is to say about why it went where it went."""
    plan = cascade.run.plan
    return {
        "cascade": show_cascade(cascade, facts),
        "version": plan.version or facts.version,
        "plan": [
            {
                "step": step_number(plan, place),
                "channel": target.endpoint,
                "until": _REACHED[stage.until if stage.until is not None else plan.until],
                "wait": stage.ring,
                "providers": [path.trunk for path in target.paths],
            }
            for place, stage in enumerate(plan.stages)
            for target in stage.targets
        ],
        "skipped": [
            *_excluded(history),
            *({"what": each.what, "why": each.why, "step": each.stage} for each in plan.skipped),
            *({"what": each.what, "why": each.why, "step": each.stage} for each in plan.demoted),
        ],
        "history": [show_transition(row) for row in history],
    }
