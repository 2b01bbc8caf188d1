"""The words of alerts: conditions in, incidents kept, notices out.

Owns them and how they are written down. Must not decide anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from controller.types.alerts import Kind, Severity


class What(StrEnum):
    """What somebody is told of an incident. The values are those of PagerDuty where it has one."""

    TRIGGER = "trigger"
    UPDATE = "update"  # for those who follow each change
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that is wrong now."""

    kind: Kind
    name: str  # of the trunk, provider, daemon or whatever it is about
    severity: Severity
    why: str  # a sentence, or ""
    since: float | None = None  # seconds since the epoch; None: when it is first seen
    labels: Mapping[str, str] = field(default_factory=dict)  # carrier, site, address; where they are known

    @property
    def id(self) -> str:
        """Unique among what is wrong at one time, and the same for as long as it is."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Sight:
    """All that is wrong, and of which kinds nothing can be said now: those stay as they were."""

    conditions: tuple[Condition, ...]
    unknown: frozenset[Kind] = frozenset()


@dataclass(slots=True)
class Member:
    """A condition as part of an incident. Times are seconds since the epoch."""

    kind: Kind
    name: str
    severity: Severity
    why: str
    since: float
    labels: dict[str, str]
    ended: float | None = None

    @property
    def id(self) -> str:
        """As that of its condition."""
        return f"{self.kind}:{self.name}"


@dataclass(slots=True)
class Line:
    """Something happened to an incident."""

    at: float
    what: str


@dataclass(slots=True)
class Incident:
    """One outage, as people hear of it. Times are seconds since the epoch."""

    id: str
    route: str
    cause: tuple[str, str]  # ("carrier", "a"): what its members have in common
    whole: bool  # all that belongs to the cause fell
    opened: float
    members: dict[str, Member] = field(default_factory=dict)
    told: float | None = None  # when first; None: nobody was
    last_told: float = 0.0  # when last, of something new
    refreshed: float = 0.0
    acknowledged: str = ""  # by whom
    step: int = 0  # how many steps of escalation were taken
    step_at: float = 0.0  # when the last of them, or the first telling
    notified: list[str] = field(default_factory=list)
    unheard: list[str] = field(default_factory=list)  # those who could not be reached
    grown: bool = False  # after a long time, and nobody was told: it is quiet
    returns: int = 0  # so many times all was well, and did not stay so
    resolved: float | None = None
    lines: list[Line] = field(default_factory=list)

    @property
    def severity(self) -> Severity:
        """That of its worst member that lasts; of its worst where none does."""
        lasting = [each for each in self.members.values() if each.ended is None] or list(self.members.values())
        worst = any(each.severity is Severity.CRITICAL for each in lasting)
        return Severity.CRITICAL if worst else Severity.WARNING

    @property
    def calm_since(self) -> float | None:
        """Since when all is well; None while something lasts."""
        ends = [each.ended for each in self.members.values()]
        return None if None in ends else max((each for each in ends if each is not None), default=self.opened)


@dataclass(frozen=True, slots=True)
class Tell:
    """Somebody is to be told. ``incident`` is as it is now: who wants to keep it makes a `Notice` of it."""

    notifier: str
    what: What
    incident: Incident


def dump_incident(incident: Incident) -> dict[str, Any]:
    """As plain data."""
    return asdict(incident)


def shift_incident(incident: Incident, seconds: float) -> None:
    """All of its times, as if it had happened so much later: the clock was set."""
    for line in incident.lines:
        line.at += seconds
    for member in incident.members.values():
        member.since += seconds
        member.ended = member.ended + seconds if member.ended is not None else None
    incident.opened += seconds
    incident.told = incident.told + seconds if incident.told is not None else None
    incident.last_told += seconds
    incident.refreshed += seconds
    incident.step_at += seconds


def load_incident(data: Mapping[str, Any]) -> Incident:
    """What `dump_incident` gave. Raises `ValueError`, `TypeError` or `LookupError` for anything else."""
    members = {
        name: Member(**{**each, "kind": Kind(each["kind"]), "severity": Severity(each["severity"])})
        for name, each in data["members"].items()
    }
    lines = [Line(**each) for each in data["lines"]]
    subject, value = data["cause"]
    return Incident(**{**data, "members": members, "lines": lines, "cause": (subject, value)})
