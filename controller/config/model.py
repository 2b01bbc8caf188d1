"""The language of version 1 as pydantic models: which keys there are, of what type, which are reserved.

Owns types, bounds and required keys of single values. Must not compare values with each other or look names up:
that is `compile`, which can do it even where other values are wrong.

Every scalar arrives as text. Names of entries are keys, and read by `names`; those of causes by `compile`. ``RESERVED`` of a model: keys of later versions, each with what holds today.
``examples`` of a required field is what a person is told to write when it is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, tzinfo
from functools import partial
from typing import Annotated

from pydantic import ConfigDict, Field

from controller.config.address import (
    REGISTERED,
    HostPort,
    parse_advertised,
    parse_did,
    parse_listen,
    parse_number,
    parse_outbound_prefix,
    parse_prefix,
    parse_trunk_place,
    parse_user,
)
from controller.config.alerts import AlertsModel
from controller.config.auth import AuthModel
from controller.config.callerid import SHOWS, CallerIdModel, Short
from controller.config.calls import SCHEMA_OF_CALLS
from controller.config.diagnostics import Mistake, quoted
from controller.config.dns import DnsModel
from controller.config.duration import parse_duration
from controller.config.formats import FormatModel
from controller.config.hours import parse_holidays, parse_span, parse_zone
from controller.config.limits import (
    AfterList,
    CountFor,
    CountryCode,
    LimitsModel,
    OverflowList,
    Patience,
    TenantModel,
    TrunkLimitsModel,
)
from controller.config.media import MediaModel
from controller.config.messages_cascades import CascadeModel, OrSteps
from controller.config.messages_daemon import MessagesModel
from controller.config.messages_policies import PolicyModel, TemplateModel
from controller.config.messages_providers import ProviderModel
from controller.config.missed import MissedModel
from controller.config.mqtt import MqttModel
from controller.config.ops import ConsoleModel, RecordsModel
from controller.config.otel import OtelModel
from controller.config.redirects import OrWord, RedirectsModel
from controller.config.register import DidFromName, RegisterModel
from controller.config.section import ANY_WORD, NUMBER, TIME, OneOrMore, OrSwitch, Section, Text, between, matching
from controller.config.sources import AccessName, Source
from controller.config.tls_keys import FileName, TlsModel, TrunkTlsModel, VerifyClients
from controller.config.users import UserModel
from controller.config.values import (
    AUTO,
    OFF,
    parse_choice,
    parse_cost,
    parse_count,
    parse_final,
    parse_name,
    parse_switch,
    parse_version,
)
from controller.types import Access, AliveOn, DidFrom, EarlyMedia, Hedge, Mode, Order, Readmit, Verdict


def _parse_hedge(text: str) -> Hedge:
    if text == OFF:
        return None
    if text == AUTO:
        return "auto"
    if text.isalpha():
        raise Mistake("BAD_CHOICE", f"{quoted(text)} is not a hedge", "write auto, off or a time such as 250ms")
    return parse_duration(text, shortest=0.01)


def _parse_misses(text: str) -> int | None:
    return None if text == AUTO else parse_count(text, 1, 100)


def _parse_timeout(text: str) -> float | None:
    return None if text == AUTO else parse_duration(text, shortest=0.01, longest=60.0)


#: Faster than this a probe says nothing more and carriers object.
FASTEST_PROBE = 0.05

#: A test call occupies a line at the other end, and somebody may count it.
FASTEST_DEEP_PROBE = 10.0

#: Less than this and a call set-up is judged that was merely slow; at 32 s the INVITE is given up (RFC 3261 Timer B).
SHORTEST_WITHIN, LONGEST_WITHIN = 1.0, 30.0

Version = Annotated[int, Text(parse_version, {"const": 1})]
Name = Annotated[str, Text(parse_name, ANY_WORD)]
Duration = Annotated[float, Text(parse_duration, matching(TIME))]
HedgeDelay = Annotated[Hedge, Text(_parse_hedge, matching(f"auto|off|{TIME}"))]
CauseVerdict = Annotated[
    Verdict,
    Text(lambda text: Verdict(parse_choice(text, "verdict", [*map(str, Verdict)])), {"enum": [*map(str, Verdict)]}),
]
ModeName = Annotated[
    Mode, Text(lambda text: Mode(parse_choice(text, "mode", [*map(str, Mode)])), {"enum": [*map(str, Mode)]})
]
AliveOnName = Annotated[
    AliveOn,
    Text(
        lambda text: AliveOn(parse_choice(text, "sign of life", [*map(str, AliveOn)])), {"enum": [*map(str, AliveOn)]}
    ),
]
TransportName = Annotated[
    str, Text(lambda text: parse_choice(text, "transport", ["udp", "tcp"]), {"enum": ["udp", "tcp"]})
]
MediaWay = Annotated[
    str, Text(lambda text: parse_choice(text, "way of media", ["direct", "anchor"]), {"enum": ["direct", "anchor"]})
]
ReadmitName = Annotated[
    Readmit,
    Text(lambda text: Readmit(parse_choice(text, "way back", [*map(str, Readmit)])), {"enum": [*map(str, Readmit)]}),
]
OrderName = Annotated[
    Order, Text(lambda text: Order(parse_choice(text, "order", [*map(str, Order)])), {"enum": [*map(str, Order)]})
]
EarlyMediaName = Annotated[
    EarlyMedia,
    Text(
        lambda text: EarlyMedia(parse_choice(text, "way with early media", [*map(str, EarlyMedia)])),
        {"enum": [*map(str, EarlyMedia)]},
    ),
]
Final = Annotated[int, Text(parse_final, {"anyOf": [{"const": 200}, between(300, 699)]})]
Switch = Annotated[bool, Text(parse_switch, {"type": "boolean"})]
TrunkUri = Annotated[HostPort, Text(parse_trunk_place, matching(f"[sS][iI][pP][sS]?:.+|{REGISTERED}"))]
ListenAddress = Annotated[HostPort, Text(parse_listen, matching(".+:[0-9]{1,5}"))]
AdvertisedAddress = Annotated[HostPort, Text(parse_advertised, {"type": "string"})]
Did = Annotated[str, Text(parse_did, NUMBER)]
Prefix = Annotated[str, Text(parse_prefix, NUMBER)]
OutboundPrefix = Annotated[str, Text(parse_outbound_prefix, NUMBER)]
Zone = Annotated[tzinfo, Text(parse_zone, {"type": "string"})]
Span = Annotated[tuple[int, int], Text(parse_span, matching("[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]"))]
Holidays = Annotated[
    Mapping[date, str], Text(parse_holidays, matching("[A-Z]{2}(-[A-Z0-9]{1,3})?|[0-9]{4}-[0-9]{2}-[0-9]{2}"))
]
UpOrDown = Annotated[
    bool, Text(lambda text: parse_choice(text, "state", ["up", "down"]) == "up", {"enum": ["up", "down"]})
]


class ListenModel(Section):
    """One address to listen on, of one transport or several."""

    RESERVED = {
        "workers": "one process serves all calls",
    }

    udp: ListenAddress | None = None
    tcp: ListenAddress | None = None
    tls: ListenAddress | None = None
    certificate: FileName | None = None
    key: FileName | None = None
    ca: FileName | None = None
    verify: VerifyClients | None = None
    name: Name = ""
    advertise: AdvertisedAddress | None = None
    phones: Switch = False
    access: AccessName | None = None


class DefaultsModel(Section):
    """What stages inherit."""

    patience: Duration | None = None  # of callers: for `check` alone
    retry_after: Patience = None
    count_for: CountFor = None

    ring: Duration | None = None
    no_reply: Duration | None = None
    no_progress: Duration | None = None
    stagger: Duration | None = None
    hedge: HedgeDelay = "auto"
    order: OrderName | None = None
    early_media: EarlyMediaName | None = None
    causes: dict[str, CauseVerdict] = {}


class DeepModel(Section):
    """A test call: to whom, and how it must end."""

    user: Annotated[str | None, Text(parse_user, NUMBER)] = None
    number: Annotated[str | None, Text(parse_number, NUMBER)] = None
    every: Annotated[float | None, Text(partial(parse_duration, shortest=FASTEST_DEEP_PROBE), matching(TIME))] = None
    within: Annotated[
        float | None,
        Text(partial(parse_duration, shortest=SHORTEST_WITHIN, longest=LONGEST_WITHIN), matching(TIME)),
    ] = None
    expect: Annotated[list[Final], Field(min_length=1), OneOrMore] = [200]


class TrunkModel(Section):
    """A SIP carrier or PBX link."""

    uri: TrunkUri = Field(examples=["sip:192.0.2.10:5060"])
    carrier: Name = ""
    probe: str | None = None
    priority: Annotated[int, Text(lambda text: parse_count(text, 0, 65535), between(0, 65535))] = 0
    weight: Annotated[int, Text(lambda text: parse_count(text, 0, 65535), between(0, 65535))] = 1
    cost: Annotated[float, Text(parse_cost, {"type": "number", "minimum": 0})] = 0.0
    site: str | None = None
    large: TransportName = "udp"
    readmit: ReadmitName = Readmit.GENTLY
    deep: DeepModel | None = None
    listener: str | None = None
    format: FormatModel | None = None
    sources: Annotated[list[Source], OneOrMore] = []
    registration: Annotated[RegisterModel | None, OrSwitch] = Field(None, alias="register")
    did_from: DidFromName = DidFrom.AUTO
    nat: Switch = False
    tls: TrunkTlsModel | None = None
    caller_id: Annotated[CallerIdModel | None, Short("show", SHOWS)] = None
    trusted: Switch = True
    diversion: Switch = False
    history_info: Switch = False
    auth: AuthModel | None = None
    limits: TrunkLimitsModel | None = None
    retry_after: Patience = None
    redirects: Annotated[RedirectsModel | None, OrWord] = None
    media: MediaWay = "direct"


class SiteModel(Section):
    """A place with PBXs."""

    pbx: list[str] = Field(min_length=1, examples=[["hq-pbx"]])
    active: str | None = None


class HoursModel(Section):
    """When something is open, on the wall clock of its zone."""

    zone: Zone = Field(examples=["America/New_York"])
    open: dict[str, Annotated[list[Span], OneOrMore]] = Field(min_length=1, examples=[{"mon-fri": "08:00-18:00"}])
    holidays: Annotated[list[Holidays], OneOrMore] = []


class ProbeModel(Section):
    """How trunks are probed."""

    every: Annotated[float | None, Text(partial(parse_duration, shortest=FASTEST_PROBE), matching(TIME))] = None
    burst: Annotated[float | None, Text(partial(parse_duration, shortest=0.01), matching(TIME))] = None
    timeout: Annotated[float | None, Text(_parse_timeout, matching(f"auto|{TIME}"))] = None
    misses: Annotated[int | None, Text(_parse_misses, {"anyOf": [{"const": "auto"}, between(1, 100)]})] = None
    rise: Annotated[int | None, Text(lambda text: parse_count(text, 1, 100), between(1, 100))] = None
    alive_on: AliveOnName | None = None


class EndpointModel(Section):
    """Who rings: a user of a PBX or a number, and the trunks that lead there."""

    RESERVED = {
        "accept": "the first to answer takes the call, a mobile's voicemail included",
        "voicemail": "ring the voicemail number of your PBX instead",
        "email": "nobody is notified",
    }

    user: Annotated[str | None, Text(parse_user, NUMBER)] = None
    number: Annotated[str | None, Text(parse_number, NUMBER)] = None
    via: list[str] = Field(min_length=1, examples=[["carrier-a"]])
    live: Switch = False


class WhenModel(Section):
    """When a stage is tried: all of it must hold."""

    hours: str | None = None
    not_hours: str | None = None
    caller: Annotated[list[Prefix], OneOrMore] = []
    trunk: dict[str, UpOrDown] = {}
    site: dict[str, UpOrDown] = {}
    overflow: OverflowList = []


class StageModel(Section):
    """Targets tried together."""

    ring: list[str] = Field(min_length=1, examples=[["front-desk"]])
    turn: Duration | None = Field(None, alias="for")
    mode: ModeName = Mode.SEQUENTIAL
    no_reply: Duration | None = None
    no_progress: Duration | None = None
    stagger: Duration | None = None
    hedge: HedgeDelay = "auto"
    order: OrderName | None = None
    when: WhenModel | None = None
    after: AfterList = []
    early_media: EarlyMediaName | None = None


class OutboundModel(Section):
    """Which numbers our own PBXs may call."""

    prefix: OutboundPrefix = Field(examples=["+1"])


#: What a route of each kind cannot do without; which of these keys it has says which kind it is.
ROUTE_KINDS = {"did": "chain", "prefix": "chain", "outbound": "via"}


class RouteModel(Section):
    """A called number, or the beginning of many, and its chain; or for calls of our own PBXs, and the ways out."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": [kind, needs]} for kind, needs in ROUTE_KINDS.items()]}
    )

    did: Did | None = None
    prefix: Prefix | None = None
    chain: str | None = Field(None, examples=["sales"])
    outbound: OutboundModel | None = None
    callers: list[str] | None = Field(None, alias="from", min_length=1)
    via: list[str] | None = Field(None, min_length=1, examples=[["carrier-a"]])
    order: OrderName | None = None
    turn: Duration | None = Field(None, alias="for")
    no_reply: Duration | None = None
    no_progress: Duration | None = None
    hedge: HedgeDelay = "auto"
    when: WhenModel | None = None
    limits: LimitsModel | None = None
    tenant: str | None = None
    missed: MissedModel | None = None
    countries: Annotated[list[CountryCode], Field(min_length=1), OneOrMore] = []
    premium: Switch = False
    max_cost: Annotated[float | None, Text(parse_cost, {"type": "number", "minimum": 0})] = None


