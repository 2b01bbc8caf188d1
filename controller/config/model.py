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
from typing import Annotated, ClassVar, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator
from pydantic_core import PydanticKnownError

from controller.config.address import (
    HostPort,
    parse_did,
    parse_listen,
    parse_number,
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
    parse_name,
    parse_switch,
    parse_version,
)
from controller.types import Hedge, Mode, Verdict

T = TypeVar("T")


def _text(parse: Callable[[str], T]) -> PlainValidator:
    """A validator that reads text; lists and mappings are refused as pydantic itself would."""

    def read(value: object) -> T:
        if not isinstance(value, str):
            raise PydanticKnownError("string_type")
        return parse(value)

    return PlainValidator(read)


def _parse_hedge(text: str) -> Hedge:
    if text == OFF:
        return None
    if text == AUTO:
        return "auto"
    if text.isalpha():
        raise Mistake("BAD_CHOICE", f"{quoted(text)} is not a hedge", "write auto, off or a time such as 250ms")
    return parse_duration(text, shortest=0.01)


def _parse_misses(text: str) -> int:
    return AUTO_MISSES if text == AUTO else parse_count(text, 1, 100)


#: What `misses: auto` stands for: at 50 ms bursts and no loss 8 give under one false DOWN in 30 days.
AUTO_MISSES = 8
#: Faster than this a probe says nothing more and carriers object.
FASTEST_PROBE = 0.05

Version = Annotated[int, _text(parse_version)]
Name = Annotated[str, _text(parse_name)]
Duration = Annotated[float, _text(parse_duration)]
HedgeDelay = Annotated[Hedge, _text(_parse_hedge)]
CauseVerdict = Annotated[Verdict, _text(lambda text: Verdict(parse_choice(text, "verdict", [*map(str, Verdict)])))]
ModeName = Annotated[Mode, _text(lambda text: Mode(parse_choice(text, "mode", [*map(str, Mode)])))]
Switch = Annotated[bool, _text(parse_switch)]
TrunkUri = Annotated[HostPort, _text(parse_trunk_uri)]
ListenAddress = Annotated[HostPort, _text(parse_listen)]
Did = Annotated[str, _text(parse_did)]
Prefix = Annotated[str, _text(parse_prefix)]
Zone = Annotated[tzinfo, _text(parse_zone)]
Span = Annotated[tuple[int, int], _text(parse_span)]
Holidays = Annotated[Mapping[date, str], _text(parse_holidays)]
UpOrDown = Annotated[bool, _text(lambda text: parse_choice(text, "state", ["up", "down"]) == "up")]
#: One may be written without its brackets.
OneOrMore = BeforeValidator(lambda value: [value] if isinstance(value, str) else value)


_ORDER = "trunks are tried in the order of each endpoint's 'via'"


class Section(BaseModel):
    """What all mappings of the language share: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    RESERVED: ClassVar[Mapping[str, str]] = {}


class ListenModel(Section):
    """One address to listen on."""

    RESERVED = {
        "tcp": "this version speaks UDP only",
        "tls": "this version speaks UDP only",
        "advertise": "listen on the very address that the trunks reach",
        "workers": "one process serves all calls",
    }

    udp: ListenAddress = Field(examples=["0.0.0.0:5060"])


class DefaultsModel(Section):
    """What stages inherit."""

    RESERVED = {
        "order": _ORDER,
        "patience": "the caller may ring for as long as the chain lasts",
    }

    ring: Duration | None = None
    no_reply: Duration | None = None
    no_progress: Duration | None = None
    stagger: Duration | None = None
    hedge: HedgeDelay = "auto"
    causes: dict[str, CauseVerdict] = {}


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
    priority: Annotated[int, _text(lambda text: parse_count(text, 0, 65535))] = 0
    weight: Annotated[int, _text(lambda text: parse_count(text, 0, 65535))] = 1
    cost: Annotated[float, _text(parse_cost)] = 0.0
    site: str | None = None


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

    RESERVED = {"alive_on": "any final response counts as a sign of life"}

    every: Annotated[float | None, _text(partial(parse_duration, shortest=FASTEST_PROBE))] = None
    burst: Annotated[float | None, _text(partial(parse_duration, shortest=0.01))] = None
    timeout: Annotated[float | None, _text(partial(parse_duration, shortest=0.01, longest=60.0))] = None
    misses: Annotated[int | None, _text(_parse_misses)] = None
    rise: Annotated[int | None, _text(lambda text: parse_count(text, 1, 100))] = None


class EndpointModel(Section):
    """Who rings: a user of a PBX or a number, and the trunks that lead there."""

    RESERVED = {
        "accept": "the first to answer takes the call, a mobile's voicemail included",
        "voicemail": "ring the voicemail number of your PBX instead",
        "email": "nobody is notified",
    }

    user: Annotated[str | None, _text(parse_user)] = None
    number: Annotated[str | None, _text(parse_number)] = None
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

    RESERVED = {"order": _ORDER}

    ring: list[str] = Field(min_length=1, examples=[["front-desk"]])
    turn: Duration | None = Field(None, alias="for")
    mode: ModeName = Mode.SEQUENTIAL
    no_reply: Duration | None = None
    no_progress: Duration | None = None
    stagger: Duration | None = None
    hedge: HedgeDelay = "auto"
    when: WhenModel | None = None


class RouteModel(Section):
    """A called number, or the beginning of many, and its chain."""

    RESERVED = {
        "outbound": "only inbound calls are routed",
        "via": "a route leads to a chain, whose endpoints have their own 'via'",
        "order": _ORDER,
    }

    did: Did | None = None
    prefix: Prefix | None = None
    chain: str = Field(examples=["sales"])


Chain = Annotated[list[StageModel], Field(min_length=1)]


class FileModel(Section):
    """A whole dialplan file."""

    RESERVED = {
        "providers": "this version routes calls only",
        "cascades": "this version routes calls only",
        "alerts": "events are in the log only",
    }

    version: Version = Field(examples=[1])
    listen: list[ListenModel] = Field(min_length=1, examples=[[{"udp": "0.0.0.0:5060"}]])
    defaults: DefaultsModel = DefaultsModel()
    trunks: dict[str, TrunkModel] = Field(examples=[{"carrier-a": {"uri": "sip:192.0.2.10:5060"}}])
    probes: dict[str, ProbeModel] = {}
    sites: dict[str, SiteModel] = {}
    hours: dict[str, HoursModel] = {}
    endpoints: dict[str, EndpointModel] = Field(examples=[{"front-desk": {"user": "100", "via": ["carrier-a"]}}])
    chains: dict[str, Chain] = Field(examples=[{"sales": [{"ring": ["front-desk"]}]}])
    routes: list[RouteModel] = Field(min_length=1, examples=[[{"did": "+15557000", "chain": "sales"}]])
