"""Messages: channels, providers, cascades and policies as they are compiled, and what one cascade is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from controller.types.words import Milestone, Order, Verdict


class Channel(StrEnum):
    """The medium of a message."""

    WHATSAPP = "whatsapp"
    RCS = "rcs"
    VIBER = "viber"
    TELEGRAM = "telegram"
    SMS = "sms"
    EMAIL = "email"
    VOICE = "voice"  # a call that says it
    SIP = "sip"  # RFC 3428 MESSAGE


#: What can be taken back while it is under way: a phone that rings is called no more.
WITHDRAWABLE = frozenset((Channel.VOICE,))


class Dedup(StrEnum):
    """What a provider offers against sending twice."""

    NATIVE = "native"  # it knows our send key and sends once
    LOOKUP = "lookup"  # it can be asked by our send key whether it has the message
    NONE = "none"  # neither: after a crash nothing is sent again


class RouteClass(StrEnum):
    """How much a delivery is worth, and what it may cost."""

    PREMIUM = "premium"
    STANDARD = "standard"


class NumberKind(StrEnum):
    """What sort of number something is: of a recipient, or of a sender."""

    MOBILE = "mobile"
    FIXED = "fixed"
    FIXED_OR_MOBILE = "fixed-or-mobile"
    VOIP = "voip"
    TOLL_FREE = "toll-free"
    PREMIUM = "premium-rate"
    SHORT_CODE = "short-code"
    ALPHANUMERIC = "alphanumeric"
    OTHER = "other"


#: A country that stands for all that are not named.
ANYWHERE = ""


@dataclass(frozen=True, slots=True)
class Sender:
    """A number or name of ours at a provider."""

    id: str  # E.164, a short code or up to 11 letters
    kind: NumberKind
    countries: tuple[str, ...] = ()  # where it may be used (ISO 3166); none: everywhere
    can: tuple[str, ...] = ("send",)  # "send", "receive"
    per_second: float = 0.0  # its capacity; 0: nothing is known
    tenant: str = ""  # who sees what people send to it; "": whoever has the scope "operate"
    where: str = ""


@dataclass(frozen=True, slots=True)
class ByTrunks:
    """Settings of the drivers "voice" and "sip": the call half carries it."""

    trunks: tuple[str, ...]  # tried in this order
    caller: str = ""  # the number of ours that it comes from


@dataclass(frozen=True, slots=True)
class Provider:
    """An account that carries messages of one channel. ``settings`` are its driver's own."""

    name: str
    channel: Channel
    driver: str  # "http", "smpp", "smtp", "voice", "sip"
    settings: Any  # a frozen dataclass of the driver
    dedup: Dedup = Dedup.NONE
    upstream: str = ""  # who really carries it: what fails together
    route_class: RouteClass = RouteClass.STANDARD
    costs: Mapping[str, float] = field(default_factory=dict)  # of a message, by country; `ANYWHERE` else
    countries: tuple[str, ...] = ()  # ISO 3166; none: everywhere
    senders: tuple[Sender, ...] = ()
    per_second: float = 0.0  # of the account; 0: no limit
    floor: float = 1.0  # seconds: no delivery is ever faster; with less time left nothing is sent
    where: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A stage of a cascade: one channel, through one provider or several."""

    channel: Channel
    until: Milestone = Milestone.ANSWERED  # ACCEPTED: taken by the provider; ANSWERED: delivered; CONFIRMED: read
    wait: float = 20.0  # seconds for each provider until the next has its turn
    providers: tuple[str, ...] = ()  # none: all of the channel
    order: Order = Order.CONFIGURED
    fanout: int = 1  # so many providers are tried at most, one after the other; 0: all
    where: str = ""


@dataclass(frozen=True, slots=True)
class CascadeRules:
    """A cascade as the dialplan has it."""

    name: str
    steps: tuple[Step, ...]
    window: float = 180.0  # seconds: nothing is sent after it
    max_attempts: int = 6
    max_cost: float | None = None
    value: float = 0.5  # of a completion, in the unit of costs
    patience: float = 60.0  # seconds; how fast users give up
    causes: Mapping[str, Verdict] = field(default_factory=dict)  # overrides of messages.verdicts.DEFAULTS
    where: str = ""


#: Stands for whoever called, in `Missed.to`.
CALLER = "caller"
#: What a template for a missed call may name.
MISSED_PARAMS = ("caller", "called")


@dataclass(frozen=True, slots=True)
class Missed:
    """Who is sent what when a call of a route was not answered."""

    cascade: str
    to: tuple[str, ...]  # `CALLER`, numbers in E.164, addresses of mail: a cascade for each
    template: str
    language: str = ""
    tenant: str = "calls"


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for some of the requests; narrower layers win: base, country, tenant, tenant and country."""

    name: str
    tenants: tuple[str, ...] = ()  # each empty list: of all
    countries: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()  # MCC-MNC, "310260"
    kinds: tuple[NumberKind, ...] = ()
    use_cases: tuple[str, ...] = ()
    classes: tuple[RouteClass, ...] = ()
    cascade: str = ""  # "": as asked
    allow: bool | None = None  # False: refused
    channels: tuple[Channel, ...] = ()  # only these; none: all
    without: tuple[str, ...] = ()  # providers that may not be used
    only: tuple[str, ...] = ()  # providers that may; none: all
    sender_kinds: tuple[NumberKind, ...] = ()  # a compliance rule: senders of these kinds alone
    max_attempts: int | None = None
    max_cost: float | None = None
    window: float | None = None
    where: str = ""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """Who may use the API as which tenant. ``digest`` is SHA-256 of the token, hexadecimal."""

    name: str
    digest: str = field(repr=False)
    tenant: str
    scopes: tuple[str, ...] = ("send", "read")  # "send", "read", "erase", "operate"


@dataclass(frozen=True, slots=True)
class Callback:
    """Where a tenant hears of its cascades, signed with its key."""

    url: str
    key: str = field(repr=False)
    transitions: bool = False  # one for each; else the last alone


@dataclass(frozen=True, slots=True)
class Client:
    """A tenant as messages know it: limits and where it hears."""

    name: str
    callback: Callback | None = None
    per_second: float = 0.0  # cascades; 0: no limit
    keep: float = 30 * 86400.0  # seconds: rows without identity stay so long
    where: str = ""


@dataclass(frozen=True, slots=True)
class Templates:
    """Texts of one template by language ("" is for any)."""

    name: str
    texts: Mapping[str, str]
    subjects: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Messaging:
    """All that the dialplan says about messages."""

    providers: Mapping[str, Provider]
    cascades: Mapping[str, CascadeRules]
    policies: tuple[Policy, ...] = ()
    tokens: tuple[ApiToken, ...] = ()
    clients: Mapping[str, Client] = field(default_factory=dict)
    templates: Mapping[str, Templates] = field(default_factory=dict)
    host: str = "127.0.0.1"  # the API listens there
    port: int = 8080
    public: str = ""  # the URL that providers reach us by; signatures are over it
    workers: int | None = None  # processes that read requests; None: as many as fit the machine
    store: str = ""  # "" for SQLite in the state folder, else a PostgreSQL URL
    lease: float = 5.0  # seconds: a daemon that is silent for so long has its work taken over
    grace: float = 3600.0  # seconds after its window: identity and text are purged then
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # by name of a caller's key: count, seconds
    max_per_prefix: tuple[float, float] = (0.0, 0.0)  # to one block of numbers: count, seconds; 0: no limit
    fraud_narrow: float = 0.5  # from this score on only premium routes
    fraud_refuse: float = 0.9  # from this one on nothing is sent
