"""`alerts`: who can be told, and which alerts go to whom.

Owns the types of its keys, and what its places are called. What they have to say to each other is `alerts_compile`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from controller.config.address import parse_host
from controller.config.auth import CREDENTIAL, parse_credential
from controller.config.diagnostics import Mistake, quoted
from controller.config.duration import parse_duration
from controller.config.http_values import Url, parse_url
from controller.config.messages_daemon import Secret
from controller.config.messages_values import word
from controller.config.section import ANY_WORD, TIME, OneOrMore, Section, Text, matching
from controller.config.smpp import PORT, parse_port
from controller.config.smtp import SECURITY, Mailbox
from controller.config.values import parse_name
from controller.types.alerts import Group, Kind, Severity
from controller.types.smtp import SmtpSecurity

Loc = tuple[int | str, ...]

#: A notifier is one of these.
WAYS = ["alertmanager", "pagerduty", "webhook", "slack", "email", "apprise", "mqtt"]


def _parse_hook(text: str) -> str:
    """An incoming webhook of Slack: its URL is a secret, and is not repeated."""
    try:
        return parse_url(text)
    except Mistake:
        hint = "write the URL that Slack gave you, or ${file:PATH} of it"
        raise Mistake("BAD_URL", "the webhook of Slack is not a URL", hint) from None


def _parse_apprise(text: str) -> str:
    scheme, colon, rest = text.partition("://")
    if not colon or not scheme.isalnum() or not rest or not text.isprintable():
        hint = "write one as its documentation has it, tgram://TOKEN/CHAT for example"
        raise Mistake("BAD_URL", "this is no URL of apprise", hint)
    return text


def _within(shortest: float, longest: float) -> Text:
    return Text(partial(parse_duration, shortest=shortest, longest=longest), matching(TIME))


_Name = Annotated[str, Text(parse_name, ANY_WORD)]
_Names = Annotated[list[_Name], Field(min_length=1), OneOrMore]
_Wait = Annotated[float, _within(0.0, 86400.0)]


class AlertmanagerModel(Section):
    """An Alertmanager."""

    url: Url = Field(examples=["http://127.0.0.1:9093"])


class PagerDutyModel(Section):
    """A service of PagerDuty."""

    routing_key: Annotated[
        str, Text(partial(parse_credential, what="routing key", giver="service's integration"), CREDENTIAL)
    ] = Field(examples=["${file:pagerduty.key}"])
    url: Url = "https://events.pagerduty.com"


class AlertWebhookModel(Section):
    """A URL of your own."""

    url: Url = Field(examples=["https://example.com/alerts"])
    secret: Secret = Field(examples=["${file:alerts.secret}"])


class SlackModel(Section):
    """A channel."""

    hook: Annotated[str, Text(_parse_hook, {"type": "string"})] = Field(examples=["${file:slack.url}"])


class EmailModel(Section):
    """People who get a mail."""

    host: Annotated[str, Text(parse_host, {"type": "string"})] = Field(examples=["mail.example.com"])
    port: Annotated[int | None, Text(parse_port, PORT)] = None
    sender: Mailbox = Field(alias="from", examples=["callward@example.com"])
    to: Annotated[list[Mailbox], Field(min_length=1), OneOrMore] = Field(examples=[["oncall@example.com"]])
    user: Annotated[str | None, Text(partial(parse_credential, what="user", giver="mail server"), CREDENTIAL)] = None
    password: Annotated[
        str | None, Text(partial(parse_credential, what="password", giver="mail server"), CREDENTIAL)
    ] = None
    security: Annotated[SmtpSecurity, SECURITY] = SmtpSecurity.STARTTLS


class AppriseModel(Section):
    """Whatever apprise knows."""

    urls: Annotated[list[Annotated[str, Text(_parse_apprise, {"type": "string"})]], Field(min_length=1), OneOrMore] = (
        Field(examples=[["${file:apprise.url}"]])
    )


class MqttTargetModel(Section):
    """The broker of `mqtt`."""


class NotifierModel(Section):
    """One way to tell somebody."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [way]} for way in WAYS]})

    alertmanager: AlertmanagerModel | None = None
    pagerduty: PagerDutyModel | None = None
    webhook: AlertWebhookModel | None = None
    slack: SlackModel | None = None
    email: EmailModel | None = None
    apprise: AppriseModel | None = None
    mqtt: MqttTargetModel | None = None


class AlertMatchModel(Section):
    """Which alerts."""

    kind: Annotated[list[Annotated[Kind, word(Kind, "kind of alert")]], Field(min_length=1), OneOrMore] = []
    severity: Annotated[list[Annotated[Severity, word(Severity, "severity")]], Field(min_length=1), OneOrMore] = []
    carrier: _Names = []
    site: _Names = []


class AlertStepModel(Section):
    """Who is told where nobody has acknowledged."""

    after: Annotated[float, _within(10.0, 86400.0)] = Field(examples=["5m"])
    notify: _Names = Field(examples=[["boss"]])


class AlertRouteModel(Section):
    """Which alerts go to whom."""

    name: _Name | None = None
    match: AlertMatchModel | None = None
    notify: _Names = Field(examples=[["oncall"]])
    hold: _Wait | None = None
    settle: _Wait | None = None
    group_by: Annotated[Group, word(Group, "way to group")] = Group.CAUSE
    quiet: str | None = None
    quiet_unless: str | None = None
    escalate: list[AlertStepModel] = []


class AlertsModel(Section):
    """Alerts."""

    notifiers: dict[str, NotifierModel] = Field(examples=[{"oncall": {"slack": {"hook": "${file:slack.url}"}}}])
    routes: Annotated[list[AlertRouteModel], Field(min_length=1)] = Field(examples=[[{"notify": ["oncall"]}]])


_OF_NOTIFIERS: dict[str, type[Section]] = {
    "alertmanager": AlertmanagerModel,
    "pagerduty": PagerDutyModel,
    "webhook": AlertWebhookModel,
    "slack": SlackModel,
    "email": EmailModel,
    "apprise": AppriseModel,
    "mqtt": MqttTargetModel,
}


def model_of_alerts(owner: Loc) -> type[Section]:
    """The model whose keys stand at a place below `alerts`."""
    match owner[1:]:
        case ("notifiers", _):
            return NotifierModel
        case ("notifiers", _, str(way)):
            return _OF_NOTIFIERS[way]
        case ("routes", _):
            return AlertRouteModel
        case ("routes", _, "match"):
            return AlertMatchModel
        case ("routes", _, "escalate", _):
            return AlertStepModel
        case _:
            return AlertsModel


def describe_alerts(loc: Loc, number: Callable[[Any], int]) -> tuple[list[str], list[int | str]]:
    """What a place is called, and the keys below it that are still to be named."""
    match loc[1:]:
        case ("notifiers", str(name), *rest):
            return [f"notifier {quoted(name)}"], [*rest]
        case ("routes", int(), "escalate", int(), *rest):
            return ["alerts", f"route {number(loc[:3])}", f"step {number(loc[:5])}"], [*rest]
        case ("routes", int(), *rest):
            return ["alerts", f"route {number(loc[:3])}"], [*rest]
        case rest:
            return ["alerts"], [*rest]
