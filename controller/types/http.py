"""Providers behind HTTP as they are compiled: what is asked, how answers and webhooks are read, who may send those.

No behaviour: `controller.config` makes them, `controller.channels.http` does what they say. They hold secrets, so that
none of them shows itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from controller.types.messages import Channel, Dedup

METHODS = ("POST", "PUT")  # to send; a GET is sent again by clients and caches when they see fit
GET = "GET"  # to ask
ALGORITHMS = ("RS256", "HS256")  # RFC 7518 §3.1

# --------------------------------------------------------------------------- templates


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a text that each message fills. Bounds are for numbers; 0 and 0: none."""

    name: str  # "to", "text", "param.code", ...
    default: str = ""  # where there would be nothing
    least: int = 0
    most: int = 0


#: Pieces of a text; those that are the same for each message are one piece already.
Text = tuple[str | Slot, ...]


@dataclass(frozen=True, slots=True)
class Literal:
    """A JSON value that is no text."""

    value: Any


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of an object and what it holds; an optional one is left out where that is empty."""

    key: str
    value: Body
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Object:
    """A JSON object, or the fields of a form."""

    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class EachParam:
    """Within a list: one item for each parameter of the message, where "name" and "value" are slots."""

    item: Body


@dataclass(frozen=True, slots=True)
class Array:
    """A JSON array."""

    items: tuple[Body | EachParam, ...] = ()


Body = Text | Literal | Object | Array


# --------------------------------------------------------------------------- reading


class Part(StrEnum):
    """Where something is read from."""

    BODY = "body"
    QUERY = "query"
    HEADER = "header"


@dataclass(frozen=True, slots=True)
class Path:
    """Where a value stands. ``steps``: keys and, as digits, indexes; "*" for each item of a list."""

    steps: tuple[str, ...]
    part: Part = Part.BODY


#: The first that leads to anything counts.
Paths = tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class ResponseRules:
    """How the answer to a submission is read; all but the status is in its JSON body."""

    accepted: frozenset[int] = frozenset()  # statuses; none: any 2xx
    ref: Paths = ()
    own_ref: Text = ()  # or what we call it ourselves, where reports name that
    status: Paths = ()  # a word that says whether it was taken, whatever the HTTP status is
    taken: frozenset[str] = frozenset()  # ... and these say yes
    code: Paths = ()  # the provider's word for what is wrong
    cost: Paths = ()
    retry_after: Paths = ()  # seconds; beside the header Retry-After
    unclear: frozenset[int] = frozenset({500, 502, 504})  # statuses after which it may have been sent all the same


@dataclass(frozen=True, slots=True)
class ReportRules:
    """How a delivery report is read."""

    status: Paths
    each: Path | None = None  # the list of them; none: the body is one
    ref: Paths = ()
    key: Paths = ()  # our send key, where the provider sends it back
    statuses: Mapping[str, str] = field(default_factory=dict)  # in lower case -> "sent", "delivered", "read" or a cause
    read: Paths = ()  # what is there once it is read, where no status says so
    code: Paths = ()  # finer than the status; looked up in `errors`
    cost: Paths = ()
    operator: Paths = ()  # MCC-MNC
    at: Paths = ()


@dataclass(frozen=True, slots=True)
class InboundRules:
    """How a message from a person is read."""

    sender: Paths
    text: Paths
    each: Path | None = None
    ref: Paths = ()
    to: Paths = ()
    at: Paths = ()


# --------------------------------------------------------------------------- who it is


@dataclass(frozen=True, slots=True)
class TwilioSignature:
    """base64(HMAC-SHA1(token, URL and sorted form)); for JSON the URL holds the digest of the body."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class JwtSignature:
    """A JSON Web Token (RFC 7519), HS256, that holds digests of the body and of the URL."""

    key: bytes = field(repr=False)
    header: str = "authorization"
    body_claim: str = "payload_hash"  # SHA-256 in hexadecimal; required as soon as there is a body
    url_claim: str = ""  # the same of the URL; "": none
    tolerance: float = 300.0  # seconds


@dataclass(frozen=True, slots=True)
class HmacSignature:
    """HMAC over pieces of the request."""

    key: bytes = field(repr=False)
    header: str
    over: Text = (Slot("body"),)  # slots: body, timestamp, nonce, id, url, body_sha256
    hash: str = "sha256"
    encoding: str = "hex"  # or base64
    prefix: str = ""  # before each signature in the header; several signatures stand with spaces between
    timestamp: str = ""  # the header that has it, in seconds since the epoch; "": none, and replays are no older
    nonce: str = ""  # the header that has it
    tolerance: float = 300.0


@dataclass(frozen=True, slots=True)
class SharedToken:
    """The webhook brings a token that only the provider knows."""

    token: str = field(repr=False)
    place: Path = Path(("authorization",), Part.HEADER)


Verifier = TwilioSignature | JwtSignature | HmacSignature | SharedToken


@dataclass(frozen=True, slots=True)
class Handshake:
    """How a provider asks at first whether we are who we should be: it brings a token, and wants something back."""

    token: str = field(repr=False)
    given: Path = Path(("hub.verify_token",), Part.QUERY)
    answer: Path = Path(("hub.challenge",), Part.QUERY)


@dataclass(frozen=True, slots=True)
class WebhookRules:
    """Which requests are the provider's, and where in them the news are."""

    verifier: Verifier | None = None  # None: whoever comes from the sources
    sources: tuple[str, ...] = ()  # networks; none: from anywhere
    unwrap: Path | None = None  # the news are JSON in base64 there, and signed in that form
    handshake: Handshake | None = None
    reports: ReportRules | None = None
    inbound: InboundRules | None = None


# --------------------------------------------------------------------------- who we are


@dataclass(frozen=True, slots=True)
class Basic:
    """RFC 7617."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bearer:
    """RFC 6750."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OAuth2:
    """A token from a token endpoint, by client credentials (RFC 6749 §4.4) or by a signed assertion (RFC 7523 §2.1)."""

    url: str
    client: str
    secret: str = field(default="", repr=False)
    key: str = field(default="", repr=False)  # PEM; with it an assertion is signed (RS256)
    scope: str = ""


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A JSON Web Token of our own for each while: HS256 with a secret, RS256 with a private key in PEM."""

    key: str = field(repr=False)
    algorithm: str = ALGORITHMS[0]
    claims: Mapping[str, str] = field(default_factory=dict)
    lifetime: float = 600.0  # seconds


Auth = Basic | Bearer | OAuth2 | SignedToken


# --------------------------------------------------------------------------- all of it


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request."""

    url: Text = field(repr=False)
    method: str = METHODS[0]
    query: Object = field(default=Object(), repr=False)
    headers: Object = field(default=Object(), repr=False)
    body: Body | None = field(default=None, repr=False)
    form: bool = False  # else JSON


@dataclass(frozen=True, slots=True)
class Lookup:
    """How the provider is asked by our send key whether it has a message; 404 and an empty list say no."""

    request: Request
    ref: Paths


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """A provider behind HTTP."""

    provider: str
    channel: Channel
    request: Request
    templated: Request | None = None  # for messages by a template of the provider's
    auth: Auth | None = None
    timeout: float = 10.0  # seconds for an answer
    dedup: Dedup = Dedup.NONE
    lookup: Lookup | None = None
    response: ResponseRules = ResponseRules()
    errors: Mapping[str, str] = field(default_factory=dict)  # the provider's codes and HTTP statuses -> causes
    webhook: WebhookRules | None = None
    sender: str = ""  # where a message names none
    hook: str = ""  # our URL for its webhooks; "" if we have none
