"""What an adapter is: it submits, it reports, it never decides.

Owns the words between the broker and the adapters. Must not know cascades beyond their ids.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from controller.types.messages import Channel, Dedup
from controller.types.words import Milestone


@dataclass(slots=True)
class Message:
    """What is to be sent. It holds what nobody may log: `repr` shows none of it."""

    send_key: str  # "CASCADE:STEP:N"; unique for ever
    channel: Channel
    to: str = field(repr=False)  # E.164, or an address of mail
    text: str = field(repr=False)
    sender: str = ""  # a number or name of ours; "" for the provider's default
    subject: str = field(default="", repr=False)
    template: str = ""  # as the provider calls it
    language: str = ""
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    lifetime: float = 60.0  # seconds: of no use after that
    wait: float = 0.0  # seconds until another way is tried beside it; 0: nobody says


@dataclass(slots=True)
class Accepted:
    """The provider has it."""

    ref: str = ""
    milestone: Milestone = Milestone.ACCEPTED
    cost: float | None = None


@dataclass(slots=True)
class Refused:
    """It is certain that nothing was sent."""

    cause: str  # an HTTP or SMPP status, or a cause of `types.cascades`
    code: str = ""  # in the provider's words, without numbers or texts
    retry_after: float = 0.0


@dataclass(slots=True)
class Unclear:
    """The request may have got through: the answer is lost."""

    cause: str


Submission = Accepted | Refused | Unclear


@dataclass(slots=True)
class Report:
    """A delivery report, normalised: a milestone, or else a cause."""

    provider: str
    ref: str  # the provider's name for the message; "" where it sends ours back
    milestone: Milestone | None
    cause: str = ""
    code: str = ""
    send_key: str = ""
    cost: float | None = None
    operator: str = ""  # MCC-MNC, where the provider tells
    at: float = 0.0


@dataclass(slots=True)
class Inbound:
    """A message from a person to a number of ours."""

    provider: str
    ref: str  # the provider's name for it; "" where it gives none
    sender: str = field(repr=False)
    to: str
    text: str = field(repr=False)
    at: float = 0.0  # when it was sent, as the provider says; 0: it does not
    brought: str = ""  # without a name: by which webhook, and its place in there; "" where nobody can say


@dataclass(slots=True)
class Liveness:
    """A hard signal about the connection to a provider: bind lost, refused, back."""

    provider: str
    alive: bool
    why: str


News = Report | Inbound | Liveness
#: Takes news; when its awaitable is done, they are durable, and only then may a provider be told that we have them.
Sink = Callable[[list[News]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Webhook:
    """A request of a provider's, as it came."""

    method: str
    url: str  # as the provider knows it: with the public base
    query: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    peer: str = ""  # its address


@dataclass(slots=True)
class WebhookAnswer:
    """What it told us, and what it hears once that is durable."""

    news: list[News] = field(default_factory=list)
    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain"
    #: To be called once that is durable: from then on the same webhook says nothing new. A webhook that a provider
    #: sends again because we could not keep it is no replay.
    taken: Callable[[], None] = field(default=lambda: None, repr=False)


class Forged(Exception):
    """A webhook that is not the provider's: wrong signature, too old, seen before. The message holds no secret."""


class Adapter(Protocol):
    """One provider's driver."""

    dedup: Dedup

    async def start(self, sink: Sink) -> None:
        """Connect, where there is anything to connect; failures are `Liveness`, never exceptions."""

    async def submit(self, message: Message) -> Submission:
        """Send. Never raises for what the network or the provider does."""

    async def look_up(self, send_key: str) -> Submission:
        """Whether the provider has it: `Accepted`, `Refused` (it has not) or `Unclear`. For `Dedup.LOOKUP` only."""

    def receive(self, request: Webhook, now: float) -> WebhookAnswer:
        """Read a webhook. Raises `Forged`; what it cannot read it answers with 400. ``now``: seconds since the epoch."""

    async def close(self) -> None:
        """Let go."""


@runtime_checkable
class Withdrawing(Adapter, Protocol):
    """An adapter that can take back what is under way (`types.messages.WITHDRAWABLE`)."""

    async def withdraw(self, send_key: str) -> None:
        """Take it back, whether it was submitted already or is still to be. Never raises for what the network does."""
