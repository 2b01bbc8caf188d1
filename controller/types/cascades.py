"""A cascade under way: the events that it takes and the commands that it gives. The driver is the broker.

Instants are seconds since the epoch: cascades outlive processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from controller.types.messages import Channel
from controller.types.words import Milestone


class CascadeStatus(StrEnum):
    """How far a cascade is. All but the first are final, and never left again."""

    ACTIVE = "active"
    COMPLETED = "completed"  # a step got as far as it should, or the code was verified
    EXHAUSTED = "exhausted"  # nothing is left to try, or no time, money or attempt
    CANCELLED = "cancelled"  # by whoever sent it
    REFUSED = "refused"  # nothing might be sent at all


class SendPhase(StrEnum):
    """Life of one send."""

    SENDING = "sending"  # written down, handed to the adapter, not answered
    WAITING = "waiting"  # the provider has it, or must be assumed to
    ENDED = "ended"


class Outcome(StrEnum):
    """What whoever asked says of the code that was sent."""

    VERIFIED = "verified"
    FAILED = "failed"  # typed in wrongly, or given up


# Causes of our own beside those of providers (`health.outcomes.MESSAGE` has the table of evidence).
NO_TIME = "NO_TIME"  # the window is over, or too short for the next
MAX_ATTEMPTS = "MAX_ATTEMPTS"
MAX_COST = "MAX_COST"
ENOUGH = "ENOUGH"  # the step has had as many providers as it may
NOT_WORTH = "NOT_WORTH"  # what is left promises less than it costs
LIMITED = "LIMITED"  # a limit is reached
OPTED_OUT = "OPTED_OUT"
FRAUD = "FRAUD"
NOT_ALLOWED = "NOT_ALLOWED"  # by policy
NO_PROVIDER = "NO_PROVIDER"  # nobody who could carry it
UNCLEAR = "UNCLEAR"  # it may have been sent; nobody can say

# Causes that adapters translate providers' words into, besides HTTP statuses and SMPP command statuses.
UNDELIVERED = "undelivered"
EXPIRED = "expired"
REJECTED = "rejected"
UNKNOWN_SUBSCRIBER = "unknown-subscriber"
NOT_ON_CHANNEL = "not-on-channel"
ABSENT = "absent"
BLOCKED = "blocked"
BAD_TEMPLATE = "bad-template"
TIMEOUT = "timeout"


# --------------------------------------------------------------------------- events


@dataclass(slots=True)
class CascadeBegun:
    """It is accepted and written down."""


@dataclass(slots=True)
class SendAccepted:
    """The provider took it."""

    attempt: int
    ref: str = ""  # what the provider calls it; "" for a provider that has no names
    milestone: Milestone = Milestone.ACCEPTED
    cost: float | None = None  # as the provider said


@dataclass(slots=True)
class SendRefused:
    """The provider did not take it: it is certain that nothing was sent."""

    attempt: int
    cause: str
    code: str = ""  # in the provider's words
    retry_after: float = 0.0  # seconds, as the provider asked
    asked: int = -1  # `Send.asked` when it was handed over: it may have been taken over since; -1: it was not


@dataclass(slots=True)
class SendUnclear:
    """Nobody can say whether the provider has it."""

    attempt: int
    cause: str
    asked: int = -1  # as of `SendRefused`


@dataclass(slots=True)
class ReportReceived:
    """A delivery report, authentic and normalised: a milestone, or else a cause."""

    attempt: int
    milestone: Milestone | None
    cause: str = ""
    code: str = ""
    cost: float | None = None
    at: float = 0.0  # when it happened, as the provider says; 0: it does not


@dataclass(slots=True)
class FeedbackGiven:
    """Whoever asked says what became of the code."""

    outcome: Outcome


@dataclass(slots=True)
class CascadeCancelled:
    """Whoever asked takes it back."""


@dataclass(slots=True)
class DueReached:
    """Its `due` has come: a timer, the end of the window, or a send of a past life that nobody answered."""

    recovered: bool = False  # the daemon that was sending is gone


CascadeEvent = (
    CascadeBegun
    | SendAccepted
    | SendRefused
    | SendUnclear
    | ReportReceived
    | FeedbackGiven
    | CascadeCancelled
    | DueReached
)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else counted when an event was taken; written down with it, so that it replays."""

    avoid: Mapping[str, str] = field(default_factory=dict)  # providers that others come before now, and why
    barred: Mapping[str, str] = field(default_factory=dict)  # providers that may not be used now, and why (limits)
    refuse: str = ""  # a cause: nothing more may be sent (opted out, fraud, a limit of the tenant)


# --------------------------------------------------------------------------- commands


@dataclass(slots=True)
class SendMessage:
    """Hand it to a provider. The intent is written down already."""

    attempt: int
    provider: str
    channel: Channel
    send_key: str  # "CASCADE:STEP:N"
    until: float  # no use after this
    sender: str = ""  # a number or name of ours; "" for the provider's default
    wait: float = 0.0  # seconds until the next has its turn; 0: nobody says


@dataclass(slots=True)
class LookUpSend:
    """Ask the provider by the send key whether it has the message; answer with the same events as for a send."""

    attempt: int
    provider: str
    send_key: str


@dataclass(slots=True)
class WithdrawSend:
    """Take back what was handed to a provider: it is of no use any more. Nobody answers; lost, it does no harm."""

    attempt: int
    provider: str
    send_key: str


@dataclass(slots=True)
class ObserveOutcome:
    """Evidence for health about one attempt: a code of `health.outcomes.MESSAGE`."""

    provider: str
    code: str
    after: tuple[str, ...] = ()  # providers that had failed for the same cascade
    age: float = 0.0
    retry_after: float = 0.0
    attempt: int = 0


@dataclass(slots=True)
class TellClient:
    """Something that the tenant may want to hear."""

    event: str  # "sent", "advanced", "completed", ...
    final: bool = False
    details: dict[str, Any] = field(default_factory=dict)  # holds no number, address or text


CascadeCommand = SendMessage | LookUpSend | WithdrawSend | ObserveOutcome | TellClient


@dataclass(slots=True)
class Audit:
    """One transition, for ever; holds no number, address or text."""

    event: str
    old: str
    new: str
    reason: str = ""
    attempt: int = 0
    provider: str = ""
    decision: dict[str, Any] = field(default_factory=dict)
