"""What is left of a broken file: the same models with nothing required.

Owns the stand-ins for required values that were missing or wrong. Thanks to them an entry with one bad value still
has all its other values checked; ``model_fields_set`` tells what was really written. Never part of a dialplan.
"""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Any

from pydantic import Field, GetPydanticSchema

from controller.config.address import HostPort
from controller.config.alerts import AlertRouteModel, AlertsModel, AlertStepModel, EmailModel, NotifierModel
from controller.config.auth import AuthModel
from controller.config.dns import DnsModel, Server
from controller.config.limits import LimitsModel, TenantModel
from controller.config.media import MediaModel, RelayAddress
from controller.config.messages_cascades import CascadeModel, StepModel
from controller.config.messages_daemon import CallbackModel, ClientModel, MessagesModel, TokenModel
from controller.config.messages_policies import ANY, PolicyModel, TemplateModel
from controller.config.messages_providers import ProviderModel, SenderModel
from controller.config.messages_values import Alone
from controller.config.missed import MissedModel
from controller.config.model import (
    DeepModel,
    EndpointModel,
    FileModel,
    Final,
    HoursModel,
    ListenModel,
    OutboundModel,
    OutboundPrefix,
    RouteModel,
    SiteModel,
    Span,
    StageModel,
    TrunkModel,
    TrunkUri,
    Version,
    Zone,
)
from controller.config.mqtt import Broker, BrokerUrl, MqttModel
from controller.config.ops import ConsoleModel, ConsoleTokenModel
from controller.config.otel import OtelModel
from controller.config.section import OneOrMore, Section
from controller.config.users import UserModel
from controller.types.messages import Channel

_NOWHERE = HostPort("", 0)
_NO_BROKER = Broker("", 0, tls=True)


class _Dns(DnsModel):
    servers: Annotated[list[Server], OneOrMore] = Field(default=[])


class _Endpoint(EndpointModel):
    via: list[str] = Field(default=[])


class _Site(SiteModel):
    pbx: list[str] = Field(default=[])


class _Hours(HoursModel):
    zone: Zone = UTC
    open: dict[str, Annotated[list[Span], OneOrMore]] = Field(default={})


class _Tenant(TenantModel):
    limits: LimitsModel = LimitsModel()


class _Media(MediaModel):
    rtpengine: RelayAddress = _NOWHERE


class _Stage(StageModel):
    ring: list[str] = Field(default=[])


class _Outbound(OutboundModel):
    prefix: OutboundPrefix = ""


def _read_as(model: type[Section]) -> GetPydanticSchema:
    """To a type checker the strict model, to pydantic the lenient one."""

    def schema(_strict: Any, handler: Any) -> Any:
        return handler.generate_schema(model)

    return GetPydanticSchema(schema)


class _Auth(AuthModel):
    user: str = ""
    password: str = ""
    algorithms: list[str] = []


class _Deep(DeepModel):
    expect: Annotated[list[Final], OneOrMore] = Field(default=[])


class _Trunk(TrunkModel):
    uri: TrunkUri = _NOWHERE
    auth: Annotated[AuthModel, _read_as(_Auth)] | None = None
    deep: Annotated[DeepModel, _read_as(_Deep)] | None = None


class _Missed(MissedModel):
    cascade: str = ""
    to: list[str] = Field(default=[])
    template: str = ""


class _Route(RouteModel):
    missed: Annotated[MissedModel, _read_as(_Missed)] | None = None
    outbound: Annotated[OutboundModel, _read_as(_Outbound)] | None = None
    callers: list[str] | None = Field(None, alias="from")
    via: list[str] | None = None


class _User(UserModel):
    password: str = Field("", repr=False)


class _Sender(SenderModel):
    id: str = ""


class _Provider(ProviderModel):
    channel: Channel = Channel.SMS
    http: Any = None  # what a driver cannot do without is looked at when it is compiled
    smpp: Any = None
    smtp: Any = None
    via: Annotated[list[str], OneOrMore] | None = None
    senders: list[Annotated[SenderModel, _read_as(_Sender), Alone("id", {})]] = []


class _Step(StepModel):
    via: Annotated[list[str], OneOrMore] | None = None


