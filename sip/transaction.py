"""One transaction, and what it says to its user: the vocabulary of the four machines.

A transaction only follows its table (`sip.machines`): nothing else changes its state. It knows itself alone: matching
is the layer's work, branches and final answers are the fork's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple, Protocol

from sip.message import Message, Request, Response
from sip.timing import Deadlines, Timing


class Hop(NamedTuple):
    """Where a message goes or comes from, and by which of our listeners; one of our own listeners itself is a hop too.

    The first listener of each transport is "", so that who has only one need not know of names.
    """

    host: str
    port: int
    transport: str = "udp"
    listener: str = ""


def wire_of(message: Message, hop: Hop) -> bytes:
    """The bytes to send there. Over a stream Content-Length must stand (RFC 3261 §20.14), over UDP it may be missing."""
    if hop.transport != "udp" and "content-length" not in message.names:
        message.append("content-length", f"Content-Length: {len(message.body)}")
    return message.encode()


class State(IntEnum):
    """States of all four machines."""

    INITIAL = 0
    CALLING = 1
    TRYING = 2
    PROCEEDING = 3
    COMPLETED = 4
    CONFIRMED = 5
    ACCEPTED = 6  # RFC 6026
    TERMINATED = 7


class Input(IntEnum):
    """Everything that can happen to a transaction."""

    START = 0
    REQUEST = 1  # server: the request came again
    ACK = 2  # server: ACK to a non-2xx final
    RESPONSE_1XX = 3  # client: received; server: to be sent
    RESPONSE_2XX = 4
    RESPONSE_3XX_6XX = 5
    TRANSPORT_ERROR = 6
    TIMER_A = 7
    TIMER_B = 8
    TIMER_D = 9
    TIMER_E = 10
    TIMER_F = 11
    TIMER_G = 12
    TIMER_H = 13
    TIMER_I = 14
    TIMER_J = 15
    TIMER_K = 16
    TIMER_L = 17
    TIMER_M = 18
    ABANDON = 19  # a cancelled INVITE got no final for 64 x T1 (RFC 3261 §9.1); a non-INVITE deserves no 408 (RFC 4320)


# --------------------------------------------------------------------------- what a transaction tells its user


@dataclass(slots=True)
class RequestReceived:
    """A new request. ``transaction`` is None for an ACK to a 2xx, which has none (RFC 3261 §17)."""

    transaction: Transaction | None
    request: Request
    source: Hop
    identity: str = ""  # who its sender has proved to be, where somebody was asked


@dataclass(slots=True)
class ResponseReceived:
    """A response for the user of a client transaction: each 1xx, the final, and every 2xx to an INVITE."""

    user: Any
    response: Response


@dataclass(slots=True)
class TransactionTimedOut:
    """No final response (client: timers B, F) or no ACK (server: timer H) came."""

    user: Any


@dataclass(slots=True)
class TransactionUnreachable:
    """The transport reported that the other side cannot be reached."""

    user: Any


@dataclass(slots=True)
class TransactionEnded:
    """The transaction is over and forgotten."""

    user: Any


@dataclass(slots=True)
class StrayResponse:
    """A response that matches no client transaction: of a past life, or not ours."""

    response: Response
    source: Hop


Event = (
    RequestReceived | ResponseReceived | TransactionTimedOut | TransactionUnreachable | TransactionEnded | StrayResponse
)


class Port(Protocol):
    """What a transaction needs from its layer."""

    timing: Timing
    deadlines: Deadlines

    def send(self, data: bytes, hop: Hop) -> None:
        """Put a message on the wire."""

    def emit(self, event: Event) -> None:
        """Tell the transaction user."""

    def forget(self, transaction: Transaction) -> None:
        """The transaction is over."""


Action = Callable[["Transaction", float, Request | Response | None], None]
Table = Mapping[State, Mapping[Input, tuple[State, tuple[Action, ...]]]]


class Transaction:
    """One transaction. ``user`` belongs to the transaction user; the machine only hands it back."""

    __slots__ = (
        "expiry",
        "hop",
        "interval",
        "key",
        "port",
        "request",
        "retransmission",
        "state",
        "table",
        "user",
        "wire",
    )

    def __init__(
        self, table: Table, key: tuple[Any, ...], request: Request, hop: Hop, port: Port, user: Any = None
    ) -> None:
        self.table = table
        self.state = State.INITIAL
        self.key = key
        self.request: Request | None = request  # until nothing is made of it any more
        self.hop = hop  # client: where the request goes; server: where responses go
        self.port = port
        self.user = user
        self.wire = b""  # what a retransmission repeats
        self.interval = 0.0
        self.retransmission: list[Any] | None = None
        self.expiry: list[Any] | None = None

    def handle(self, kind: Input, now: float, message: Request | Response | None = None) -> bool:
        """Feed one input; False if the table has no row for it."""
        row = self.table[self.state].get(kind)
        if row is None:
            return False
        self.state, actions = row
        for action in actions:
            action(self, now, message)
        return True

    def on_timer(self, now: float, kind: Input) -> None:
        """A deadline armed by this transaction has come."""
        self.handle(kind, now)

    @property
    def reliable(self) -> bool:
        """Whether the transport retransmits by itself."""
        return self.hop.transport != "udp"

    def arm_retransmission(self, now: float, kind: Input) -> None:
        """For an action: have ``kind`` come after the interval."""
        self.retransmission = self.port.deadlines.arm(now + self.interval, self.on_timer, kind)

    def arm_expiry(self, now: float, delay: float, kind: Input) -> None:
        """For an action: have ``kind`` come after ``delay`` seconds, instead of what was to come."""
        if self.expiry is not None:
            Deadlines.cancel(self.expiry)
        self.expiry = self.port.deadlines.arm(now + delay, self.on_timer, kind)
