"""The language of version 1 as pydantic models: which keys there are, of what type, which are reserved.

Owns types, bounds and required keys of single values. Must not compare values with each other or look names up:
that is `compile`, which can do it even where other values are wrong.

Every scalar arrives as text. Names of entries are keys, and read by `names`; those of causes by `compile`. ``RESERVED`` of a model: keys of later versions, each with what holds today.
``examples`` of a required field is what a person is told to write when it is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainValidator
from pydantic_core import PydanticKnownError

from controller.config.address import HostPort, parse_did, parse_listen, parse_number, parse_trunk_uri, parse_user
from controller.config.diagnostics import Mistake, quoted
from controller.config.duration import parse_duration
from controller.config.values import (
    AUTO,
    OFF,
    parse_choice,
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
TransportName = Annotated[str, _text(lambda text: parse_choice(text, "transport", ["udp", "tcp"]))]
Switch = Annotated[bool, _text(parse_switch)]
TrunkUri = Annotated[HostPort, _text(parse_trunk_uri)]
ListenAddress = Annotated[HostPort, _text(parse_listen)]
Did = Annotated[str, _text(parse_did)]


_ORDER = "trunks are tried in the order of each endpoint's 'via'"


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
        "site": "trunks fail over one by one",
        "auth": "the carrier has to know this host by its IP address",
        "caller_id": "the caller's number is passed on as it came",
        "limits": "the calls of a trunk are not counted",
        "priority": _ORDER,
        "weight": _ORDER,
        "cost": _ORDER,
        "register": "the carrier has to send calls to this host's address",
        "sources": "calls are taken from every address: use a firewall",
    }

    uri: TrunkUri = Field(examples=["sip:192.0.2.10:5060"])
    carrier: Name = ""
    probe: str | None = None
    large: TransportName = "udp"


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


class StageModel(Section):
    """Targets tried together."""

    RESERVED = {"when": "every stage is tried at any time", "order": _ORDER}

    ring: list[str] = Field(min_length=1, examples=[["front-desk"]])
    turn: Duration | None = Field(None, alias="for")
    mode: ModeName = Mode.SEQUENTIAL
    no_reply: Duration | None = None
    no_progress: Duration | None = None
    stagger: Duration | None = None
    hedge: HedgeDelay = "auto"


class RouteModel(Section):
    """A called number and its chain."""

    RESERVED = {
        "outbound": "only inbound calls are routed",
        "via": "a route leads to a chain, whose endpoints have their own 'via'",
        "order": _ORDER,
    }

    did: Did = Field(examples=["+15557000"])
    chain: str = Field(examples=["sales"])


Chain = Annotated[list[StageModel], Field(min_length=1)]


class FileModel(Section):
    """A whole dialplan file."""

    RESERVED = {
        "sites": "trunks fail over one by one",
        "hours": "chains are the same at any time",
        "providers": "this version routes calls only",
        "cascades": "this version routes calls only",
        "alerts": "events are in the log only",
    }

    version: Version = Field(examples=[1])
    listen: list[ListenModel] = Field(min_length=1, examples=[[{"udp": "0.0.0.0:5060"}]])
    defaults: DefaultsModel = DefaultsModel()
    trunks: dict[str, TrunkModel] = Field(examples=[{"carrier-a": {"uri": "sip:192.0.2.10:5060"}}])
    probes: dict[str, ProbeModel] = {}
    endpoints: dict[str, EndpointModel] = Field(examples=[{"front-desk": {"user": "100", "via": ["carrier-a"]}}])
    chains: dict[str, Chain] = Field(examples=[{"sales": [{"ring": ["front-desk"]}]}])
    routes: list[RouteModel] = Field(min_length=1, examples=[[{"did": "+15557000", "chain": "sales"}]])