Chain = Annotated[list[StageModel], Field(min_length=1)]


class FileModel(Section):
    """A whole dialplan file."""

    model_config = ConfigDict(json_schema_extra=SCHEMA_OF_CALLS)

    version: Version = Field(examples=[1])
    include: Annotated[list[str], OneOrMore] = []
    listen: list[ListenModel] = Field([], min_length=1, examples=[[{"udp": "0.0.0.0:5060"}]])
    access: AccessName = Access.TRUNKS
    tls: TlsModel | None = None
    dns: DnsModel | None = None
    defaults: DefaultsModel = DefaultsModel()
    trunks: dict[str, TrunkModel] = Field({}, examples=[{"carrier-a": {"uri": "sip:192.0.2.10:5060"}}])
    users: dict[str, UserModel] = {}
    probes: dict[str, ProbeModel] = {}
    sites: dict[str, SiteModel] = {}
    hours: dict[str, HoursModel] = {}
    tenants: dict[str, TenantModel] = {}
    media: MediaModel | None = None
    endpoints: dict[str, EndpointModel] = Field({}, examples=[{"front-desk": {"user": "100", "via": ["carrier-a"]}}])
    chains: dict[str, Chain] = Field({}, examples=[{"sales": [{"ring": ["front-desk"]}]}])
    routes: list[RouteModel] = Field([], min_length=1, examples=[[{"did": "+15557000", "chain": "sales"}]])
    providers: dict[str, ProviderModel] = {}
    cascades: dict[str, Annotated[CascadeModel, OrSteps()]] = {}
    policies: list[PolicyModel] = []
    templates: dict[str, TemplateModel] = {}
    messages: MessagesModel | None = None
    console: ConsoleModel | None = None
    records: RecordsModel | None = None
    mqtt: MqttModel | None = None
    alerts: AlertsModel | None = None
    otel: OtelModel | None = None
