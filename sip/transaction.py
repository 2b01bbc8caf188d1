"""The four transaction machines of RFC 3261 §17 with the Accepted state of RFC 6026, as tables.

Rules of the house: everything that changes a transaction's state stands in a table of this file. A pair (state,
input) that a table does not list changes nothing. A machine knows one transaction: matching is the layer's work,
branches and final answers are the fork's.

Each table row reads: in this state, this input leads to that state and runs these actions in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple, Protocol

from sip import builder
from sip.message import Message, Request, Response
from sip.timing import Deadlines, Timing


class Hop(NamedTuple):
    """Where a message goes or comes from."""

    host: str
    port: int
    transport: str = "udp"


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

    def _arm_retransmission(self, now: float, kind: Input) -> None:
        self.retransmission = self.port.deadlines.arm(now + self.interval, self.on_timer, kind)

    def _arm_expiry(self, now: float, delay: float, kind: Input) -> None:
        if self.expiry is not None:
            Deadlines.cancel(self.expiry)
        self.expiry = self.port.deadlines.arm(now + delay, self.on_timer, kind)


# --------------------------------------------------------------------------- actions: sending


def send_request(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Send the request for the first time."""
    assert tx.request is not None  # it is dropped with the final response
    tx.wire = wire_of(tx.request, tx.hop)
    tx.port.send(tx.wire, tx.hop)


