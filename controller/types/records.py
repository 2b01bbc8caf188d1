"""What observers want to know: the record of a call, and all other news."""

from __future__ import annotations

from dataclasses import dataclass

from controller.types.health import (
    CertificateExpiring,
    Exercised,
    MediaNews,
    Overloaded,
    Page,
    Registered,
    TlsRefused,
    Transition,
    Uplink,
)
from controller.types.placed import PlacedNews
from controller.types.runs import Decided, Demoted, Offer, Skipped
from controller.types.texts import TextNews


@dataclass(slots=True)
class AttemptRecord:
    """What became of one attempt."""

    path: str
    started: float  # seconds after the offer
    milestone: str
    cause: str  # why it ended or was given up; "" for a winner, unless it answered after it had been given up
    rang: float | None = None  # seconds after the offer; None: it was never heard to ring
    hedge: bool = False  # started beside a silent one
    stage: int = 0  # of the chain, from 1
    beside: int = 0  # the silent attempt, from 1, that it was started beside; 0 for none
    ended: float | None = None  # seconds after the offer; None for the winner


@dataclass(slots=True)
class Fault:
    """A bug of ours showed itself in one call; the others go on."""

    what: str  # the traceback


@dataclass(slots=True)
class CallRecord:
    """What became of one offer: where it went, why, and what came of it."""

    offer: Offer
    chain: str
    status: int  # the final response the caller got
    winner: str | None  # the path that answered
    cause: str  # why nobody did
    seconds: float  # from the offer to its final response
    attempts: list[AttemptRecord]
    skipped: tuple[Skipped, ...]
    panic: bool
    version: str
    demoted: tuple[Demoted, ...] = ()
    decisions: tuple[Decided, ...] = ()
    refusal: str = ""  # why nobody was to be tried


#: What observers of the engine want to know.
News = (
    CallRecord
    | CertificateExpiring
    | Exercised
    | Fault
    | MediaNews
    | Overloaded
    | Page
    | PlacedNews
    | Registered
    | TextNews
    | TlsRefused
    | Transition
    | Uplink
)
