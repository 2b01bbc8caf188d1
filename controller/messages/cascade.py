"""A cascade as it is written down between two events: the state that the reducer takes and gives.

Owns the row and its plain data. Must not decide: that is `messages.reducer`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from math import inf
from operator import attrgetter
from typing import Any

from controller.rules.attempt import AttemptState
from controller.rules.run import Run
from controller.rules.saved import copy_run
from controller.types import Plan
from controller.types.cascades import CascadeStatus, SendPhase

_OPEN = AttemptState.OPEN


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed when the cascade was accepted; never changed."""

    expires: float  # seconds since the epoch: nothing is sent after it
    max_attempts: int = 6
    max_cost: float | None = None
    lease: float = 5.0  # seconds: how long an adapter may take before the send counts as unclear
    floors: dict[str, float] = field(default_factory=dict)  # by provider: seconds that a delivery takes at least
    costs: dict[str, float] = field(default_factory=dict)  # by provider: of one message to this number
    upstreams: dict[str, str] = field(default_factory=dict)  # by provider
    dedup: dict[str, str] = field(default_factory=dict)  # by provider: `Dedup`
    channels: dict[str, str] = field(default_factory=dict)  # by provider
    region: tuple[str, ...] = ()  # of the recipient, for health: country, operator
    weight: float = 1.0  # of its outcomes as evidence: 1 - fraud score
    fanout: tuple[int, ...] = ()  # by stage: so many providers at most; 0: all
    senders: dict[str, str] = field(default_factory=dict)  # by provider that has any: which number or name of ours
    circumstances: tuple[str, ...] = ()  # its outcomes are seen under, for health: who asks, and in which burst


@dataclass(slots=True)
class Send:
    """One attempt that was handed to a provider. What the reducer withheld leaves a gap in the numbers."""

    attempt: int
    provider: str
    send_key: str
    started: float
    phase: SendPhase = SendPhase.SENDING
    ref: str = ""
    cost: float = 0.0  # what it costs if it is sent
    spent: bool = False  # it was sent, or must be assumed to be
    outcome: str = ""  # how it ended, as a code
    ended: float = 0.0
    asked: int = 0  # so often was the provider asked, or given the same key again
    looking: bool = False  # it is being asked whether it has it
    judged: str = ""  # the code that health was told last; "" for none


@dataclass(slots=True)
class Cascade:
    """One row. ``plan_id`` names the plan, which is stored once for all cascades that have the same."""

    id: str
    tenant: str
    plan_id: str
    run: Run
    terms: Terms
    status: CascadeStatus = CascadeStatus.ACTIVE
    reason: str = ""  # why it is over
    created: float = 0.0
    ended: float = 0.0
    due: float | None = None  # when `DueReached` is wanted: a timer, the end of the window, or the lease of a send
    sends: list[Send] = field(default_factory=list)  # in the order of their attempts
    winner: int = 0  # the attempt that completed it; 0 for feedback alone, or none
    verified: bool = False
    late: bool = False  # delivered after it was over
    failed: bool = False  # whoever asked said that the code was of no use

    @property
    def cost(self) -> float:
        """What was spent so far."""
        return sum(send.cost for send in self.sends if send.spent)

    def send_of(self, attempt: int) -> Send | None:
        """What was sent by an attempt; None for a number that nothing was sent by."""
        for send in self.sends:  # no generator: it is asked several times for every event
            if send.attempt == attempt:
                return send
        return None

    def current(self) -> Send | None:
        """The send whose turn it is."""
        for attempt in reversed(self.run.attempts.values()):
            if attempt.state is _OPEN:
                return self.send_of(attempt.id)
        return None

    def wants(self, attempt: int) -> bool:
        """Whether what this attempt would bring is still of use: it is not over, and no other attempt has its turn."""
        found = self.run.attempts.get(attempt)
        return self.status is CascadeStatus.ACTIVE and found is not None and found.state is AttemptState.OPEN

    def step_of(self, attempt: int) -> int:
        """The step that an attempt belongs to, as the dialplan counts them, from 1."""
        return step_number(self.run.plan, self.run.attempts[attempt].stage)

    def copy(self) -> Cascade:
        """The same, and what becomes of the one is not seen in the other. Plan and terms, which never change, are shared."""
        other = Cascade(*_of_cascade(self))
        other.run = copy_run(self.run)
        other.sends = [Send(*_of_send(send)) for send in self.sends]
        return other

    def dump(self) -> dict[str, Any]:
        """The state without the plan, as plain data; id, tenant, plan and the columns that are searched stay out."""
        return {
            "run": self.run.dump_state(),
            "terms": dump_terms(self.terms),
            "reason": self.reason,
            "ended": self.ended,
            "sends": [_shallow(send, _SEND) for send in self.sends],
            "winner": self.winner,
            "verified": self.verified,
            "late": self.late,
            "failed": self.failed,
        }

    @classmethod
    def load(
        cls,
        data: dict[str, Any],
        plan: Plan,
        *,
        id: str,  # noqa: A002  # as the column
        tenant: str,
        plan_id: str,
        status: str,
        created: float,
        due: float | None,
    ) -> Cascade:
        """What `dump` gave, with its columns."""
        return cls(
            id,
            tenant,
            plan_id,
            Run.load_state(data["run"], plan),
            load_terms(data["terms"]),
            CascadeStatus(status),
            data["reason"],
            created,
            data["ended"],
            due,
            [Send(**{**send, "phase": SendPhase(send["phase"])}) for send in data["sends"]],
            data["winner"],
            data["verified"],
            data["late"],
            data["failed"],
        )

    def next_due(self, lease_until: float = inf) -> float | None:
        """When something must happen: the run's deadline, the end of the window, or the end of a send's lease."""
        if self.status is not CascadeStatus.ACTIVE:
            return None
        return min(self.run.deadline(), self.terms.expires, lease_until)


def step_number(plan: Plan, stage: int) -> int:
    """Which step of the cascade a stage of its plan is, from 1: steps that nobody can carry are not in the plan.

    0 before the first one.
    """
    stages = plan.stages
    return (stages[stage].number or stage + 1) if 0 <= stage < len(stages) else stage + 1


_TERMS, _SEND, _CASCADE = (tuple(one.name for one in fields(kind)) for kind in (Terms, Send, Cascade))
_of_send: Callable[[Send], tuple[Any, ...]] = attrgetter(*_SEND)
_of_cascade: Callable[[Cascade], tuple[Any, ...]] = attrgetter(*_CASCADE)


def _shallow(thing: Terms | Send, names: tuple[str, ...]) -> dict[str, Any]:
    """As `dataclasses.asdict`, which copies all that is within: too slow for every event of every cascade."""
    return {name: getattr(thing, name) for name in names}


def dump_terms(terms: Terms) -> dict[str, Any]:
    """Terms as plain data."""
    return _shallow(terms, _TERMS)


def load_terms(data: dict[str, Any]) -> Terms:
    """What `dump_terms` gave, also if it was JSON meanwhile."""
    tuples = {name: tuple(data.get(name, ())) for name in ("region", "fanout", "circumstances")}
    return Terms(**{**data, **tuples})
