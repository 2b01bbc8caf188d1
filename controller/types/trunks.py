"""Trunks as they are compiled: how each is reached, probed, named, limited, and what it is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from controller.types.words import LONGEST_RETRY_AFTER, AliveOn, Asserted, DidFrom, NumberForm, Readmit, Show

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
