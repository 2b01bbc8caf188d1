"""What all dialects share: an account, what was asked, what is answered, a webhook.

Owns their shapes and the little cryptography that signatures need. Pure.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from controller.simulate.base import Word


@dataclass(frozen=True, slots=True)
class Account:
    """An account at a simulated provider. ``hook``: where its webhooks go, unless a message names another place."""

    name: str  # as the journal and the first step of its URL have it
    preset: str
    channel: str = "sms"
    account: str = "AC-1"
    token: str = field(default="token-1", repr=False)
    secret: str = field(default="secret-1", repr=False)
    hook: str = ""
    vars: Mapping[str, str] = field(default_factory=dict)  # what else an operator writes


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came; ``path`` without the name of the account."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Sent:
    """A message within a request."""

    key: str
    to: str
    text: str
    hook: str = ""


def words_of_template(name: str, language: str, values: Iterable[str]) -> str:
    """What a person would read of a template of the provider's own, whose text nobody here knows."""
    in_language = f" in {language}" if language else ""
    return f"template {name}{in_language}: {', '.join(values)}"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

    status: int
    data: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook, signed."""

    url: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"


class Malformed(Exception):
    """What was asked is not in this dialect. The message says why."""


class Dialect:
    """One provider. What it does not override it does as most do."""

    knows_keys = False  # the same key is sent once

    def __init__(self, account: Account) -> None:
        self.account = account

    def var(self, name: str) -> str:
        """What the operator wrote for a name; a word of our own if nothing."""
        return self.account.vars.get(name, f"{name}-1")

    def is_ours(self, asked: Asked) -> bool:
        """Whether whoever asks may."""
        return asked.headers.get("authorization") == f"Bearer {self.account.token}"

    def read(self, asked: Asked) -> Sent:
        """What is to be sent; raises `Malformed`, KeyError and the like for what is not in the dialect."""
        raise NotImplementedError

    def take(self, sent: Sent, ref: str) -> Reply:
        raise NotImplementedError

    def repeat(self, sent: Sent, ref: str) -> Reply:
        """The same, for a key that it knows."""
        return self.take(sent, ref)

    def refuse(self, code: str) -> Reply:
        """``code`` "" for one that says that the person cannot be reached so."""
        raise NotImplementedError

    def throttle(self, seconds: float) -> Reply:
        return Reply(429, {}, {"Retry-After": f"{seconds:.0f}"})

    def fail(self) -> Reply:
        return Reply(503, {})

    def deny(self) -> Reply:
        return Reply(401, {})

    def token(self, _asked: Asked) -> Reply | None:
        """The answer of the token endpoint; None for what asks for no token."""
        return None

    def look_up(self, _asked: Asked, _refs: Mapping[str, str]) -> Reply | None:
        """The answer to a question for a key (``refs``: by key); None for what asks for none."""
        return None

    def report(self, sent: Sent, ref: str, word: Word, code: str, now: float) -> Hook:
        raise NotImplementedError

    def inbound(self, sender: str, to: str, text: str, ref: str, now: float) -> Hook:
        raise NotImplementedError

    def forge(self, hook: Hook, now: float) -> Hook:
        """The same from somebody who does not know the key: signed, by another one."""
        other = type(self)(Account(**{**_fields(self.account), "token": "forged", "secret": "Zm9yZ2Vk"}))
        return other.sign(hook.url, hook.body, now, hook)

    def sign(self, url: str, body: bytes, now: float, like: Hook | None = None) -> Hook:
        """A webhook with its signature. ``like``: what else it should be like."""
        raise NotImplementedError


def _fields(account: Account) -> dict[str, Any]:
    return {name: getattr(account, name) for name in Account.__slots__}


def digits(number: str) -> str:
    return number.rpartition(":")[2].removeprefix("+")


def dump(data: Any) -> bytes:
    """JSON as a provider may write it: not as Python does, and with what is not ASCII as it is."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()


def iso(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def hmac_base64(key: bytes, data: bytes, algorithm: str = "sha256") -> str:
    return base64.b64encode(hmac.new(key, data, algorithm).digest()).decode()


def hmac_hex(key: bytes, data: bytes, algorithm: str = "sha256") -> str:
    return hmac.new(key, data, algorithm).hexdigest()


def jwt_hs256(claims: Mapping[str, Any], key: str) -> str:
    parts = [_base64url(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "HS256"}, claims)]
    signed = ".".join(parts)
    return f"{signed}.{_base64url(hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest())}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
