"""Health evidence and what comes of it: samples, transitions, the view that plans are made by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.types.words import LEAST_HEDGE, TargetState


@dataclass(slots=True)
class Sample:
    """Any health evidence: a probe result or a sign from live traffic."""

    trunk: str
    alive: bool
    code: str  # "PROBE_200", "PROBE_TIMEOUT", "CALL_RESPONSE", "TRANSPORT_ERROR" ...
    latency: float | None = None  # seconds from request to first response, where measured


@dataclass(slots=True)
class CallSign:
    """What a call tells about the quality of a trunk."""

    trunk: str
    code: str  # a SIP status, a cause of ours, `ANSWERED` or `TALKED`
    age: float  # seconds from the INVITE to it; for `TALKED`, how long
    after: tuple[tuple[str, str], ...] = ()  # (trunk, code) of earlier attempts for the same endpoint that failed
    retry_after: float = 0.0  # seconds, whatever the trunk asked for


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of a trunk's state, with its reason."""

    trunk: str
    old: TargetState
    new: TargetState
    at: float
    code: str  # short and stable, for a status page
    why: str  # a sentence, for a log


@dataclass(frozen=True, slots=True)
class Page:
    """A trunk has been DOWN for so long that somebody should be woken; its `Transition` to UP resolves it."""

    trunk: str
    at: float
    since: float  # when it went DOWN
    code: str
    why: str


@dataclass(frozen=True, slots=True)
class Exercised:
    """A test call over a trunk is over."""

    trunk: str
    passed: bool | None  # None: it was called off, and shows nothing
    what: str  # what came of it, for people
    at: float
    seconds: float  # from its INVITE to that
    drill: bool = False  # an operator had asked for it


@dataclass(frozen=True, slots=True)
class CertificateExpiring:
    """A certificate runs out soon, or has: ours, or one that a trunk shows."""

    owner: str  # "trunk carrier-a", "listener tls:0.0.0.0:5061"
    not_after: float  # seconds since the epoch
    days: int  # which warning this is: 30, 14, 3, 0 for expired
    why: str  # a sentence


@dataclass(frozen=True, slots=True)
class TlsRefused:
    """A trunk could not be reached securely, and is not reached at all then."""

    trunk: str
    why: str  # a sentence about the other side


@dataclass(frozen=True, slots=True)
class Overloaded:
    """More comes than can be dealt with, so that new calls are turned away; or it is over."""

    begins: bool
    at: float
    turned_away: int  # calls, since the start of the daemon


@dataclass(frozen=True, slots=True)
class Uplink:
    """All trunks fell at once, which is more likely our own uplink; or one of them lives again."""

    suspected: bool
    at: float
    why: str


@dataclass(frozen=True, slots=True)
class Registered:
    """The registration of a trunk has come about or is lost; or its first try has failed."""

    trunk: str
    bound: bool
    at: float
    why: str  # where, or what is wrong


@dataclass(frozen=True, slots=True)
class TrunkHealth:
    """What the board knows of one trunk."""

    state: TargetState = TargetState.UNKNOWN
    since: float = 0.0
    code: str = ""
    hedge: float = LEAST_HEDGE  # what `hedge: auto` means on this trunk now, seconds
    paged: bool = False  # DOWN, and somebody was woken


@dataclass(frozen=True, slots=True)
class HealthView:
    """Immutable snapshot of the board; a trunk that is not in it is UNKNOWN."""

    version: int = 0
    trunks: Mapping[str, TrunkHealth] = field(default_factory=dict)
    uplink: str = ""  # why our own uplink is suspected, so that plans ignore health


@dataclass(frozen=True, slots=True)
class MediaNews:
    """The media relay is silent, or answers again; calls go on either way."""

    relay: str  # its address
    answers: bool
    at: float
    why: str
