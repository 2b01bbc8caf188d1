"""Cascades for tests: a plan from words, events in short form, what came of each as plain values.

`whatsapp/wa-1` is a step of one provider, `sms/sms-1,sms-2` one of two.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from math import inf
from typing import Any, Self

from controller.messages.cascade import Cascade, Terms
from controller.messages.ledger import Reduced
from controller.messages.reducer import reduce
from controller.messages.verdicts import table
from controller.rules.run import Run
from controller.types import Milestone, Path, Plan, Stage, Target, Verdict
from controller.types.cascades import (
    CascadeBegun,
    CascadeCancelled,
    CascadeEvent,
    Circumstances,
    DueReached,
    FeedbackGiven,
    LookUpSend,
    ObserveOutcome,
    Outcome,
    ReportReceived,
    SendAccepted,
    SendMessage,
    SendRefused,
    SendUnclear,
    TellClient,
    WithdrawSend,
)

EPOCH = 1_763_700_000.0
CALM = Circumstances()


def make_stage(words: str, *, wait: float = 20.0, until: Milestone = Milestone.ANSWERED) -> Stage:
    """One step: a channel and its providers."""
    channel, _, names = words.partition("/")
    paths = tuple(Path(f"{channel} via {name}", channel, name, "", cancellable=False) for name in names.split(","))
    return Stage((Target(channel, paths),), ring=wait, no_reply=inf, no_progress=inf, hedge=None, until=until)


def make_plan(*stages: str | Stage, causes: Mapping[str, Verdict] | None = None) -> Plan:
    """A plan of these steps."""
    made = tuple(make_stage(stage) if isinstance(stage, str) else stage for stage in stages)
    return Plan("otp", made, {}, table(causes or {}))


def make_terms(plan: Plan, **given: Any) -> Terms:
    """Terms for a plan: a window of three minutes, providers that cannot deduplicate unless said otherwise."""
    paths = [path for stage in plan.stages for target in stage.targets for path in target.paths]
    terms = Terms(
        expires=EPOCH + 180.0,
        lease=5.0,
        floors={path.trunk: 1.0 for path in paths},
        costs={path.trunk: 0.01 for path in paths},
        channels={path.trunk: path.endpoint for path in paths},
    )
    return replace(terms, **given)


def make_cascade(plan: Plan, name: str = "c1", **given: Any) -> Cascade:
    """A cascade that has not begun."""
    return Cascade(name, "acme", "p1", Run(plan), make_terms(plan, **given), created=EPOCH)


def reload(cascade: Cascade) -> Cascade:
    """The same, as it comes back from a row."""
    return copy(cascade, json.loads(json.dumps(cascade.dump())))


def copy(cascade: Cascade, data: dict[str, Any]) -> Cascade:
    """What a row with this data would be loaded as."""
    return Cascade.load(
        data,
        cascade.run.plan,
        id=cascade.id,
        tenant=cascade.tenant,
        plan_id=cascade.plan_id,
        status=cascade.status.value,
        created=cascade.created,
        due=cascade.due,
    )


class Case:
    """A cascade with a clock. Each event goes through a row; `commands` and `audit` are of the last event."""

    def __init__(self, *stages: str | Stage, causes: Mapping[str, Verdict] | None = None, **given: Any) -> None:
        self.cascade = make_cascade(make_plan(*stages, causes=causes), **given)
        self.now = EPOCH
        self.last = Reduced()
        self.history: list[tuple[CascadeEvent, Reduced]] = []
        self.circumstances = CALM

    def at(self, seconds: float) -> Self:
        """Let the clock stand so many seconds after the beginning."""
        self.now = EPOCH + seconds
        return self

    def take(self, event: CascadeEvent) -> Self:
        self.cascade = reload(self.cascade)
        self.last = reduce(self.cascade, event, self.now, self.circumstances)
        self.history.append((event, self.last))
        return self

    def begin(self) -> Self:
        return self.take(CascadeBegun())

    def accepted(self, attempt: int, ref: str = "", **given: Any) -> Self:
        return self.take(SendAccepted(attempt, ref or f"ref-{attempt}", **given))

    def refused(self, attempt: int, cause: str, **given: Any) -> Self:
        return self.take(SendRefused(attempt, cause, **given))

    def unclear(self, attempt: int, cause: str = "timeout") -> Self:
        return self.take(SendUnclear(attempt, cause))

    def delivered(self, attempt: int, milestone: Milestone = Milestone.ANSWERED) -> Self:
        return self.take(ReportReceived(attempt, milestone))

    def failed(self, attempt: int, cause: str = "undelivered") -> Self:
        return self.take(ReportReceived(attempt, None, cause))

    def verified(self) -> Self:
        return self.take(FeedbackGiven(Outcome.VERIFIED))

    def not_verified(self) -> Self:
        return self.take(FeedbackGiven(Outcome.FAILED))

    def cancelled(self) -> Self:
        return self.take(CascadeCancelled())

    def due(self, *, recovered: bool = False) -> Self:
        return self.take(DueReached(recovered))

    @property
    def sent(self) -> list[str]:
        """Send keys and providers that are to be handed over now."""
        return [f"{c.provider} {c.send_key}" for c in self.last.commands if isinstance(c, SendMessage)]

    @property
    def asked(self) -> list[str]:
        return [c.provider for c in self.last.commands if isinstance(c, LookUpSend)]

    @property
    def withdrawn(self) -> list[str]:
        return [f"{c.provider} {c.send_key}" for c in self.last.commands if isinstance(c, WithdrawSend)]

    @property
    def told(self) -> list[str]:
        return [c.event for c in self.last.commands if isinstance(c, TellClient)]

    @property
    def evidence(self) -> list[tuple[str, str]]:
        return [(c.provider, c.code) for c in self.last.commands if isinstance(c, ObserveOutcome)]

    @property
    def events(self) -> list[str]:
        return [audit.event for audit in self.last.audit]

    @property
    def outcome(self) -> tuple[str, str]:
        return self.cascade.status.value, self.cascade.reason

    @property
    def wakes(self) -> float | None:
        """When it wants to be looked at again, in seconds after the beginning."""
        return None if self.cascade.due is None else self.cascade.due - EPOCH
