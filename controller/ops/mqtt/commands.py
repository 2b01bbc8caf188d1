"""Commands that come over the broker: who may give them, what is asked of the daemon, where the answer goes.

Owns the form of both. A command is JSON with the token of an operator of the console; one that the broker retained is never
carried out, for it would come again with each connection. An answer goes below our own topics only: nobody has us write
elsewhere. Tokens are known by their digests, and stand in no log and no answer. Must not do I/O.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.ops.mqtt.topics import Topics
from controller.ops.throttle import Throttle
from controller.types.ops import OpsToken

DRILL = "drill"  # takes as long as its test call

#: Commands, and the keys of each that go to the daemon for calls.
KNOWN: Mapping[str, tuple[str, ...]] = {"drain": ("trunk",), "undrain": ("trunk",), DRILL: ("trunk",)}
MAX_BYTES = 4096
_LONGEST = 256  # characters of an id that goes back as it came


@dataclass(frozen=True, slots=True)
class Letter:
    """What came on a command's topic."""

    topic: str
    payload: bytes = field(repr=False)
    retained: bool = False
    response_topic: str = ""  # MQTT 5 §4.10
    correlation: bytes | None = None
    token: str = field(default="", repr=False)  # a user property, MQTT 5


@dataclass(frozen=True, slots=True)
class Order:
    """What an operator wants."""

    command: str
    operator: str  # the name of the token
    more: Mapping[str, str]  # keys of the control socket
    id: str = ""  # goes back with the answer


class RefusedError(Exception):
    """A command is not carried out; the message says why and what to do."""

    def __init__(self, why: str, id: str = "", *, quiet: bool = False) -> None:  # noqa: A002  # as it is called on the wire
        super().__init__(why)
        self.id = id
        self.quiet = quiet  # neither answered nor logged: whoever floods us must not have us flood others


class Office:
    """Judges commands."""

    def __init__(self, topics: Topics, tokens: Iterable[OpsToken]) -> None:
        self._topics = topics
        self._operators = [token for token in tokens if token.operator]
        self._throttle = Throttle()  # a broker does not say who sends: all of it is one place

    def read(self, letter: Letter, now: float) -> Order:
        """What is wanted, and by whom. ``now`` is monotonic seconds.

        Raises `RefusedError`.
        """
        try:
            operator, asked = self._admit(letter, now)
        except RefusedError:
            self._throttle.note("", now)
            raise
        command, ident = self._topics.command_of(letter.topic), _ident_of(asked)
        if command not in KNOWN:
            raise RefusedError(f"unknown command '{command[:_LONGEST]}'; there are {', '.join(KNOWN)}", ident)
        more: dict[str, str] = {}
        for key in KNOWN[command]:
            value = asked.get(key)
            if not isinstance(value, str) or not value or len(value) > _LONGEST:
                raise RefusedError(f"{command} needs '{key}', a text", ident)
            more[key] = value
        return Order(command, operator, more, ident)

    def _admit(self, letter: Letter, now: float) -> tuple[str, Mapping[str, Any]]:
        """The operator, and what is asked."""
        is_waiting = self._throttle.wait("", now) > 0.0
        if letter.retained:
            raise RefusedError(
                "a command must not be retained: it would be given again with each connection", quiet=is_waiting
            )
        if len(letter.payload) > MAX_BYTES:
            raise RefusedError(f"a command has at most {MAX_BYTES} bytes", quiet=is_waiting)
        asked = _read_object(letter.payload)
        if asked is None:
            raise RefusedError('a command is JSON, such as {"trunk": "carrier-a", "token": "..."}', quiet=is_waiting)
        token = letter.token or asked.get("token")
        mark = token.encode("utf-8", "surrogatepass") if isinstance(token, str) else b""
        if is_waiting and not self._throttle.knows("", mark):
            raise RefusedError("too many wrong tokens", _ident_of(asked), quiet=True)
        operator = self._operator(token)
        if operator is None:
            raise RefusedError("give the token of an operator of the console as 'token'", _ident_of(asked))
        self._throttle.welcome("", mark)
        return operator, asked

    def answer_topic(self, letter: Letter) -> str:
        """Where the answer goes: below our answers, whatever is asked for."""
        asked, ours = letter.response_topic, self._topics.answers
        fine = asked.startswith(f"{ours}/") and not {*asked} & {"#", "+", "\0"} and len(asked) <= 1024
        return asked if fine else ours

    def _operator(self, token: object) -> str | None:
        if not isinstance(token, str):
            return None
        digest = hashlib.sha256(token.strip().encode("utf-8", "surrogatepass")).hexdigest()
        found = None
        for known in self._operators:
            if hmac.compare_digest(known.digest, digest):
                found = known.name
        return found


def _read_object(payload: bytes) -> Mapping[str, Any] | None:
    try:
        asked = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return asked if isinstance(asked, dict) else None


def _ident_of(asked: Mapping[str, Any]) -> str:
    ident = asked.get("id", "")
    return ident[:_LONGEST] if isinstance(ident, str) else ""
