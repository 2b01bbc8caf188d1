"""The vocabulary of callward: plain data that every part of the controller shares.

Owns the nouns (dialplan, plan, offer), the events (past tense) and the commands (imperative).
Must not hold behaviour, read a clock or import anything of callward.

Units: every duration and every instant is a ``float`` in seconds. ``now`` is monotonic for calls;
``Offer.moment`` is wall time (seconds since the epoch) for calendars and stamps.
Frozen classes are configuration and plans; unfrozen slots classes live on the hot path, where
frozen ones cost three times as much to create.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, tzinfo
from enum import IntEnum, StrEnum
from typing import Any, Literal

# --------------------------------------------------------------------------- words


class Mode(StrEnum):
    """How the targets of one stage are tried."""

    SEQUENTIAL = "sequential"  # one after the other
    PARALLEL = "parallel"  # all at once
    HYBRID = "hybrid"  # staggered: the next joins every `stagger` seconds


class Readmit(StrEnum):
    """How a trunk that was DOWN gets its calls back."""

    GENTLY = "gently"  # single calls, then 5 %, 25 % and all of them
    AT_ONCE = "at-once"


class Order(StrEnum):
    """In which order the paths of a target are tried."""

    CONFIGURED = "configured"  # as its `via` is written
    PRIORITY = "priority"  # by the trunks' priority, among equals drawn by weight, as DNS SRV (RFC 2782)
    COST = "cost"  # the cheapest trunk first, then by priority
    BEST = "best"  # by what calls over the trunks came to, and by cost


class Access(StrEnum):
    """Whose new requests are let in."""

    TRUNKS = "trunks"  # those of trunks; strangers get silence
    ANYONE = "anyone"


class Milestone(IntEnum):
    """Ordered evidence of progress of an attempt; calls and messages share the order."""

    NONE = 0  # nothing heard at all
    ACCEPTED = 1  # 100 Trying / accepted by the provider
    ALERTING = 2  # 180, 183 / sent
    ANSWERED = 3  # 200 / delivered
    CONFIRMED = 4  # press-1 done / read


class Verdict(StrEnum):
    """What an outcome means for the run."""

    NEXT_PATH = "next-path"  # same endpoint, another trunk
    NEXT_TARGET = "next-target"  # another endpoint; never another trunk to the same one
    STOP = "stop"  # start nothing new


class TargetState(StrEnum):
    """Liveness of a trunk or provider."""

    UNKNOWN = "unknown"
    UP = "up"
    DEGRADED = "degraded"  # answers, but does not carry calls as it should: others first
    SUSPECT = "suspect"  # missed a sign of life, being confirmed
    DOWN = "down"  # route away


class DidFrom(StrEnum):
    """Where the calls of a trunk say which number was called."""

    AUTO = "auto"  # in the Request-URI, unless that holds our own Contact, which a registrar puts there
    REQUEST_URI = "request-uri"
    TO = "to"
    CALLED_PARTY = "p-called-party-id"  # RFC 7315 §4.2


class AliveOn(StrEnum):
    """Which answers to probes are signs of life, and whether their silence says anything."""

    ANY = "any"  # whoever says 404 is there
    SUCCESS = "2xx"  # for who answers OPTIONS with an error while out of service
    CALLS_ONLY = "calls-only"  # for who drops OPTIONS at will: any answer is life, silence is nothing


class NumberForm(StrEnum):
    """How a trunk writes the number +15551234567."""

    E164 = "e164"  # +15551234567
    PLUS_LESS = "plus-less"  # 15551234567
    INTERNATIONAL = "international"  # 01115551234567
    NATIONAL = "national"  # 5551234567; a number of another country as `international` has it


class EarlyMedia(StrEnum):
    """Whose early media the caller hears while several phones ring."""

    PASS = "pass"  # of all of them  # noqa: S105
    FIRST = "first"  # of the first that has any
    STRIP = "strip"  # of none: he hears the ringing of his own phone


class Show(StrEnum):
    """Whose number a trunk is shown as that of the caller."""

    PASS = "pass"  # as it came  # noqa: S105
    OWN = "own"  # a number of ours: the one that was called, or that of who calls out
    NUMBER = "number"  # always this one


class Asserted(StrEnum):
    """Whether a trunk is told a number of ours beside From, and as what (RFC 3325)."""

    OFF = "off"
    ASSERTED = "asserted"  # P-Asserted-Identity: we are part of its network
    PREFERRED = "preferred"  # P-Preferred-Identity: we are its customer


# Causes of our own, beside SIP status codes ("486"): short, stable, upper case.
NO_REPLY = "NO_REPLY"  # nothing heard at all in time
NO_PROGRESS = "NO_PROGRESS"  # heard, but not alerting in time
NO_ANSWER = "NO_ANSWER"  # alerting, but not answered in time
TRANSPORT_ERROR = "TRANSPORT_ERROR"  # closed port, unreachable, connection refused
NOT_SECURE = "NOT_SECURE"  # the caller wants TLS all the way (sips:), and this trunk has none
TRUNK_DOWN = "TRUNK_DOWN"  # health says the trunk is dead
TARGET_REFUSED = "TARGET_REFUSED"  # another path of the same target brought its refusal
HEDGE_RELEASED = "HEDGE_RELEASED"  # the silent attempt it stood in for came to life
COMPLETED_ELSEWHERE = "COMPLETED_ELSEWHERE"  # another attempt won
WITHDRAWN = "WITHDRAWN"  # the caller (sender) gave up
EXHAUSTED = "EXHAUSTED"  # the chain has nobody left to try
NO_ROUTE = "NO_ROUTE"  # nobody here owns the called number
STOPPED = "STOPPED"  # a stop verdict ended the hunt
FULL = "FULL"  # all that might be tried is at its limit, or the number or its tenant is
FORBIDDEN = "FORBIDDEN"  # an outbound route may not be used for this number

# What may become of the attempts of a call, for stages that wait for it (`after:`).
BUSY = "busy"
UNANSWERED = "no-answer"
#: What a condition `overflow` may name beside trunks.
ANYTHING, THE_NUMBER, THE_TENANT = "true", "did", "tenant"

# What calls say about a trunk: the codes of their samples.
CALL_RESPONSE = "CALL_RESPONSE"
CALL_SILENT = "CALL_SILENT"
UNPROVEN_ERROR = "UNPROVEN_ERROR"  # an ICMP error that quotes nothing only we can know: anybody may have made it
ANSWERED = "ANSWERED"  # a call was answered
TALKED = "TALKED"  # a call that was answered has been hung up

REGISTER_RESPONSE = "REGISTER_RESPONSE"  # a registrar answered, whatever it said

# Why a trunk is DEGRADED.
DEEP_FAILED = "DEEP_FAILED"  # its deep probes fail
NOT_REGISTERED = "NOT_REGISTERED"  # its carrier does not know where to send calls
NOT_LET_IN = "NOT_LET_IN"  # it refuses our credentials

#: RFC 3261 §17.2.1 lets a UAS stay quiet for 200 ms; a hedge before that would double healthy calls. Seconds.
LEAST_HEDGE = 0.25

#: What users give their password for.
REALM = "callward"
#: Seconds: how long a Retry-After holds a trunk out at most, and how long a silent call counts, where nothing is said.
LONGEST_RETRY_AFTER = 60.0
COUNT_FOR = 4 * 3600.0

#: Stands in the address of a path where the plan puts the number that was dialled.
DIALLED = "{dialled}"

# --------------------------------------------------------------------------- configuration, compiled

#: A hedge delay in seconds; ``"auto"`` follows the measured first responses; ``None`` is off.
Hedge = float | Literal["auto"] | None


@dataclass(frozen=True, slots=True)
class Probe:
    """How one trunk is probed."""

    every: float = 0.25  # between probes while nothing is wrong
    burst: float = 0.03  # between probes after the first miss
    timeout: float | None = None  # a probe unanswered for so long is a miss; None: as the round trips suggest
    misses: int | None = None  # consecutive misses until DOWN; None: as many as the measured loss asks for
    rise: int = 2  # consecutive answers until UP again
    alive_on: AliveOn = AliveOn.ANY


@dataclass(frozen=True, slots=True)
class DeepProbe:
    """A test call to somebody at the other end of a trunk who always says the same."""

    user: str  # whom to call: a test number of a carrier, an echo extension of a PBX
    every: float = 300.0  # between test calls while nothing is wrong
    within: float = 10.0  # a test call without its final so late has failed
    expect: tuple[int, ...] = (200,)  # finals that prove that calls are handled; 200 is any 2xx


@dataclass(frozen=True, slots=True)
class Address:
    """One address behind the name of a trunk, as it was looked up."""

    host: str  # IP literal
    port: int
    transport: str = "udp"
    rank: int = 0  # the lowest goes first: SRV priority, and then whatever is believed less
    weight: int = 1  # share among equals of rank: SRV weight (RFC 2782)


@dataclass(frozen=True, slots=True)
class Dns:
    """How names of trunks are looked up."""

    servers: tuple[tuple[str, int], ...] = ()  # address and port of each; () for those of the system
    timeout: float = 2.0  # of one question
    least: float = 5.0  # an answer is good for so long, whatever its TTL says
    most: float = 3600.0


@dataclass(frozen=True, slots=True)
class Country:
    """How numbers are dialled in a country."""

    code: str  # "44", without plus
    trunk: str = ""  # what stands before a number from another town: "0"
    international: str = "00"  # what stands before a number of another country
    lengths: tuple[int, ...] = ()  # how many digits its numbers have, country code and trunk prefix not counted
    open: bool = False  # the trunk prefix may be left out: North America, and where there is none


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How a trunk writes numbers; we think in E.164 with its plus."""

    out: NumberForm = NumberForm.E164  # in what we send there
    into: NumberForm = NumberForm.E164  # in what comes from there
    country: Country | None = None  # whose numbers `national` means
    prefix: str = ""  # stands before every public number that is called, both ways
    tech_prefix: str = ""  # stands before every number that is called there