class _Cascade(CascadeModel):
    steps: list[Annotated[StepModel, _read_as(_Step)]] = Field(default=[])


class _Policy(PolicyModel):
    name: str = ""


class _Template(TemplateModel):
    text: Annotated[dict[str, str], Alone(ANY, {})] = Field(default={})


class _Token(TokenModel):
    name: str = ""
    sha256: str = ""
    tenant: str = ""


class _Callback(CallbackModel):
    url: str = ""
    secret: str = Field("", repr=False)


class _Client(ClientModel):
    callback: Annotated[CallbackModel, _read_as(_Callback)] | None = None


class _Messages(MessagesModel):
    tokens: list[Annotated[TokenModel, _read_as(_Token)]] = []
    clients: dict[str, Annotated[ClientModel, _read_as(_Client)]] = {}


class _ConsoleToken(ConsoleTokenModel):
    name: str = ""
    sha256: str = ""


class _Console(ConsoleModel):
    tokens: list[Annotated[ConsoleTokenModel, _read_as(_ConsoleToken)]] = []


class _Mqtt(MqttModel):
    broker: BrokerUrl = _NO_BROKER


class _Otel(OtelModel):
    endpoint: str = ""


class _Email(EmailModel):
    host: str = ""
    sender: str = Field("", alias="from")
    to: Annotated[list[str], OneOrMore] = Field(default=[])


class _Notifier(NotifierModel):
    alertmanager: Any = None  # what one cannot do without is looked at when it is compiled
    pagerduty: Any = None
    webhook: Any = None
    slack: Any = None
    email: Any = None
    apprise: Any = None


class _AlertStep(AlertStepModel):
    after: float = 300.0
    notify: Annotated[list[str], OneOrMore] = Field(default=[])


class _AlertRoute(AlertRouteModel):
    notify: Annotated[list[str], OneOrMore] = Field(default=[])
    escalate: list[Annotated[AlertStepModel, _read_as(_AlertStep)]] = []


class _Alerts(AlertsModel):
    notifiers: dict[str, Annotated[NotifierModel, _read_as(_Notifier)]] = Field(default={})
    routes: list[Annotated[AlertRouteModel, _read_as(_AlertRoute)]] = Field(default=[])


class Remains(FileModel):
    """A file from which all that is wrong has been cut."""

    version: Version = 1
    listen: list[ListenModel] = Field(default=[])
    dns: Annotated[DnsModel, _read_as(_Dns)] | None = None
    trunks: dict[str, Annotated[TrunkModel, _read_as(_Trunk)]] = Field(default={})
    users: dict[str, Annotated[UserModel, _read_as(_User)]] = Field(default={})
    sites: dict[str, Annotated[SiteModel, _read_as(_Site)]] = Field(default={})
    hours: dict[str, Annotated[HoursModel, _read_as(_Hours)]] = Field(default={})
    tenants: dict[str, Annotated[TenantModel, _read_as(_Tenant)]] = Field(default={})
    media: Annotated[MediaModel, _read_as(_Media)] | None = None
    endpoints: dict[str, Annotated[EndpointModel, _read_as(_Endpoint)]] = Field(default={})
    chains: dict[str, list[Annotated[StageModel, _read_as(_Stage)]]] = Field(default={})
    routes: list[Annotated[RouteModel, _read_as(_Route)]] = Field(default=[])
    providers: dict[str, Annotated[ProviderModel, _read_as(_Provider)]] = {}
    cascades: dict[str, Annotated[CascadeModel, _read_as(_Cascade)]] = {}
    policies: list[Annotated[PolicyModel, _read_as(_Policy)]] = []
    templates: dict[str, Annotated[TemplateModel, _read_as(_Template)]] = {}
    messages: Annotated[MessagesModel, _read_as(_Messages)] | None = None
    console: Annotated[ConsoleModel, _read_as(_Console)] | None = None
    mqtt: Annotated[MqttModel, _read_as(_Mqtt)] | None = None
    alerts: Annotated[AlertsModel, _read_as(_Alerts)] | None = None
    otel: Annotated[OtelModel, _read_as(_Otel)] | None = None
