"""The language of version 1 as pydantic models: which keys there are, of what type, which are reserved.

Owns types, bounds and required keys of single values. Must not compare values with each other or look names up:
that is `compile`, which can do it even where other values are wrong.

Every scalar arrives as text. Names of entries are keys, and read by `names`; those of causes by `compile`. ``RESERVED`` of a model: keys of later versions, each with what holds today.
``examples`` of a required field is what a person is told to write when it is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, tzinfo
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from controller.config.address import (
    HostPort,
    parse_did,
    parse_listen,
    parse_number,
    parse_outbound_prefix,
    parse_prefix,
    parse_trunk_uri,
    parse_user,
)
from controller.config.diagnostics import Mistake, quoted
from controller.config.duration import parse_duration
from controller.config.hours import parse_holidays, parse_span, parse_zone
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
from controller.types import AliveOn, Hedge, Mode, Order, Readmit, Verdict

Json = dict[str, Any]


class _Text:
    """A validator that reads text; lists and mappings are refused as pydantic itself would.

    ``schema`` is what an editor is told, whose YAML reads 5 as a number and true as a truth value.
    """

    def __init__(self, parse: Callable[[str], Any], schema: Json) -> None:
        self._parse = parse
        self._schema = schema

    def _read(self, value: object) -> Any:
        if not isinstance(value, str):
            raise PydanticKnownError("string_type")
        return self._parse(value)

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> Json:
        return self._schema


class _OneOrMore:
    """A list; one may be written without its brackets."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda value: [value] if isinstance(value, str) else value, handler(source)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        many = handler(schema)
        return {"anyOf": [many["items"], many]}


OneOrMore = _OneOrMore()

# What editors are told of values.
_ANY_WORD: Json = {"type": ["string", "number", "boolean"]}  # a name may look like a number
_NUMBER: Json = {"type": ["string", "integer"]}
_TIME = r"[0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h)"


def _matching(pattern: str) -> Json:
    return {"type": "string", "pattern": f"^({pattern})$"}


def _between(lowest: int, highest: int) -> Json:
    return {"type": "integer", "minimum": lowest, "maximum": highest}


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

Version = Annotated[int, _Text(parse_version, {"const": 1})]
Name = Annotated[str, _Text(parse_name, _ANY_WORD)]
Duration = Annotated[float, _Text(parse_duration, _matching(_TIME))]
HedgeDelay = Annotated[Hedge, _Text(_parse_hedge, _matching(f"auto|off|{_TIME}"))]
CauseVerdict = Annotated[
    Verdict,
    _Text(lambda text: Verdict(parse_choice(text, "verdict", [*map(str, Verdict)])), {"enum": [*map(str, Verdict)]}),
]
ModeName = Annotated[
    Mode, _Text(lambda text: Mode(parse_choice(text, "mode", [*map(str, Mode)])), {"enum": [*map(str, Mode)]})
]
AliveOnName = Annotated[
    AliveOn,
    _Text(
        lambda text: AliveOn(parse_choice(text, "sign of life", [*map(str, AliveOn)])), {"enum": [*map(str, AliveOn)]}
    ),
]
TransportName = Annotated[
    str, _Text(lambda text: parse_choice(text, "transport", ["udp", "tcp"]), {"enum": ["udp", "tcp"]})
]
ReadmitName = Annotated[
    Readmit,
    _Text(lambda text: Readmit(parse_choice(text, "way back", [*map(str, Readmit)])), {"enum": [*map(str, Readmit)]}),
]
OrderName = Annotated[
    Order, _Text(lambda text: Order(parse_choice(text, "order", [*map(str, Order)])), {"enum": [*map(str, Order)]})
]
Final = Annotated[int, _Text(parse_final, {"anyOf": [{"const": 200}, _between(300, 699)]})]
Switch = Annotated[bool, _Text(parse_switch, {"type": "boolean"})]
TrunkUri = Annotated[HostPort, _Text(parse_trunk_uri, _matching("[sS][iI][pP]:.+"))]
ListenAddress = Annotated[HostPort, _Text(parse_listen, _matching(".+:[0-9]{1,5}"))]
Did = Annotated[str, _Text(parse_did, _NUMBER)]
Prefix = Annotated[str, _Text(parse_prefix, _NUMBER)]
OutboundPrefix = Annotated[str, _Text(parse_outbound_prefix, _NUMBER)]
Zone = Annotated[tzinfo, _Text(parse_zone, {"type": "string"})]
Span = Annotated[tuple[int, int], _Text(parse_span, _matching("[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]"))]
Holidays = Annotated[
    Mapping[date, str], _Text(parse_holidays, _matching("[A-Z]{2}(-[A-Z0-9]{1,3})?|[0-9]{4}-[0-9]{2}-[0-9]{2}"))
]
UpOrDown = Annotated[
    bool, _Text(lambda text: parse_choice(text, "state", ["up", "down"]) == "up", {"enum": ["up", "down"]})
]