@dataclass(frozen=True, slots=True)
class Limits:
    """How many calls something may have, being set up or up; None: as many as come."""

    calls: int | None = None  # of a trunk: outward and inward together, and only calls outward are held to it
    inward: int | None = None  # of a trunk: calls that come from it
    outward: int | None = None  # of a trunk: calls that are sent to it
    cps: float | None = None  # new ones a second; of a trunk: outward
    answer: int = 0  # what a caller gets where nobody else is to be tried; 0: what suits


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whose numbers share limits."""

    name: str
    limits: Limits
    where: str = ""


@dataclass(frozen=True, slots=True)
class Tolls:
    """Which numbers an outbound route may be used for, beside its prefix."""

    countries: tuple[str, ...] = ()  # ISO 3166; (): any
    premium: bool = False  # whether premium-rate and shared-cost numbers may be called


@dataclass(frozen=True, slots=True)
class Register:
    """How a trunk wants to be told where we are (RFC 3261 §10): the account, and where it is kept."""

    user: str  # of the address-of-record
    domain: str  # as it stands in a URI: an IPv6 address in brackets
    expires: float = 600.0  # what is asked for; the registrar may grant less
    registrars: tuple[str, ...] = ()  # URIs, best first; none: the trunk's own address


@dataclass(frozen=True, slots=True)
class Auth:
    """What a trunk's challenges are answered with (RFC 7616)."""

    user: str
    password: str = field(repr=False)
    realms: tuple[str, ...] = ()  # those that get an answer; (): the first that asks
    algorithms: tuple[str, ...] = ("MD5", "SHA-256", "SHA-512-256")  # those that may be used