def send_response(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Send a response of the user's; retransmissions repeat it."""
    assert message is not None  # the layer passes it with each RESPONSE_ input
    tx.wire = wire_of(message, tx.hop)
    tx.port.send(tx.wire, tx.hop)


def resend(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Repeat what was sent last, if anything was."""
    if tx.wire:
        tx.port.send(tx.wire, tx.hop)


def send_ack(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Acknowledge a non-2xx final within the transaction (RFC 3261 §17.1.1.3)."""
    assert isinstance(message, Response)  # only responses lead here
    assert tx.request is not None  # it is dropped with the final response
    tx.wire = builder.make_ack(tx.request, message).encode()
    tx.port.send(tx.wire, tx.hop)


# --------------------------------------------------------------------------- actions: letting go
# A call leaves four transactions that linger for half a minute: at 600 calls/s every kilobyte that they hold is 20 MB.


def drop_request(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """The final response is there: nothing more is made of the request."""
    tx.request = None


def drop_wire(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Nothing is repeated any more."""
    tx.wire = b""


# --------------------------------------------------------------------------- actions: timers


def arm_a(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """INVITE retransmission: T1, then doubled each time."""
    if not tx.reliable:
        tx.interval = tx.interval * 2 or tx.port.timing.t1
        tx._arm_retransmission(now, Input.TIMER_A)


def arm_e(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Non-INVITE retransmission: T1, doubled up to T2; T2 once a provisional came."""
    if not tx.reliable:
        timing = tx.port.timing
        proceeding = tx.state is State.PROCEEDING
        tx.interval = timing.t2 if proceeding else min(tx.interval * 2 or timing.t1, timing.t2)
        tx._arm_retransmission(now, Input.TIMER_E)


def arm_g(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Retransmission of an INVITE's non-2xx final: T1, doubled up to T2."""
    if not tx.reliable:
        tx.interval = min(tx.interval * 2 or tx.port.timing.t1, tx.port.timing.t2)
        tx._arm_retransmission(now, Input.TIMER_G)


def arm_b(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """INVITE without any response."""
    tx._arm_expiry(now, tx.port.timing.t1x64, Input.TIMER_B)


def arm_d(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Absorb retransmitted finals."""
    tx._arm_expiry(now, 0.0 if tx.reliable else tx.port.timing.timer_d, Input.TIMER_D)


def arm_f(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Non-INVITE without a final."""
    tx._arm_expiry(now, tx.port.timing.t1x64, Input.TIMER_F)


def arm_h(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Wait for the ACK."""
    tx._arm_expiry(now, tx.port.timing.t1x64, Input.TIMER_H)


def arm_i(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Absorb retransmitted ACKs."""
    tx._arm_expiry(now, 0.0 if tx.reliable else tx.port.timing.t4, Input.TIMER_I)


def arm_j(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Absorb retransmitted non-INVITE requests."""
    tx._arm_expiry(now, 0.0 if tx.reliable else tx.port.timing.t1x64, Input.TIMER_J)


def arm_k(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Absorb retransmitted non-INVITE finals."""
    tx._arm_expiry(now, 0.0 if tx.reliable else tx.port.timing.t4, Input.TIMER_K)


def arm_l(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Server: let further 2xx pass (RFC 6026 §7.1)."""
    tx._arm_expiry(now, tx.port.timing.t1x64, Input.TIMER_L)


def arm_m(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Client: let further 2xx pass (RFC 6026 §7.2)."""
    tx._arm_expiry(now, tx.port.timing.t1x64, Input.TIMER_M)


def disarm(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Cancel both timers."""
    if tx.retransmission is not None:
        Deadlines.cancel(tx.retransmission)
        tx.retransmission = None
    if tx.expiry is not None:
        Deadlines.cancel(tx.expiry)
        tx.expiry = None
    tx.interval = 0.0


# --------------------------------------------------------------------------- actions: telling


def inform(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Pass a response to the user."""
    assert isinstance(message, Response)  # only responses lead here
    tx.port.emit(ResponseReceived(tx.user, message))


def time_out(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Tell the user that nothing came in time."""
    tx.port.emit(TransactionTimedOut(tx.user))


def report_unreachable(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Tell the user that the transport failed."""
    tx.port.emit(TransactionUnreachable(tx.user))


def end(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """The transaction is over; cut the references so that nothing waits for the garbage collector."""
    disarm(tx, now, message)
    tx.port.forget(tx)
    tx.port.emit(TransactionEnded(tx.user))
    tx.user = None


# --------------------------------------------------------------------------- the tables

INVITE_CLIENT: Table = {  # RFC 3261 figure 5, RFC 6026 figure 2
    State.INITIAL: {
        Input.START: (State.CALLING, (send_request, arm_a, arm_b)),
    },
    State.CALLING: {
        Input.TIMER_A: (State.CALLING, (resend, arm_a)),
        Input.TIMER_B: (State.TERMINATED, (time_out, end)),
        Input.TRANSPORT_ERROR: (State.TERMINATED, (report_unreachable, end)),
        Input.RESPONSE_1XX: (State.PROCEEDING, (disarm, inform)),
        Input.RESPONSE_2XX: (State.ACCEPTED, (disarm, drop_request, drop_wire, arm_m, inform)),
        Input.RESPONSE_3XX_6XX: (State.COMPLETED, (disarm, send_ack, drop_request, arm_d, inform)),
    },
    State.PROCEEDING: {
        Input.RESPONSE_1XX: (State.PROCEEDING, (inform,)),
        Input.RESPONSE_2XX: (State.ACCEPTED, (drop_request, drop_wire, arm_m, inform)),
        Input.RESPONSE_3XX_6XX: (State.COMPLETED, (send_ack, drop_request, arm_d, inform)),
        Input.ABANDON: (State.TERMINATED, (time_out, end)),
    },
    State.COMPLETED: {
        Input.RESPONSE_3XX_6XX: (State.COMPLETED, (resend,)),
        Input.TRANSPORT_ERROR: (State.TERMINATED, (end,)),
        Input.TIMER_D: (State.TERMINATED, (end,)),
    },
    State.ACCEPTED: {
        Input.RESPONSE_2XX: (State.ACCEPTED, (inform,)),
        Input.TIMER_M: (State.TERMINATED, (end,)),
    },
    State.TERMINATED: {},
}

NON_INVITE_CLIENT: Table = {  # RFC 3261 figure 6
    State.INITIAL: {
        Input.START: (State.TRYING, (send_request, arm_e, arm_f)),
    },
    State.TRYING: {
        Input.TIMER_E: (State.TRYING, (resend, arm_e)),
        Input.TIMER_F: (State.TERMINATED, (time_out, end)),
        Input.TRANSPORT_ERROR: (State.TERMINATED, (report_unreachable, end)),
        Input.RESPONSE_1XX: (State.PROCEEDING, (inform,)),
        Input.RESPONSE_2XX: (State.COMPLETED, (disarm, drop_request, drop_wire, arm_k, inform)),
        Input.RESPONSE_3XX_6XX: (State.COMPLETED, (disarm, drop_request, drop_wire, arm_k, inform)),
    },
    State.PROCEEDING: {
        Input.TIMER_E: (State.PROCEEDING, (resend, arm_e)),
        Input.TIMER_F: (State.TERMINATED, (time_out, end)),
        Input.TRANSPORT_ERROR: (State.TERMINATED, (report_unreachable, end)),
        Input.RESPONSE_1XX: (State.PROCEEDING, (inform,)),
        Input.RESPONSE_2XX: (State.COMPLETED, (disarm, drop_request, drop_wire, arm_k, inform)),
        Input.RESPONSE_3XX_6XX: (State.COMPLETED, (disarm, drop_request, drop_wire, arm_k, inform)),
    },
    State.COMPLETED: {
        Input.TIMER_K: (State.TERMINATED, (end,)),
    },
    State.TERMINATED: {},
}

INVITE_SERVER: Table = {  # RFC 3261 figure 7, RFC 6026 figure 1
    State.INITIAL: {
        Input.START: (State.PROCEEDING, ()),
    },
    State.PROCEEDING: {
        Input.REQUEST: (State.PROCEEDING, (resend,)),
        Input.RESPONSE_1XX: (State.PROCEEDING, (send_response,)),
        Input.RESPONSE_2XX: (State.ACCEPTED, (send_response, drop_request, drop_wire, arm_l)),
        Input.RESPONSE_3XX_6XX: (State.COMPLETED, (send_response, drop_request, arm_g, arm_h)),
    },
    State.COMPLETED: {
        Input.REQUEST: (State.COMPLETED, (resend,)),
        Input.TIMER_G: (State.COMPLETED, (resend, arm_g)),
        Input.TIMER_H: (State.TERMINATED, (time_out, end)),
        Input.TRANSPORT_ERROR: (State.TERMINATED, (report_unreachable, end)),
        Input.ACK: (State.CONFIRMED, (disarm, arm_i)),
    },
    State.ACCEPTED: {
        Input.REQUEST: (State.ACCEPTED, ()),  # absorbed: the 2xx is retransmitted by who sent it
        Input.RESPONSE_2XX: (State.ACCEPTED, (send_response, drop_wire)),
        Input.TIMER_L: (State.TERMINATED, (end,)),
    },
    State.CONFIRMED: {
        Input.ACK: (State.CONFIRMED, ()),
        Input.REQUEST: (State.CONFIRMED, ()),
        Input.TIMER_I: (State.TERMINATED, (end,)),
    },
    State.TERMINATED: {},
}

NON_INVITE_SERVER: Table = {  # RFC 3261 figure 8
    State.INITIAL: {
        Input.START: (State.TRYING, ()),
    },
    State.TRYING: {
        Input.REQUEST: (State.TRYING, ()),
        Input.ABANDON: (State.TERMINATED, (end,)),
        Input.RESPONSE_1XX: (State.PROCEEDING, (send_response,)),
        Input.RESPONSE_2XX: (State.COMPLETED, (send_response, drop_request, arm_j)),
        Input.RESPONSE_3XX_6XX: (State.COMPLETED, (send_response, drop_request, arm_j)),
    },
    State.PROCEEDING: {
        Input.REQUEST: (State.PROCEEDING, (resend,)),
        Input.ABANDON: (State.TERMINATED, (end,)),
        Input.RESPONSE_1XX: (State.PROCEEDING, (send_response,)),
        Input.RESPONSE_2XX: (State.COMPLETED, (send_response, drop_request, arm_j)),
        Input.RESPONSE_3XX_6XX: (State.COMPLETED, (send_response, drop_request, arm_j)),
        Input.TRANSPORT_ERROR: (State.TERMINATED, (report_unreachable, end)),
    },
    State.COMPLETED: {
        Input.REQUEST: (State.COMPLETED, (resend,)),
        Input.TRANSPORT_ERROR: (State.TERMINATED, (report_unreachable, end)),
        Input.TIMER_J: (State.TERMINATED, (end,)),
    },
    State.TERMINATED: {},
}

TABLES: Mapping[str, Table] = {
    "INVITE client": INVITE_CLIENT,
    "non-INVITE client": NON_INVITE_CLIENT,
    "INVITE server": INVITE_SERVER,
    "non-INVITE server": NON_INVITE_SERVER,
}
