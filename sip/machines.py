"""The four transaction machines of RFC 3261 §17 with the Accepted state of RFC 6026, as tables.

Rules of the house: everything that changes a transaction's state stands in a table of this file. A pair (state,
input) that a table does not list changes nothing.

Each table row reads: in this state, this input leads to that state and runs these actions in order.
"""

from __future__ import annotations

from collections.abc import Mapping

from sip import builder
from sip.message import Request, Response
from sip.timing import Deadlines
from sip.transaction import (
    Input,
    ResponseReceived,
    State,
    Table,
    Transaction,
    TransactionEnded,
    TransactionTimedOut,
    TransactionUnreachable,
    wire_of,
)

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
        tx.arm_retransmission(now, Input.TIMER_A)


def arm_e(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Non-INVITE retransmission: T1, doubled up to T2; T2 once a provisional came."""
    if not tx.reliable:
        timing = tx.port.timing
        proceeding = tx.state is State.PROCEEDING
        tx.interval = timing.t2 if proceeding else min(tx.interval * 2 or timing.t1, timing.t2)
        tx.arm_retransmission(now, Input.TIMER_E)


def arm_g(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Retransmission of an INVITE's non-2xx final: T1, doubled up to T2."""
    if not tx.reliable:
        tx.interval = min(tx.interval * 2 or tx.port.timing.t1, tx.port.timing.t2)
        tx.arm_retransmission(now, Input.TIMER_G)


def arm_b(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """INVITE without any response."""
    tx.arm_expiry(now, tx.port.timing.t1x64, Input.TIMER_B)


def arm_d(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Absorb retransmitted finals."""
    tx.arm_expiry(now, 0.0 if tx.reliable else tx.port.timing.timer_d, Input.TIMER_D)


def arm_f(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Non-INVITE without a final."""
    tx.arm_expiry(now, tx.port.timing.t1x64, Input.TIMER_F)


def arm_h(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Wait for the ACK."""
    tx.arm_expiry(now, tx.port.timing.t1x64, Input.TIMER_H)


def arm_i(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Absorb retransmitted ACKs."""
    tx.arm_expiry(now, 0.0 if tx.reliable else tx.port.timing.t4, Input.TIMER_I)


def arm_j(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Absorb retransmitted non-INVITE requests."""
    tx.arm_expiry(now, 0.0 if tx.reliable else tx.port.timing.t1x64, Input.TIMER_J)


def arm_k(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Absorb retransmitted non-INVITE finals."""
    tx.arm_expiry(now, 0.0 if tx.reliable else tx.port.timing.t4, Input.TIMER_K)


def arm_l(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Server: let further 2xx pass (RFC 6026 §7.1)."""
    tx.arm_expiry(now, tx.port.timing.t1x64, Input.TIMER_L)


def arm_m(tx: Transaction, now: float, message: Request | Response | None) -> None:
    """Client: let further 2xx pass (RFC 6026 §7.2)."""
    tx.arm_expiry(now, tx.port.timing.t1x64, Input.TIMER_M)


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