@dataclass(frozen=True, slots=True)
class TrunkTls:
    """Whom a trunk that is reached over TLS has to be."""

    name: str = ""  # the domain that its certificate must name; "": that of its uri
    ca: str = ""  # path of the authorities that are trusted; "": those of the system
    verify: bool = True  # False: anybody may be at the other end


@dataclass(frozen=True, slots=True)
class Identity:
    """What a trunk is shown of who calls, and whether it is believed."""

    show: Show = Show.PASS
    number: str = ""  # of ours, E.164: for `NUMBER`, and for `OWN` where there is none
    name: str = ""  # display name with a number of ours
    domain: str = ""  # host of the From with a number of ours; "" for our address
    asserted: Asserted = Asserted.OFF
    trusted: bool = True  # part of our trust domain (RFC 3325 §2.3)
    diversion: bool = False  # told who diverted the call, by Diversion (RFC 5806)
    history: bool = False  # the same by History-Info (RFC 7044)


@dataclass(frozen=True, slots=True)
class Redirects:
    """Where a trunk may send a call by a 3xx."""

    trunks: tuple[str, ...] = ()  # those whose addresses it may name beside its own
    most: int = 3  # so many in a row


@dataclass(frozen=True, slots=True)
class Trunk:
    """A SIP carrier or PBX link: how to get somewhere. `rules.expand` makes one of each address of a name."""

    name: str
    host: str  # IP literal or DNS name as written; the address, once that was looked up
    port: int
    transport: str = "udp"
    carrier: str = ""
    probe: Probe | None = field(default_factory=Probe)  # None: never probed, calls are the only samples
    where: str = ""  # file:line of its definition
    priority: int = 0  # lower is better, as in DNS SRV (RFC 2782)
    weight: int = 1  # share among equals of priority
    cost: float = 0.0  # per minute, in whatever currency the operator counts in
    site: str = ""  # where it ends: it is of no use when that site is dark
    readmit: Readmit = Readmit.GENTLY
    large_over_tcp: bool = False  # requests too large for UDP go over TCP (RFC 3261 §18.1.1)
    deep: DeepProbe | None = None  # None: never called to try
    #: Transports whose SRV records say where the name leads (RFC 3263 §4), the best first; () where a port was written.
    service: tuple[str, ...] = ()
    domain: str = ""  # the name as written, where `host` was looked up
    group: str = ""  # the trunk of which this is one address of several; "" for all others
    rank: int = 0  # among the addresses of its group, see `Address`
    share: int = 1
    anchored: bool = False  # media of its calls goes through the media relay
    listener: str = ""  # name of the listener by which it is reached; "": whichever its network suggests
    format: NumberFormat | None = None  # None: numbers pass as they are
    limits: Limits | None = None
    retry_after: float = LONGEST_RETRY_AFTER  # its 503 holds it out for so many seconds at most; 0: not at all
    #: Where its calls come from beside its own address: networks ("192.0.2.0/24"), names in certificates ("tls:NAME").
    sources: tuple[str, ...] = ()
    register: Register | None = None  # None: the other side knows our address
    did_from: DidFrom = DidFrom.AUTO
    registered: bool = False  # it is where its user has registered: `host` and the like are nowhere until then
    contact: str = ""  # and what it is called by there, a URI
    nat: bool = False  # it is behind NAT: what its Contact says leads nowhere
    auth: Auth | None = None  # None: it knows us by our address
    tls: TrunkTls | None = None  # None: it is not reached over TLS
    sips: bool = False  # calls there want TLS all the way (RFC 3261 §26.2.2)
    identity: Identity | None = None  # None: who calls is passed on as it came
    redirects: Redirects | None = None  # None: a 3xx is a failure like any other


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
    overflow: tuple[str, ...] = ()  # in a plan: tried only once one of these trunks, or `ANYTHING`, turned out full


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


# --------------------------------------------------------------------------- health


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


# --------------------------------------------------------------------------- offer and plan


@dataclass(frozen=True, slots=True)
class Offer:
    """An incoming call or message to be routed."""

    id: str
    did: str  # the called number
    caller: str = ""
    moment: float = 0.0  # wall time
    trunk: str = ""  # whose address it came from; "" for an unknown one


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

# --------------------------------------------------------------------------- the record of a call


@dataclass(slots=True)
class AttemptRecord:
    """What became of one attempt."""

    path: str
    started: float  # seconds after the offer
    milestone: str
    cause: str  # why it ended or was given up; "" for a winner, unless it answered after it had been given up


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
    | Fault
    | MediaNews
    | Overloaded
    | Page
    | Registered
    | TlsRefused
    | Transition
    | Uplink
)