class Section(BaseModel):
    """What all mappings of the language share: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    RESERVED: ClassVar[Mapping[str, str]] = {}


class ListenModel(Section):
    """One address to listen on, of one or both transports."""

    RESERVED = {
        "tls": "this version speaks UDP and TCP only",
        "advertise": "listen on the very address that the trunks reach",
        "workers": "one process serves all calls",
    }

    udp: ListenAddress | None = None
    tcp: ListenAddress | None = None


class DefaultsModel(Section):
    """What stages inherit."""

    RESERVED = {"patience": "the caller may ring for as long as the chain lasts"}

    ring: Duration | None = None
    no_reply: Duration | None = None
    no_progress: Duration | None = None
    stagger: Duration | None = None
    hedge: HedgeDelay = "auto"
    order: OrderName | None = None
    causes: dict[str, CauseVerdict] = {}


class DeepModel(Section):
    """A test call: to whom, and how it must end."""

    user: Annotated[str | None, _Text(parse_user, _NUMBER)] = None
    number: Annotated[str | None, _Text(parse_number, _NUMBER)] = None
    every: Annotated[float | None, _Text(partial(parse_duration, shortest=FASTEST_DEEP_PROBE), _matching(_TIME))] = None
    within: Annotated[
        float | None,
        _Text(partial(parse_duration, shortest=SHORTEST_WITHIN, longest=LONGEST_WITHIN), _matching(_TIME)),
    ] = None
    expect: Annotated[list[Final], Field(min_length=1), OneOrMore] = [200]


class TrunkModel(Section):
    """A SIP carrier or PBX link."""

    RESERVED = {
        "auth": "the carrier has to know this host by its IP address",
        "caller_id": "the caller's number is passed on as it came",
        "limits": "the calls of a trunk are not counted",
        "register": "the carrier has to send calls to this host's address",
        "sources": "calls are taken from every address: use a firewall",
    }

    uri: TrunkUri = Field(examples=["sip:192.0.2.10:5060"])
    carrier: Name = ""
    probe: str | None = None
    priority: Annotated[int, _Text(lambda text: parse_count(text, 0, 65535), _between(0, 65535))] = 0
    weight: Annotated[int, _Text(lambda text: parse_count(text, 0, 65535), _between(0, 65535))] = 1
    cost: Annotated[float, _Text(parse_cost, {"type": "number", "minimum": 0})] = 0.0
    site: str | None = None
    large: TransportName = "udp"
    readmit: ReadmitName = Readmit.GENTLY
    deep: DeepModel | None = None


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

    every: Annotated[float | None, _Text(partial(parse_duration, shortest=FASTEST_PROBE), _matching(_TIME))] = None
    burst: Annotated[float | None, _Text(partial(parse_duration, shortest=0.01), _matching(_TIME))] = None
    timeout: Annotated[float | None, _Text(_parse_timeout, _matching(f"auto|{_TIME}"))] = None
    misses: Annotated[int | None, _Text(_parse_misses, {"anyOf": [{"const": "auto"}, _between(1, 100)]})] = None
    rise: Annotated[int | None, _Text(lambda text: parse_count(text, 1, 100), _between(1, 100))] = None
    alive_on: AliveOnName | None = None


class EndpointModel(Section):
    """Who rings: a user of a PBX or a number, and the trunks that lead there."""

    RESERVED = {
        "accept": "the first to answer takes the call, a mobile's voicemail included",
        "voicemail": "ring the voicemail number of your PBX instead",
        "email": "nobody is notified",
    }

    user: Annotated[str | None, _Text(parse_user, _NUMBER)] = None
    number: Annotated[str | None, _Text(parse_number, _NUMBER)] = None
    via: list[str] = Field(min_length=1, examples=[["carrier-a"]])
    live: Switch = False


class WhenModel(Section):
    """When a stage is tried: all of it must hold."""

    RESERVED = {"overflow": "the calls of a trunk are not counted"}

    hours: str | None = None
    not_hours: str | None = None
    caller: Annotated[list[Prefix], OneOrMore] = []
    trunk: dict[str, UpOrDown] = {}
    site: dict[str, UpOrDown] = {}


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


Chain = Annotated[list[StageModel], Field(min_length=1)]


class FileModel(Section):
    """A whole dialplan file."""

    RESERVED = {
        "providers": "this version routes calls only",
        "cascades": "this version routes calls only",
        "alerts": "events are in the log only",
    }

    version: Version = Field(examples=[1])
    include: Annotated[list[str], OneOrMore] = []
    listen: list[ListenModel] = Field(min_length=1, examples=[[{"udp": "0.0.0.0:5060"}]])
    defaults: DefaultsModel = DefaultsModel()
    trunks: dict[str, TrunkModel] = Field(examples=[{"carrier-a": {"uri": "sip:192.0.2.10:5060"}}])
    probes: dict[str, ProbeModel] = {}
    sites: dict[str, SiteModel] = {}
    hours: dict[str, HoursModel] = {}
    endpoints: dict[str, EndpointModel] = Field(examples=[{"front-desk": {"user": "100", "via": ["carrier-a"]}}])
    chains: dict[str, Chain] = Field(examples=[{"sales": [{"ring": ["front-desk"]}]}])
    routes: list[RouteModel] = Field(min_length=1, examples=[[{"did": "+15557000", "chain": "sales"}]])
