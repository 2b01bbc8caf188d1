"""The keys of a provider behind HTTP as pydantic models: `preset`, `account`, `token`, `secret`, `url`, `vars`, `http`.

Owns their types. `http_compile` puts presets and the operator's own keys together and makes the settings. Every key may
be left out here: a preset may have it.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from controller.config.http_values import (
    SCALAR,
    Age,
    BodyTemplate,
    Failure,
    HeaderName,
    Network,
    OnePath,
    PathList,
    Seconds,
    StatusList,
    TemplateText,
    Url,
    UrlTemplate,
    Word,
    choice,
    setting,
)
from controller.config.presets import PRESETS
from controller.config.section import OneOrMore, Section, Text
from controller.types.http import ALGORITHMS, METHODS


class BasicModel(Section):
    """RFC 7617."""

    user: TemplateText = Field(examples=["{account}"])
    password: TemplateText = Field(examples=["{token}"])


class OAuth2Model(Section):
    """Where tokens are fetched, and who asks."""

    url: UrlTemplate = Field(examples=["{url}/oauth2/token"])
    client: TemplateText = Field(examples=["{account}"])
    secret: TemplateText = ()
    key: TemplateText = ()
    scope: TemplateText = ()


class JwtModel(Section):
    """A token of our own."""

    key: TemplateText = Field(examples=["{token}"])
    algorithm: choice("algorithm", *ALGORITHMS) = ALGORITHMS[0]  # type: ignore[valid-type]
    claims: dict[str, TemplateText] = {}


class HttpAuthModel(Section):
    """Who we are. Tokens in headers, forms or queries of their own need none of these."""

    basic: BasicModel | None = None
    bearer: TemplateText | None = None
    oauth2: OAuth2Model | None = None
    jwt: JwtModel | None = None


class ResponseModel(Section):
    """How the answer to a submission is read."""

    accepted: StatusList = []
    ref: PathList = []
    own_ref: TemplateText | None = None
    status: PathList = []
    taken: Annotated[list[Annotated[str, Text(str, SCALAR)]], OneOrMore] = []
    code: PathList = []
    cost: PathList = []
    retry_after: PathList = []
    unclear: StatusList | None = None


class ReportModel(Section):
    """How a delivery report is read."""

    each: OnePath | None = None
    status: PathList = []
    statuses: dict[str, Word] = {}
    ref: PathList = []
    key: PathList = []
    read: PathList = []
    code: PathList = []
    cost: PathList = []
    operator: PathList = []
    at: PathList = []


class InboundModel(Section):
    """How a message from a person is read."""

    each: OnePath | None = None
    sender: PathList = Field([], alias="from")
    text: PathList = []
    ref: PathList = []
    to: PathList = []
    at: PathList = []


class HandshakeModel(Section):
    """What a provider asks for at first, to see that the URL is ours."""

    token: TemplateText = Field(examples=["{verify}"])
    given: OnePath = Field(examples=["query:hub.verify_token"])
    answer: OnePath = Field(examples=["query:hub.challenge"])


class WebhookModel(Section):
    """Which webhooks are the provider's."""

    verify: choice("check", "twilio", "jwt", "hmac", "token", "basic", "sources") | None = None  # type: ignore[valid-type]
    key: TemplateText | None = None
    key_form: choice("form of a key", "text", "base64", "sha256") = "text"  # type: ignore[valid-type]
    header: HeaderName | None = None
    over: TemplateText | None = None
    hash: choice("hash", "sha1", "sha256", "sha512") = "sha256"  # type: ignore[valid-type]
    encoding: choice("encoding", "hex", "base64") = "hex"  # type: ignore[valid-type]
    prefix: Annotated[str, Text(str, SCALAR)] = ""
    timestamp: HeaderName | None = None
    nonce: HeaderName | None = None
    url_claim: Annotated[str, Text(str, SCALAR)] = ""
    place: OnePath | None = None
    tolerance: Age = 300.0
    sources: Annotated[list[Network], OneOrMore] = []
    unwrap: OnePath | None = None
    handshake: HandshakeModel | None = None


class LookupModel(Section):
    """How the provider is asked whether it has a message."""

    url: UrlTemplate = Field(examples=["{url}/messages?reference={key}"])
    ref: PathList = Field(examples=["messages.0.id"])


class TemplatedModel(Section):
    """What is asked instead for a message by a template of the provider's."""

    url: UrlTemplate | None = None
    body: BodyTemplate | None = Field(None, alias="json")
    form: dict[str, TemplateText] | None = None


class HttpModel(Section):
    """All that is said of one provider's HTTP interface."""

    url: UrlTemplate | None = None
    method: choice("method", *METHODS) = METHODS[0]  # type: ignore[valid-type]
    headers: dict[str, TemplateText] = {}
    query: dict[str, TemplateText] = {}
    body: BodyTemplate | None = Field(None, alias="json")
    form: dict[str, TemplateText] | None = None
    templated: TemplatedModel | None = None
    auth: HttpAuthModel | None = None
    timeout: Seconds = 10.0
    dedup: choice("dedup", "native", "lookup", "none") = "none"  # type: ignore[valid-type]
    lookup: LookupModel | None = None
    response: ResponseModel = ResponseModel()
    errors: dict[str, Failure] = {}
    webhook: WebhookModel | None = None
    reports: ReportModel | None = None
    inbound: InboundModel | None = None


class HttpKeys(Section):
    """What a provider behind HTTP has beside the keys of all providers; the model of providers inherits it."""

    preset: choice("preset", *PRESETS) | None = None  # type: ignore[valid-type]
    account: setting("account") | None = None  # type: ignore[valid-type]
    token: setting("token") | None = Field(None, repr=False)  # type: ignore[valid-type]
    secret: setting("secret") | None = Field(None, repr=False)  # type: ignore[valid-type]
    url: Url | None = None
    vars: dict[str, setting("value")] = {}  # type: ignore[valid-type]
    http: HttpModel | None = None

    #: The models of what is below `http`, by keys.
    BELOW: ClassVar[dict[tuple[str, ...], type[Section]]] = {
        (): HttpModel,
        ("auth",): HttpAuthModel,
        ("auth", "basic"): BasicModel,
        ("auth", "oauth2"): OAuth2Model,
        ("auth", "jwt"): JwtModel,
        ("response",): ResponseModel,
        ("reports",): ReportModel,
        ("inbound",): InboundModel,
        ("webhook",): WebhookModel,
        ("webhook", "handshake"): HandshakeModel,
        ("lookup",): LookupModel,
        ("templated",): TemplatedModel,
    }


def model_below(steps: tuple[Any, ...]) -> type[Section]:
    """The model of what stands at these keys below `http`, for findings about its keys."""
    return HttpKeys.BELOW[tuple(str(step) for step in steps)]
