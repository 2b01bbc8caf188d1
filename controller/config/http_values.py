"""The small values of HTTP providers: where something stands in an answer or webhook, causes, statuses, headers.

Owns their syntax. Every function reads text and raises `Mistake`.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field

from controller.config.diagnostics import Mistake, quoted
from controller.config.duration import parse_duration
from controller.config.section import TIME, OneOrMore, Text, between, matching
from controller.config.sources import TLS, parse_source
from controller.config.templates import parse_body, parse_template
from controller.config.values import hint_choice, parse_choice, parse_count
from controller.types import TRANSPORT_ERROR
from controller.types import cascades as words
from controller.types.http import Entry, Object, Part, Path
from controller.types.http import Text as Template

MAX_TEXT = 16 << 10  # a private key of 4,096 bits takes 3,272 characters
_STEP = re.compile(r"[^\s.:]{1,128}")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")  # RFC 9110 §5.6.2
_STATUS = re.compile(r"[45][0-9]{2}")

#: What a failure can be called beside HTTP statuses.
CAUSES = (
    words.UNDELIVERED,
    words.EXPIRED,
    words.REJECTED,
    words.UNKNOWN_SUBSCRIBER,
    words.NOT_ON_CHANNEL,
    words.ABSENT,
    words.BLOCKED,
    words.BAD_TEMPLATE,
    words.TIMEOUT,
    TRANSPORT_ERROR,
)
#: How far a message can be by its report, and "pending": nothing new.
PROGRESS = ("pending", "accepted", "sent", "delivered", "read")


def parse_path(text: str) -> Path:
    """Read "messages.0.id", "header:X-Id" or "query:id"."""
    kind, colon, name = text.partition(":")
    if colon and kind in {Part.HEADER, Part.QUERY} and name:
        return Path((name.lower() if kind == Part.HEADER else name,), Part(kind))
    steps = text.split(".")
    if not all(_STEP.fullmatch(step) for step in steps):
        hint = "write keys and places of lists with dots between, such as messages.0.id, or header:NAME or query:NAME"
        raise Mistake("BAD_PATH", f"{quoted(text)} leads nowhere in an answer", hint)
    return Path(tuple(steps))


def parse_failure(text: str) -> str:
    """Read what a failure is called: an HTTP status or a word."""
    if _STATUS.fullmatch(text) or text in CAUSES:
        return text
    hint = hint_choice(text, CAUSES)
    if not hint.startswith("did"):
        hint = f"write an HTTP status such as 429, or {' or '.join(CAUSES)}"
    raise Mistake("BAD_CAUSE", f"{quoted(text)} is not a cause of failure", hint)


def parse_word(text: str) -> str:
    """Read what a status of a report stands for: how far the message is, or why it failed."""
    if text in PROGRESS:
        return text
    try:
        return parse_failure(text)
    except Mistake:
        hint = hint_choice(text, [*PROGRESS, *CAUSES])
        message = f"{quoted(text)} is neither how far a message is nor why it failed"
        raise Mistake("BAD_CAUSE", message, hint) from None


def parse_url(text: str) -> str:
    """Read the base of URLs: with scheme and host, without query."""
    parts = urlsplit("")
    try:
        parts = urlsplit(text)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        fine = False
    if not fine or parts.query or parts.fragment or not text.isascii() or not text.isprintable() or " " in text:
        raise Mistake(
            "BAD_URL", f"{quoted(text)} is not a URL", "write https:// and a host, and a path if there is one"
        )
    if parts.username or parts.password:
        raise Mistake("BAD_URL", "the URL holds a user or password", "write account: and token: instead")
    return text.rstrip("/")


def parse_url_template(text: str) -> Template:
    """Read a URL with places; it begins with a scheme or with a place."""
    template = parse_template(text)
    if not re.match(r"https?://|\{[a-z_]+\}", text):
        raise Mistake("BAD_URL", f"{quoted(text)} is not a URL", "begin with https:// or {url}")
    return template


def parse_network(text: str) -> str:
    """Read where webhooks come from: an address or a network."""
    try:
        source = parse_source(text)
    except Mistake as mistake:
        hint = mistake.hint.partition(", or tls:")[0]
        raise Mistake(mistake.code, mistake.message, hint) from None
    if source.startswith(TLS):
        hint = "write an address or a network such as 192.0.2.0/24"
        raise Mistake("BAD_SOURCE", f"{quoted(text)} is not an address or network", hint)
    return source


def parse_header(text: str) -> str:
    """Read the name of a header."""
    if not _TOKEN.fullmatch(text):
        hint = "write its name alone, such as X-Signature"
        raise Mistake("BAD_HEADER", f"{quoted(text)} is not the name of a header", hint)
    return text.lower()


def parse_setting(text: str, what: str) -> str:
    """Read an account, a token or a secret; a private key has several lines."""
    if not text.strip():
        raise Mistake("BAD_CREDENTIAL", f"the {what} is empty", f"write the {what} that the provider gave you")
    if len(text) > MAX_TEXT:
        raise Mistake("BAD_CREDENTIAL", f"the {what} is too long", f"write at most {MAX_TEXT} characters")
    several = text.strip().startswith("-----BEGIN")
    if not several and not text.isprintable():
        hint = f"a file that holds a {what} has one line"
        raise Mistake("BAD_CREDENTIAL", f"the {what} holds characters that cannot be printed, as a line break is", hint)
    return text.strip() if several else text


class _Data:
    """A value that is read as it comes: mappings, lists and texts."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(parse_body)

    def __get_pydantic_json_schema__(self, _schema: Any, _handler: Any) -> dict[str, Any]:
        return {"type": ["object", "array"]}


def parse_fields(values: dict[str, Template]) -> Object:
    """Fields of a form, a query or headers."""
    return Object(
        tuple(Entry(key.removesuffix("?"), value, optional=key.endswith("?")) for key, value in values.items())
    )


SCALAR = {"type": ["string", "number", "boolean"]}
TemplateText = Annotated[Template, Text(parse_template, SCALAR)]
UrlTemplate = Annotated[Template, Text(parse_url_template, {"type": "string"})]
BodyTemplate = Annotated[Any, _Data()]
Url = Annotated[str, Text(parse_url, {"type": "string"})]
Network = Annotated[str, Text(parse_network, {"type": "string"})]
HeaderName = Annotated[str, Text(parse_header, {"type": "string"})]
OnePath = Annotated[Path, Text(parse_path, {"type": "string"})]
PathList = Annotated[list[OnePath], Field(min_length=1), OneOrMore]
Failure = Annotated[str, Text(parse_failure, SCALAR)]
Word = Annotated[str, Text(parse_word, SCALAR)]
Status = Annotated[int, Text(partial(parse_count, lowest=100, highest=599), between(100, 599))]
StatusList = Annotated[list[Status], OneOrMore]
Seconds = Annotated[float, Text(partial(parse_duration, shortest=0.1, longest=60.0), matching(TIME))]
Age = Annotated[float, Text(partial(parse_duration, shortest=1.0, longest=86400.0), matching(TIME))]


def choice(what: str, *words: str) -> Any:
    """The type of a value that is one word of a few."""
    return Annotated[str, Text(lambda text: parse_choice(text, what, words), {"enum": [*words]})]


def setting(what: str) -> Any:
    """The type of an account, token or secret."""
    return Annotated[str, Text(partial(parse_setting, what=what), {"type": ["string", "number"], "minLength": 1})]
