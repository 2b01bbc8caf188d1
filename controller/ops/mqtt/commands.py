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

    def __init__(self, why: str, id: str = "") -> None:  # noqa: A002  # as it is called on the wire
        super().__init__(why)
        self.id = id


class Office:
    """Judges commands."""

    def __init__(self, topics: Topics, tokens: Iterable[OpsToken]) -> None:
        self._topics = topics
        self._operators = [token for token in tokens if token.operator]

    def read(self, letter: Letter) -> Order:
        """What is wanted, and by whom.

        Raises `RefusedError`.
        """
        command = self._topics.command_of(letter.topic)
        if letter.retained:
            raise RefusedError("a command must not be retained: it would be given again with each connection")
        if len(letter.payload) > MAX_BYTES:
            raise RefusedError(f"a command has at most {MAX_BYTES} bytes")
        asked = _read_object(letter.payload)
        ident = asked.get("id", "")
        ident = ident[:_LONGEST] if isinstance(ident, str) else ""
        operator = self._operator(letter.token or asked.get("token"))
        if operator is None:
            raise RefusedError("give the token of an operator of the console as 'token'", ident)
        if command not in KNOWN:
            raise RefusedError(f"unknown command '{command[:_LONGEST]}'; there are {', '.join(KNOWN)}", ident)
        more: dict[str, str] = {}
        for key in KNOWN[command]:
            value = asked.get(key)
            if not isinstance(value, str) or not value or len(value) > _LONGEST:
                raise RefusedError(f"{command} needs '{key}', a text", ident)
            more[key] = value
        return Order(command, operator, more, ident)

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


def _read_object(payload: bytes) -> Mapping[str, Any]:
    try:
        asked = json.loads(payload)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise RefusedError('a command is JSON, such as {"trunk": "carrier-a", "token": "..."}')
    return asked
