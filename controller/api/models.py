"""Bodies of requests: what may be sent, read and checked in one go, and described for OpenAPI.

Owns shapes, bounds and units of what comes in; what goes out is in `views`. Whether names exist is the service's business.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from controller.api.problems import from_validation
from controller.messages.request import Request
from controller.types.cascades import Outcome
from controller.types.messages import Channel, RouteClass, Step
from controller.types.words import Milestone, Order

#: E.164 with its plus. The shape only: whether such a number can exist is looked up later.
Phone = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{5,14}$")]
#: One @, no blanks or control characters, a host with a dot (RFC 5321 §4.5.3.1: 254 octets at most).
Email = Annotated[str, StringConstraints(pattern=r"^[!-?A-~]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$", max_length=254)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")]
#: The same without seven digits in a row: it is kept in clear, and nobody's number is to be.
Label = Annotated[str, StringConstraints(pattern=r"^([0-9]{1,6}|[A-Za-z_])([A-Za-z_.-]+[0-9]{0,6})*$", max_length=64)]
Value = Annotated[str, StringConstraints(max_length=500)]
Price = Annotated[Decimal, Field(ge=0, le=1_000_000, max_digits=12)]

#: What a step may wait for, in the words of the API.
MILESTONES = {"accepted": Milestone.ACCEPTED, "delivered": Milestone.ANSWERED, "read": Milestone.CONFIRMED}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Recipient(_Body):
    """Who is to be reached: by number, by mail, or either."""

    phone: Phone | None = Field(default=None, description="E.164", examples=["+14155550100"])
    email: Email | None = Field(default=None, examples=["anna@example.com"])

    @model_validator(mode="after")
    def _one_at_least(self) -> Recipient:
        if self.phone is None and self.email is None:
            raise ValueError("give a phone or an email")
        return self


class CascadeStep(_Body):
    """One step: a channel, and how far it must get in what time."""

    channel: Channel
    success: Literal["accepted", "delivered", "read"] = "delivered"
    timeout_s: float = Field(default=20.0, gt=0, le=86_400, description="until the next one has its turn")
    routes: Literal["auto", "configured"] | list[Name] = Field(
        default="configured",
        description="providers: `configured`: those of the channel, as written; `auto`: the best one first; or their names",
    )
    fanout: int = Field(default=1, ge=1, le=10, description="so many providers at most, one after the other")
    via: Literal["sip"] = Field(default="sip", description="of voice: by a call of callward's own")


class CascadeRequest(_Body):
    """One person, to be reached once. What is left out is as the dialplan's policies and cascades have it."""

    to: Recipient
    cascade: Name | None = Field(default=None, description="a cascade of the dialplan", examples=["otp"])
    steps: list[CascadeStep] = Field(default_factory=list, max_length=20, description="instead of one of the dialplan")
    use_case: Label | None = Field(default=None, examples=["login_otp"])
    class_: RouteClass = Field(default=RouteClass.STANDARD, alias="class")
    window_s: float | None = Field(default=None, gt=0, le=604_800, description="nothing is sent after so many seconds")
    max_attempts: int | None = Field(default=None, ge=1, le=50)
    max_cost: Price | None = Field(default=None, description="in the unit of the providers' costs", examples=["0.12"])
    fraud_score: float = Field(default=0.0, ge=0, le=1, description="as you see it: 0 is none")
    limit_keys: dict[Name, Value] = Field(
        default_factory=dict, max_length=10, description="whose limits count, by the names of `limits`", examples=[{}]
    )
    template: Name | None = Field(
        default=None,
        description="of the dialplan; with neither this nor a text: the one named as the cascade",
        examples=["otp"],
    )
    language: (
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)] | None
    ) = None
    params: dict[Name, Value] = Field(default_factory=dict, max_length=50, examples=[{"code": "481516"}])
    text: Annotated[str, StringConstraints(min_length=1, max_length=10_000)] | None = Field(
        default=None, description="instead of a template"
    )
    subject: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x1f]*$")] | None = None

    @model_validator(mode="after")
    def _fits(self) -> CascadeRequest:
        if self.cascade is not None and self.steps:
            raise ValueError("give a cascade or steps, not both")
        if self.template is not None and self.text is not None:
            raise ValueError("give a template or a text, not both")
        if self.template is None and self.text is None and self.cascade is None:
            raise ValueError("give a template or a text: without a cascade no template has its name")
        return self

    def to_request(self, tenant: str) -> Request:
        """As everything behind the API knows it."""
        to = self.to
        return Request(
            tenant,
            to.phone or "",
            to.email or "",
            self.cascade or "",
            tuple([_step(step) for step in self.steps]),
            self.use_case or "",
            self.class_,
            self.window_s,
            self.max_attempts,
            None if self.max_cost is None else float(self.max_cost),
            self.fraud_score,
            self.limit_keys,
            self.template or ("" if self.text is not None else self.cascade or ""),
            self.language or "",
            self.params,
            self.text or "",
            self.subject or "",
        )


def _step(step: CascadeStep) -> Step:
    routes = step.routes
    return Step(
        step.channel,
        MILESTONES[step.success],
        step.timeout_s,
        () if isinstance(routes, str) else tuple(routes),
        Order.BEST if routes == "auto" else Order.CONFIGURED,
        step.fanout,
    )


class Feedback(_Body):
    """What became of the code that was sent."""

    outcome: Outcome = Field(description="`verified`: the person typed it in; `failed`: wrongly, or never")


class Person(_Body):
    """Somebody, by number or by mail."""

    phone: Phone | None = None
    email: Email | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Person:
        if (self.phone is None) == (self.email is None):
            raise ValueError("give a phone or an email, one of the two")
        return self

    def known_as(self) -> tuple[str, str]:
        """Which of the two, and what it is."""
        return ("phone", self.phone) if self.phone is not None else ("email", self.email or "")


class OptOut(Person):
    """Somebody who wants nothing more, or wants it again."""

    channel: Channel | None = Field(default=None, description="by this channel; else by all")
    out: bool = Field(default=True, description="false: takes it back")


Body = TypeVar("Body", bound=BaseModel)


def read_body(model: type[Body], body: bytes) -> Body:
    """A body by its model. Raises `Problem`, with everything that is wrong."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise from_validation(error) from None


def schemas(*models: type[BaseModel]) -> dict[str, Any]:
    """Components of OpenAPI for models that handlers read from raw bytes."""
    found: dict[str, Any] = {}
    for model in models:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        found |= schema.pop("$defs", {})
        found[model.__name__] = schema
    return found


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """The body of an operation for OpenAPI (``openapi_extra``)."""
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}
    return {"requestBody": {"required": True, "content": content}}
