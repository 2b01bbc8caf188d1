"""Alerts as the dialplan has them: who can be told, and which alerts go to whom. No behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from controller.types.smtp import Smtp

#: Seconds that something is wrong before anybody is told (as long as `Page` waits), and that all is well before it is
#: said to be over: once more for each time that it came back.
HOLD, SETTLE = 5.0, 30.0


class Severity(StrEnum):
    """How bad it is."""

    CRITICAL = "critical"  # calls or messages are lost, or nearly: wake somebody
    WARNING = "warning"  # it can wait for the morning


class Kind(StrEnum):
    """What is wrong."""

    TRUNK = "trunk"  # down
    UPLINK = "uplink"  # all trunks fell at once: rather our own line
    QUALITY = "quality"  # a trunk that lives, and does not carry calls as it should
    REGISTRATION = "registration"  # lost: its carrier's calls do not come
    CERTIFICATE = "certificate"  # runs out soon, has, or is refused
    OVERLOAD = "overload"  # new calls are turned away
    MEDIA = "media"  # the media relay is silent
    DAEMON = "daemon"  # a process of ours does not answer
    PROVIDER = "provider"  # of messages: down, or kept from messages
    STORE = "store"  # of messages: lost
    FAULT = "fault"  # a bug of ours showed itself


class Group(StrEnum):
    """What is told as one."""

    CAUSE = "cause"  # all that has one cause, as far as it shows
    CARRIER = "carrier"
    SITE = "site"
    KIND = "kind"
    ALL = "all"
    EACH = "each"  # nothing


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """Alertmanager, by its API v2."""

    url: str


@dataclass(frozen=True, slots=True)
class PagerDuty:
    """A service of PagerDuty, by its Events API v2."""

    key: str = field(repr=False)
    url: str = "https://events.pagerduty.com"


@dataclass(frozen=True, slots=True)
class Webhook:
    """Any URL; what is posted is signed as the callbacks of messages are."""

    url: str = field(repr=False)  # may be all that it asks for
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Slack:
    """A channel, by an incoming webhook; its URL is the secret."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Email:
    """People who get a mail."""

    smtp: Smtp
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Apprise:
    """Whatever the library of that name knows; its URLs hold secrets."""

    urls: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mqtt:
    """The broker of `mqtt`."""


Target = Alertmanager | PagerDuty | Webhook | Slack | Email | Apprise | Mqtt


@dataclass(frozen=True, slots=True)
class Notifier:
    """One way to tell somebody."""

    name: str
    target: Target
    where: str = ""  # file:line


@dataclass(frozen=True, slots=True)
class Match:
    """Which alerts; what is empty matches all."""

    kinds: frozenset[Kind] = frozenset()
    severities: frozenset[Severity] = frozenset()
    carriers: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Step:
    """Who is told where nobody has acknowledged."""

    after: float  # seconds since the step before
    notify: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AlertRoute:
    """Which alerts go to whom; the first that matches."""

    name: str
    match: Match
    notify: tuple[str, ...]
    hold: float = HOLD
    settle: float = SETTLE
    group_by: Group = Group.CAUSE
    quiet: str = ""  # while this calendar is open, nobody is told of what is not critical
    quiet_unless: str = ""  # the same while this one is closed
    escalate: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Alerts:
    """All that alerts go by."""

    notifiers: tuple[Notifier, ...] = ()
    routes: tuple[AlertRoute, ...] = ()
