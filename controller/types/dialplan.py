"""The dialplan as it is compiled: who is rung, when, in which order, and for whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, tzinfo

from controller.types.messages import Messaging, Missed
from controller.types.ops import Ops
from controller.types.trunks import Dns, Hedge, Limits, Tenant, Tolls, Trunk
from controller.types.words import COUNT_FOR, Access, EarlyMedia, Milestone, Mode, Order, Verdict


@dataclass(frozen=True, slots=True)
class Site:
    """A place with PBXs; when all of them are DOWN, the site is."""

    name: str
    pbx: tuple[str, ...]  # trunks
    where: str = ""
    active: str = ""  # the PBX that is tried before the others


@dataclass(frozen=True, slots=True)
class Hours:
    """A calendar: when something is open, on the wall clock of its zone."""

    name: str
    zone: tzinfo
    #: By weekday, Monday first: spans in seconds after midnight; one that ends before it begins goes over midnight.
    open: tuple[tuple[tuple[int, int], ...], ...]
    holidays: Mapping[date, str] = field(default_factory=dict)  # closed days and their names
    where: str = ""


@dataclass(frozen=True, slots=True)
class When:
    """When a stage is tried; all that is named must hold."""

    hours: str = ""  # name of a calendar that must be open
    not_hours: str = ""  # name of a calendar that must be closed
    callers: tuple[str, ...] = ()  # beginnings of the caller's number, one of them
    trunks: tuple[tuple[str, bool], ...] = ()  # name, True for up: everything but DOWN
    sites: tuple[tuple[str, bool], ...] = ()
    overflow: tuple[str, ...] = ()  # one of these is full: trunks, `THE_NUMBER`, `THE_TENANT`, `ANYTHING`


@dataclass(frozen=True, slots=True)
class Path:
    """One concrete way: an endpoint via a trunk."""

    name: str  # "front-desk via hq-pbx": unique, stable across reloads
    endpoint: str
    trunk: str
    address: str  # what the driver needs; for SIP the Request-URI
    cancellable: bool = True  # a message once accepted is not
    group: str = ""  # that of its trunk


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint with its ordered paths, as compiled into a stage."""

    endpoint: str
    paths: tuple[Path, ...]
    live: bool = False  # a person or service that always answers
    dialled: bool = False  # its addresses want the dialled number; always False in a plan
    drawn: bool = False  # the order of a name's addresses is drawn for each offer; always False in a plan


@dataclass(frozen=True, slots=True)
class Stage:
    """Targets tried together under one mode. Its timers are policy, never SIP timers."""

    targets: tuple[Target, ...]
    mode: Mode = Mode.SEQUENTIAL
    ring: float = 20.0  # sequential: each path of a target may ring so long; parallel and hybrid: the stage
    no_reply: float = 2.0  # give an attempt up when nothing at all was heard for so long
    no_progress: float = 8.0  # give an attempt up when it is not alerting after so long
    stagger: float = 5.0  # hybrid: the next target joins after so long
    hedge: Hedge = "auto"
    where: str = ""
    when: When | None = None  # always None in a plan
    order: Order = Order.CONFIGURED  # of the paths of each target; in a plan they are in it
    early_media: EarlyMedia = EarlyMedia.PASS
    after: tuple[str, ...] = ()  # tried only once one of these has come to an attempt: `BUSY`, `UNANSWERED`
    max_cost: float | None = None  # per minute: dearer trunks are never used
    until: Milestone | None = None  # what is success here; None: as in the whole plan
    overflow: tuple[str, ...] = ()  # in a plan: tried only once one of these trunks, or `ANYTHING`, turned out full
    number: int = 0  # in the plan of a cascade: which of its steps this is, from 1; 0: the place in the plan tells


@dataclass(frozen=True, slots=True)
class Chain:
    """Ordered stages for a route."""

    name: str
    stages: tuple[Stage, ...]
    where: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """Match conditions that lead to a chain."""

    did: str  # as written, normally E.164 "+15557000"; "*" is the default route
    chain: str
    where: str = ""
    prefix: bool = False  # every number that begins with `did`
    outbound: bool = False  # for calls from our own PBXs; "" is then the beginning of any number
    limits: Limits | None = None  # of all its numbers together
    tenant: str = ""
    tolls: Tolls | None = None  # outbound only
    missed: Missed | None = None  # a message when nobody answered


@dataclass(frozen=True, slots=True)
class ListenTls:
    """What a TLS listener shows, and what it demands. Paths of PEM files."""

    certificate: str
    key: str
    ca: str = ""  # authorities that may have issued the certificates of callers; "": those of the system
    clients: bool = False  # callers must show one
    names: tuple[str, ...] = ()  # whom the certificate vouches for, when the dialplan was loaded
    until: float = 0.0  # and for how long, seconds since the epoch


@dataclass(frozen=True, slots=True)
class Listen:
    """An address the daemon listens on."""

    host: str
    port: int
    transport: str = "udp"
    where: str = ""
    name: str = ""  # as the operator calls it, "" for none; one of each transport may have the same
    listener: str = ""  # the name of it in a `Hop`: "" for the first of its transport
    advertise: tuple[str, int] | None = None  # what peers reach us by, where that is another address
    tls: ListenTls | None = None  # None: no TLS is spoken
    phones: bool = False  # strangers are asked who they are, instead of getting silence
    access: Access | None = None  # None: as the dialplan has it


@dataclass(frozen=True, slots=True)
class User:
    """A phone, or a PBX without an address of its own, that is known by a password."""

    name: str
    ha1: str = field(repr=False)  # what its digest is checked with, in `REALM`
    trunk: str = ""  # its calls are those of this trunk; "" for those of nobody that is known
    where: str = ""


@dataclass(frozen=True, slots=True)
class Media:
    """Where rtpengine listens for its ng protocol, and how long a call waits for its answer at most."""

    host: str  # IP literal
    port: int
    wait: float = 0.1
    where: str = ""


@dataclass(frozen=True, slots=True)
class Dialplan:
    """Everything compiled from one YAML file; immutable, swapped as a whole."""

    version: str  # short hash of the source: stands in every record
    listen: tuple[Listen, ...]
    trunks: Mapping[str, Trunk]
    chains: Mapping[str, Chain]
    routes: Mapping[str, Route]  # by DID
    default: Route | None = None
    causes: Mapping[str, Verdict] = field(default_factory=dict)  # overrides of rules.verdicts.DEFAULTS
    prefixes: Mapping[str, Route] = field(default_factory=dict)  # by the beginning of the DID
    hours: Mapping[str, Hours] = field(default_factory=dict)
    sites: Mapping[str, Site] = field(default_factory=dict)
    #: By the beginning of the dialled number ("": of any), then by the trunk that the call comes from.
    outbound: Mapping[str, Mapping[str, Route]] = field(default_factory=dict)
    tls: ListenTls | None = None  # what we show to trunks that ask who we are; None for the first listener's
    dns: Dns = field(default_factory=Dns)
    tenants: Mapping[str, Tenant] = field(default_factory=dict)
    count_for: float = COUNT_FOR  # a call of which nothing more is heard counts for so many seconds
    #: None looks at nobody: for dialplans that are made in code, a compiled one always says.
    access: Access | None = None
    users: Mapping[str, User] = field(default_factory=dict)
    media: Media | None = None  # None: streams go their own way
    messaging: Messaging | None = None  # None: no messages are sent
    ops: Ops | None = None  # None: nobody looks but by the command line
