"""Offers, plans, and the two vocabularies of a run: events in the past tense, commands in the imperative."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.types.dialplan import Path, Stage
from controller.types.words import Milestone, Verdict


@dataclass(frozen=True, slots=True)
class Offer:
    """An incoming call or message to be routed."""

    id: str
    did: str  # the called number
    caller: str = ""
    moment: float = 0.0  # wall time
    trunk: str = ""  # whose address it came from; "" for an unknown one
    ours: bool = False  # we call ourselves, by a chain of our own


@dataclass(frozen=True, slots=True)
class Skipped:
    """A stage that the plan leaves out, or a path that it tries only when what else there is has failed, and why."""

    what: str
    why: str
    stage: int = field(default=0, compare=False)  # of the chain, from 1
    barred: bool = field(default=False, compare=False)  # a path that is not tried as long as this holds


@dataclass(frozen=True, slots=True)
class Demoted:
    """A path that the plan puts behind the other paths of its target, and why."""

    what: str
    why: str
    stage: int = field(default=0, compare=False)  # of the chain, from 1


@dataclass(frozen=True, slots=True)
class Decided:
    """The paths of one target were put in an order by the quality of their trunks."""

    what: str  # the endpoint
    stage: int
    order: tuple[str, ...]  # trunks
    how: str  # leader, canary, rising, panic
    why: str  # a sentence
    record: Mapping[str, Any]  # all that the choice was made of: controller.health.choice.Record, replays to the order


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nobody may be tried, and what the caller gets unless somebody is tried after all."""

    cause: str  # `FULL` or `FORBIDDEN`
    status: int
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A chain resolved for this offer now: what a run executes, unchanged by reloads."""

    chain: str
    stages: tuple[Stage, ...]
    hedges: Mapping[str, float]  # trunk -> delay that `hedge: auto` means, seconds
    causes: Mapping[str, Verdict]
    until: Milestone = Milestone.ANSWERED
    skipped: tuple[Skipped, ...] = ()
    panic: bool = False  # nothing looked alive, so health was ignored
    version: str = ""  # of the dialplan
    demoted: tuple[Demoted, ...] = ()
    decisions: tuple[Decided, ...] = ()  # of quality, about targets with several paths
    refusal: Refusal | None = None


# --------------------------------------------------------------------------- events of a run


@dataclass(slots=True)
class AttemptProgressed:
    """An attempt showed life; at the plan's `until` level this is success."""

    attempt: int
    milestone: Milestone


@dataclass(slots=True)
class AttemptFailed:
    """An attempt ended without success."""

    attempt: int
    cause: str  # a SIP status ("486") or one of the causes above


@dataclass(slots=True)
class TrunkLost:
    """Health says that a trunk is down."""

    trunk: str


@dataclass(slots=True)
class OfferWithdrawn:
    """The caller hung up, or the sender took the message back."""


@dataclass(slots=True)
class DeadlineReached:
    """The run's deadline has come; it decides itself what is due."""


RunEvent = AttemptProgressed | AttemptFailed | TrunkLost | OfferWithdrawn | DeadlineReached

# --------------------------------------------------------------------------- commands of a run


@dataclass(slots=True)
class StartAttempt:
    """Try this path now. ``trial`` counts the tries of the same path within the run, from 1."""

    attempt: int
    path: Path
    trial: int = 1


@dataclass(slots=True)
class CancelAttempt:
    """Stop trying; a success that still comes is a late success."""

    attempt: int
    why: str


@dataclass(slots=True)
class ReportSilent:
    """An attempt has shown no sign of life for its hedge delay: evidence for health, not yet a failure."""

    attempt: int


@dataclass(slots=True)
class Finish:
    """The run is over: exactly one of these per run. ``winner`` is None when nobody answered."""

    winner: int | None
    cause: str


@dataclass(slots=True)
class ReportLate:
    """An attempt succeeded after the run was over: for the record, nothing new is started."""

    attempt: int


RunCommand = StartAttempt | CancelAttempt | ReportSilent | Finish | ReportLate
