"""The four machines against the RFCs: row by row, and as a whole under Hypothesis.

The expected rows are written from RFC 3261 figures 5 to 8 and RFC 6026, not from the tables of the code. What the code
does otherwise, and why, stands in `DEVIATIONS`.
"""

from __future__ import annotations

import runpy
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sip.machines import INVITE_CLIENT, INVITE_SERVER, NON_INVITE_CLIENT, NON_INVITE_SERVER, TABLES
from sip.message import Request, Response
from sip.timing import Deadlines, Timing
from sip.transaction import (
    Event,
    Hop,
    Input,
    ResponseReceived,
    State,
    Table,
    Transaction,
    TransactionEnded,
    TransactionTimedOut,
    TransactionUnreachable,
)
from tests.sip.wire import CALLEE, answer, answered, parsed, request

T1, T2, T4, LIFE = 0.5, 4.0, 5.0, 32.0
TIMERS = {kind: kind.name[-1] for kind in Input if kind.name.startswith("TIMER_")}
STATUS = {Input.RESPONSE_1XX: 180, Input.RESPONSE_2XX: 200, Input.RESPONSE_3XX_6XX: 486}

# --------------------------------------------------------------------------- a transaction under glass


class Glass:
    """A port that notes what its transaction sends, tells and forgets, and when."""

    def __init__(self, table: Table, transport: str = "udp") -> None:
        self.timing = Timing()
        self.deadlines = Deadlines()
        self.now = 0.0
        self.sent: list[tuple[float, bytes]] = []
        self.told: list[tuple[float, Event]] = []
        self.forgotten = 0
        method = "INVITE" if table in (INVITE_CLIENT, INVITE_SERVER) else "BYE"
        self.request = parsed(request(method))
        self.user = object()
        hop = Hop(CALLEE.host, CALLEE.port, transport)
        self.transaction = Transaction(table, ("key",), self.request, hop, self, self.user)

    def send(self, data: bytes, hop: Hop) -> None:
        assert hop is self.transaction.hop
        self.sent.append((self.now, data))

    def emit(self, event: Event) -> None:
        self.told.append((self.now, event))

    def forget(self, transaction: Transaction) -> None:
        assert transaction is self.transaction
        self.forgotten += 1

    def feed(self, kind: Input, status: int = 0) -> bool:
        return self.transaction.handle(kind, self.now, self.message(kind, status))

    def message(self, kind: Input, status: int = 0) -> Request | Response | None:
        if kind in STATUS:
            return answered(answer(self.request, status or STATUS[kind]))
        return self.request if kind in (Input.REQUEST, Input.ACK) else None

    def advance(self, until: float) -> None:
        """Let time pass, every deadline at its own instant."""
        while (due := self.deadlines.next_deadline()) <= until and due < inf:
            self.now = due
            self.deadlines.fire_due(due)
        if until < inf:
            self.now = until

    def running(self) -> dict[str, float]:
        """The timers that run: letter -> when each fires."""
        tickets: list[list[Any]] = [ticket for ticket in self.deadlines._heap if ticket[2] is not None]
        assert all(ticket[2] == self.transaction.on_timer for ticket in tickets)
        return {TIMERS[ticket[3][0]]: ticket[0] for ticket in tickets}

    def words(self) -> str:
        """What was told, in words."""
        return " ".join(_word(event) for _, event in self.told)


def _word(event: Event) -> str:
    match event:
        case ResponseReceived(response=response):
            return f"{response.status // 100}xx"
        case TransactionTimedOut():
            return "timeout"
        case TransactionUnreachable():
            return "unreachable"
        case TransactionEnded():
            return "ended"
        case _:
            raise AssertionError(event)


def _kind(data: bytes) -> str:
    """What was sent, in a word: a method or the class of a response."""
    first, _, rest = data.partition(b" ")
    return f"{rest[:1].decode()}xx" if first == b"SIP/2.0" else first.decode()


# --------------------------------------------------------------------------- L0: the rows


class Row(NamedTuple):
    """What one input leads to: state, what goes out, what the user is told, which timers run then."""

    state: State
    sends: str = ""
    tells: str = ""
    timers: str = ""


S, I = State, Input  # noqa: E741  # the tables below are to be read like those of the RFC
OVER = S.TERMINATED

RFC: dict[str, dict[State, dict[Input, Row]]] = {
    "INVITE client": {  # RFC 3261 figure 5 with Accepted of RFC 6026
        S.INITIAL: {I.START: Row(S.CALLING, "INVITE", "", "A B")},
        S.CALLING: {
            I.TIMER_A: Row(S.CALLING, "INVITE", "", "A B"),
            I.TIMER_B: Row(OVER, "", "timeout"),
            I.TRANSPORT_ERROR: Row(OVER, "", "unreachable"),
            I.RESPONSE_1XX: Row(S.PROCEEDING, "", "1xx"),
            I.RESPONSE_2XX: Row(S.ACCEPTED, "", "2xx", "M"),
            I.RESPONSE_3XX_6XX: Row(S.COMPLETED, "ACK", "4xx", "D"),
        },
        S.PROCEEDING: {
            I.RESPONSE_1XX: Row(S.PROCEEDING, "", "1xx"),
            I.RESPONSE_2XX: Row(S.ACCEPTED, "", "2xx", "M"),
            I.RESPONSE_3XX_6XX: Row(S.COMPLETED, "ACK", "4xx", "D"),
        },
        S.COMPLETED: {
            I.RESPONSE_3XX_6XX: Row(S.COMPLETED, "ACK", "", "D"),
            I.TRANSPORT_ERROR: Row(OVER, "", "unreachable"),
            I.TIMER_D: Row(OVER),
        },
        S.ACCEPTED: {
            I.RESPONSE_2XX: Row(S.ACCEPTED, "", "2xx", "M"),
            I.TIMER_M: Row(OVER),
        },
    },
    "non-INVITE client": {  # RFC 3261 figure 6
        S.INITIAL: {I.START: Row(S.TRYING, "BYE", "", "E F")},
        S.TRYING: {
            I.TIMER_E: Row(S.TRYING, "BYE", "", "E F"),
            I.TIMER_F: Row(OVER, "", "timeout"),
            I.TRANSPORT_ERROR: Row(OVER, "", "unreachable"),
            I.RESPONSE_1XX: Row(S.PROCEEDING, "", "1xx", "E F"),
            I.RESPONSE_2XX: Row(S.COMPLETED, "", "2xx", "K"),
            I.RESPONSE_3XX_6XX: Row(S.COMPLETED, "", "4xx", "K"),
        },
        S.PROCEEDING: {
            I.TIMER_E: Row(S.PROCEEDING, "BYE", "", "E F"),
            I.TIMER_F: Row(OVER, "", "timeout"),
            I.TRANSPORT_ERROR: Row(OVER, "", "unreachable"),
            I.RESPONSE_1XX: Row(S.PROCEEDING, "", "1xx", "E F"),
            I.RESPONSE_2XX: Row(S.COMPLETED, "", "2xx", "K"),
            I.RESPONSE_3XX_6XX: Row(S.COMPLETED, "", "4xx", "K"),
        },
        S.COMPLETED: {I.TIMER_K: Row(OVER)},
    },
    "INVITE server": {  # RFC 3261 figure 7 with Accepted of RFC 6026; 100 Trying is the business of the user here
        S.INITIAL: {I.START: Row(S.PROCEEDING)},
        S.PROCEEDING: {
            I.REQUEST: Row(S.PROCEEDING, "1xx"),
            I.RESPONSE_1XX: Row(S.PROCEEDING, "1xx"),
            I.RESPONSE_2XX: Row(S.ACCEPTED, "2xx", "", "L"),
            I.RESPONSE_3XX_6XX: Row(S.COMPLETED, "4xx", "", "G H"),
            I.TRANSPORT_ERROR: Row(S.PROCEEDING, "", "unreachable"),  # RFC 6026: no longer the end
        },
        S.COMPLETED: {
            I.REQUEST: Row(S.COMPLETED, "4xx", "", "G H"),
            I.TIMER_G: Row(S.COMPLETED, "4xx", "", "G H"),
            I.TIMER_H: Row(OVER, "", "timeout"),
            I.TRANSPORT_ERROR: Row(S.COMPLETED, "", "unreachable", "G H"),  # RFC 6026: no longer the end
            I.ACK: Row(S.CONFIRMED, "", "", "I"),
        },
        S.ACCEPTED: {
            I.REQUEST: Row(S.ACCEPTED, "", "", "L"),
            I.RESPONSE_2XX: Row(S.ACCEPTED, "2xx", "", "L"),
            I.TRANSPORT_ERROR: Row(S.ACCEPTED, "", "unreachable", "L"),
            I.TIMER_L: Row(OVER),
        },
        S.CONFIRMED: {
            I.ACK: Row(S.CONFIRMED, "", "", "I"),
            I.TIMER_I: Row(OVER),
        },
    },
    "non-INVITE server": {  # RFC 3261 figure 8
        S.INITIAL: {I.START: Row(S.TRYING)},
        S.TRYING: {
            I.REQUEST: Row(S.TRYING),
            I.RESPONSE_1XX: Row(S.PROCEEDING, "1xx"),
            I.RESPONSE_2XX: Row(S.COMPLETED, "2xx", "", "J"),
            I.RESPONSE_3XX_6XX: Row(S.COMPLETED, "4xx", "", "J"),
        },
        S.PROCEEDING: {
            I.REQUEST: Row(S.PROCEEDING, "1xx"),
            I.RESPONSE_1XX: Row(S.PROCEEDING, "1xx"),
            I.RESPONSE_2XX: Row(S.COMPLETED, "2xx", "", "J"),
            I.RESPONSE_3XX_6XX: Row(S.COMPLETED, "4xx", "", "J"),
            I.TRANSPORT_ERROR: Row(OVER, "", "unreachable"),
        },
        S.COMPLETED: {
            I.REQUEST: Row(S.COMPLETED, "2xx", "", "J"),
            I.TRANSPORT_ERROR: Row(OVER, "", "unreachable"),
            I.TIMER_J: Row(OVER),
        },
    },
}

#: (machine, state, input) -> what this code does instead, None for nothing at all.
DEVIATIONS: dict[tuple[str, State, Input], Row | None] = {
    # RFC 3261 §9.1 lets the user give up 64 x T1 after the CANCEL; the figure leaves out how.
    ("INVITE client", S.PROCEEDING, I.ABANDON): Row(OVER, "", "timeout"),
    # RFC 4320 §4.2: who got no final from the other side sends no 408 and has nothing left to wait for.
    ("non-INVITE server", S.TRYING, I.ABANDON): Row(OVER),
    ("non-INVITE server", S.PROCEEDING, I.ABANDON): Row(OVER),
    # The final was passed on before: that its ACK could not be delivered is nothing the user can act upon.
    ("INVITE client", S.COMPLETED, I.TRANSPORT_ERROR): Row(OVER),
    # A copy of the INVITE that was overtaken by its ACK: the figure is silent, it must not start anything.
    ("INVITE server", S.CONFIRMED, I.REQUEST): Row(S.CONFIRMED, "", "", "I"),
    # Nothing feeds transport errors to server transactions: an ICMP error quotes the branch of a request of ours.
    ("INVITE server", S.PROCEEDING, I.TRANSPORT_ERROR): None,
    ("INVITE server", S.ACCEPTED, I.TRANSPORT_ERROR): None,
    ("INVITE server", S.COMPLETED, I.TRANSPORT_ERROR): Row(OVER, "", "unreachable"),
}

#: How each state is reached, with the provisional or final that is repeated later.
REACH: dict[str, dict[State, tuple[Input, ...]]] = {
    "INVITE client": {
        S.INITIAL: (),
        S.CALLING: (I.START,),
        S.PROCEEDING: (I.START, I.RESPONSE_1XX),
        S.COMPLETED: (I.START, I.RESPONSE_3XX_6XX),
        S.ACCEPTED: (I.START, I.RESPONSE_2XX),
        S.TERMINATED: (I.START, I.TRANSPORT_ERROR),
    },
    "non-INVITE client": {
        S.INITIAL: (),
        S.TRYING: (I.START,),
        S.PROCEEDING: (I.START, I.RESPONSE_1XX),
        S.COMPLETED: (I.START, I.RESPONSE_2XX),
        S.TERMINATED: (I.START, I.TRANSPORT_ERROR),
    },
    "INVITE server": {
        S.INITIAL: (),
        S.PROCEEDING: (I.START, I.RESPONSE_1XX),
        S.COMPLETED: (I.START, I.RESPONSE_3XX_6XX),
        S.CONFIRMED: (I.START, I.RESPONSE_3XX_6XX, I.ACK),
        S.ACCEPTED: (I.START, I.RESPONSE_2XX),
        S.TERMINATED: (I.START, I.RESPONSE_2XX, I.TIMER_L),
    },
    "non-INVITE server": {
        S.INITIAL: (),
        S.TRYING: (I.START,),
        S.PROCEEDING: (I.START, I.RESPONSE_1XX),
        S.COMPLETED: (I.START, I.RESPONSE_2XX),
        S.TERMINATED: (I.START, I.RESPONSE_2XX, I.TIMER_J),
    },
}


def expected(machine: str, state: State, kind: Input) -> Row | None:
    """What is to happen, None for nothing."""
    if (machine, state, kind) in DEVIATIONS:
        return DEVIATIONS[machine, state, kind]
    return RFC[machine].get(state, {}).get(kind)


PAIRS = [(machine, state, kind) for machine, states in REACH.items() for state in states for kind in Input]


@pytest.mark.parametrize(("machine", "state", "kind"), PAIRS, ids=lambda value: str(getattr(value, "name", value)))
def test_every_input_in_every_state(machine: str, state: State, kind: Input) -> None:
    glass = Glass(TABLES[machine])
    for step in REACH[machine][state]:
        glass.feed(step)
    assert glass.transaction.state is state
    timers = set(glass.running())
    glass.sent.clear()
    glass.told.clear()
    row = expected(machine, state, kind)

    assert glass.feed(kind) == (row is not None)

    if row is None:
        row = Row(state, timers=" ".join(timers))
    assert glass.transaction.state is row.state
    assert " ".join(_kind(data) for _, data in glass.sent) == row.sends
    ended = " ended" if row.state is OVER and state is not OVER else ""
    assert glass.words() == (row.tells + ended).strip()
    assert set(glass.running()) == set(row.timers.split())
    assert glass.forgotten == (row.state is OVER)


def test_every_state_and_row_of_the_tables_is_tested() -> None:
    for machine, table in TABLES.items():
        assert set(table) == set(REACH[machine])
        for state, rows in table.items():
            for kind in rows:
                assert expected(machine, state, kind) is not None, (machine, state, kind)


# --------------------------------------------------------------------------- timers


def schedule(machine: str, *steps: tuple[float, Input], until: float = inf, transport: str = "udp") -> Glass:
    """Start, do the steps at their times, let time run on."""
    glass = Glass(TABLES[machine], transport)
    glass.feed(Input.START)
    for when, kind in steps:
        glass.advance(when)
        glass.feed(kind)
    glass.advance(until)
    return glass


def times(glass: Glass, word: str) -> list[float]:
    return [when for when, data in glass.sent if _kind(data) == word]


def test_timer_a_doubles_from_t1_until_timer_b() -> None:
    glass = schedule("INVITE client")
    assert times(glass, "INVITE") == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert [when for when, _ in glass.told] == [32.0, 32.0]


def test_timer_a_stops_at_the_first_provisional() -> None:
    glass = schedule("INVITE client", (0.7, Input.RESPONSE_1XX), until=500.0)
    assert times(glass, "INVITE") == [0.0, 0.5]
    assert glass.running() == {}


def test_timer_e_doubles_from_t1_to_t2_until_timer_f() -> None:
    glass = schedule("non-INVITE client")
    assert times(glass, "BYE") == [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert glass.words() == "timeout ended"
    assert glass.now == 32.0


def test_timer_e_is_t2_once_a_provisional_came() -> None:
    glass = schedule("non-INVITE client", (0.75, Input.RESPONSE_1XX))
    # the E that runs when the provisional comes still fires at its time (§17.1.2.2)
    assert times(glass, "BYE") == [0.0, 0.5, 1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5]
    assert glass.now == 32.0


def test_timer_g_doubles_from_t1_to_t2_until_timer_h() -> None:
    glass = schedule("INVITE server", (1.0, Input.RESPONSE_3XX_6XX))
    assert times(glass, "4xx") == [1.0, 1.5, 2.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5, 32.5]
    assert glass.words() == "timeout ended"
    assert glass.now == 33.0


def test_timer_g_stops_at_the_ack() -> None:
    glass = schedule("INVITE server", (0.0, Input.RESPONSE_3XX_6XX), (2.0, Input.ACK))
    assert times(glass, "4xx") == [0.0, 0.5, 1.5]
    assert glass.now == 2.0 + T4


@pytest.mark.parametrize(
    ("machine", "steps", "udp", "tcp"),
    [
        ("INVITE client", [I.RESPONSE_3XX_6XX], 32.0, 0.0),  # D
        ("INVITE client", [I.RESPONSE_2XX], LIFE, LIFE),  # M
        ("non-INVITE client", [I.RESPONSE_2XX], T4, 0.0),  # K
        ("INVITE server", [I.RESPONSE_2XX], LIFE, LIFE),  # L
        ("INVITE server", [I.RESPONSE_3XX_6XX, I.ACK], T4, 0.0),  # I
        ("non-INVITE server", [I.RESPONSE_2XX], LIFE, 0.0),  # J
    ],
)
def test_how_long_a_finished_transaction_lingers(machine: str, steps: list[Input], udp: float, tcp: float) -> None:
    for transport, life in (("udp", udp), ("tcp", tcp)):
        glass = schedule(machine, *((1.0, step) for step in steps), transport=transport)
        assert glass.transaction.state is OVER
        assert glass.now == 1.0 + life


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_nothing_is_retransmitted_over_a_reliable_transport(transport: str) -> None:
    assert times(schedule("INVITE client", transport=transport), "INVITE") == [0.0]
    assert times(schedule("non-INVITE client", transport=transport), "BYE") == [0.0]
    refused = schedule("INVITE server", (0.0, Input.RESPONSE_3XX_6XX), transport=transport)
    assert times(refused, "4xx") == [0.0]
    assert refused.now == LIFE  # H runs over any transport


def test_a_retransmission_is_byte_for_byte_the_same() -> None:
    for machine, steps in (
        ("INVITE client", []),
        ("non-INVITE client", []),
        ("INVITE server", [(0.0, Input.RESPONSE_3XX_6XX)]),
    ):
        assert len({data for _, data in schedule(machine, *steps).sent}) == 1


def test_a_late_clock_skips_no_end() -> None:
    """A stall: the first look at the clock comes long after everything was due."""
    glass = Glass(INVITE_CLIENT)
    glass.feed(Input.START)
    glass.now = 1000.0
    glass.deadlines.fire_due(1000.0)
    assert glass.transaction.state is OVER
    assert glass.running() == {}


def test_the_ack_goes_where_the_invite_went_and_matches_it() -> None:
    glass = schedule("INVITE client", (0.1, Input.RESPONSE_3XX_6XX), (0.2, Input.RESPONSE_3XX_6XX))
    acks = [parsed(data) for _, data in glass.sent if _kind(data) == "ACK"]
    assert len(acks) == 2
    assert acks[0].encode() == acks[1].encode()
    assert acks[0].via.branch == glass.request.via.branch
    assert acks[0].cseq == (glass.request.cseq[0], "ACK")
    assert acks[0].to_tag == "callee"


# --------------------------------------------------------------------------- L2: whatever comes, in any order

TICK = 1 / 64  # instants are exact in binary, so that schedules can be compared exactly


class Machine(RuleBasedStateMachine):
    """One transaction fed at random; subclasses say which, and what its schedule is."""

    table: Table
    repeats: str  # what a timer retransmits

    def __init__(self) -> None:
        super().__init__()
        self.glass = Glass(self.table)
        self.glass.feed(Input.START)
        self.finals = 0
        self.seen_over = False
        self.history: list[tuple[float, State]] = [(0.0, self.state)]

    @property
    def state(self) -> State:
        return self.glass.transaction.state

    def do(self, kind: Input, status: int = 0) -> None:
        sent, told, over = len(self.glass.sent), len(self.glass.told), self.state is OVER
        self.glass.feed(kind, status)
        if over:
            assert (len(self.glass.sent), len(self.glass.told)) == (sent, told), "no output after the end"
        self.note()

    def note(self) -> None:
        if self.state is not self.history[-1][1]:
            self.history.append((self.glass.now, self.state))

    @rule(ticks=st.integers(1, 64 * 40))
    def time_passes(self, ticks: int) -> None:
        until = self.glass.now + ticks * TICK
        while self.glass.deadlines.next_deadline() <= until:
            self.glass.advance(self.glass.deadlines.next_deadline())
            self.note()
        self.glass.now = until

    @invariant()
    def an_end_is_an_end(self) -> None:
        ended = [event for _, event in self.glass.told if isinstance(event, TransactionEnded)]
        assert len(ended) == self.glass.forgotten == (self.state is OVER)
        if self.state is OVER:
            assert len(self.glass.deadlines) == 0
            assert self.glass.transaction.user is None
            assert self.glass.told[-1][1] is ended[0]

    @invariant()
    def the_user_is_told_as_itself(self) -> None:
        assert all(event.user is self.glass.user for _, event in self.glass.told)  # type: ignore[union-attr]

    def since(self, *states: State) -> tuple[float, float]:
        """From when to when the machine was in these states (one stretch)."""
        after = iter(self.history)
        start = next((when for when, state in after if state in states), inf)
        return start, next((when for when, state in after if state not in states), inf)

    def finish(self) -> None:
        """Whatever the user must do so that time alone ends it."""

    def teardown(self) -> None:
        self.finish()
        self.note()
        self.glass.advance(inf)
        self.note()
        assert self.state is OVER, "time alone must end it"
        self.an_end_is_an_end()
        self.the_user_is_told_as_itself()
        self.check()

    def check(self) -> None:
        """What holds of the whole life."""

    def told(self, word: str) -> int:
        return self.glass.words().split().count(word)


def doubling(start: float, end: float, cap: float = inf) -> list[float]:
    """T1, 2 x T1, 4 x T1 ... after ``start``, no interval above ``cap``. What comes at ``end`` came after the timer."""
    times_, interval, when = [], T1, start + T1
    while when <= end:
        times_.append(when)
        interval = min(interval * 2, cap)
        when += interval
    return times_


class InviteClient(Machine):
    table = INVITE_CLIENT

    def __init__(self) -> None:
        super().__init__()
        self.received: list[tuple[State, int]] = []

    @rule(status=st.sampled_from([100, 180, 183, 200, 202, 302, 404, 486, 503, 603]))
    def a_response_comes(self, status: int) -> None:
        self.received.append((self.state, status))
        self.do(kind_of(status), status)

    @rule()
    def the_transport_fails(self) -> None:
        self.do(Input.TRANSPORT_ERROR)

    @rule()
    @precondition(lambda self: self.state is State.PROCEEDING)
    def the_user_gives_up(self) -> None:
        self.do(Input.ABANDON)

    def finish(self) -> None:
        if self.state is State.PROCEEDING:  # Timer B is over: only its user ends it, by timer C (§16.8)
            self.do(Input.ABANDON)

    def check(self) -> None:
        acks = sum(1 for _, data in self.glass.sent if _kind(data) == "ACK")
        live = [(state, status) for state, status in self.received if state is not OVER]
        failures = [s for state, s in live if s >= 300 and state is not State.ACCEPTED]
        assert acks == len(failures), "an ACK for each non-2xx final"
        assert self.told("2xx") == sum(1 for state, s in live if 200 <= s < 300 and state is not State.COMPLETED)
        assert sum(self.told(f"{k}xx") for k in (3, 4, 5, 6)) == min(len(failures), 1)
        assert self.told("timeout") + self.told("unreachable") <= 1
        finals = self.told("2xx") + len(failures)
        assert (self.told("timeout") + self.told("unreachable") == 0) == (finals > 0), "an end without a final is told"
        _, end = self.since(State.CALLING)
        assert [when for when, data in self.glass.sent if _kind(data) == "INVITE"] == [0.0, *doubling(0.0, end)]


class NonInviteClient(Machine):
    table = NON_INVITE_CLIENT

    @rule(status=st.sampled_from([100, 180, 200, 202, 302, 404, 481, 503, 603]))
    def a_response_comes(self, status: int) -> None:
        self.do(kind_of(status), status)

    @rule()
    def the_transport_fails(self) -> None:
        self.do(Input.TRANSPORT_ERROR)

    def check(self) -> None:
        finals = sum(self.told(word) for word in ("2xx", "3xx", "4xx", "5xx", "6xx", "timeout", "unreachable"))
        assert finals == 1, "exactly one final result"
        proceeding = self.since(State.PROCEEDING)[0]
        _, end = self.since(State.TRYING, State.PROCEEDING)
        expected_, interval, when = [0.0], T1, T1
        while when <= end:
            expected_.append(when)
            interval = T2 if when > proceeding else min(interval * 2, T2)
            when += interval
        assert [when for when, _ in self.glass.sent] == expected_


class InviteServer(Machine):
    table = INVITE_SERVER

    def __init__(self) -> None:
        super().__init__()
        self.responses: list[tuple[State, int]] = []
        self.again: list[tuple[float, State]] = []

    @rule(status=st.sampled_from([100, 180, 183, 200, 302, 486, 500, 603]))
    def the_user_responds(self, status: int) -> None:
        self.responses.append((self.state, status))
        self.do(kind_of(status), status)

    @rule()
    def the_invite_comes_again(self) -> None:
        self.again.append((self.glass.now, self.state))
        self.do(Input.REQUEST)

    @rule()
    def an_ack_comes(self) -> None:
        self.do(Input.ACK)

    def finish(self) -> None:
        if self.state is State.PROCEEDING:
            self.the_user_responds(486)

    def check(self) -> None:
        words = [_kind(data) for _, data in self.glass.sent]
        finals = {word for word in words if word != "1xx"}
        assert len(finals) == 1, "one kind of final, whatever the user says later"
        assert words.index(next(iter(finals))) == words.count("1xx"), "no provisional after the final"
        start, end = self.since(State.COMPLETED)
        if start < inf:
            repeats = [when for when, state in self.again if state is State.COMPLETED]
            sent = [when for when, data in self.glass.sent if _kind(data) != "1xx"]
            assert sorted(sent) == sorted([start, *doubling(start, end, T2), *repeats])
        else:  # accepted: each 2xx of the user goes out once, retransmission is the work of the UAS (RFC 6026)
            accepted = sum(1 for state, s in self.responses if 200 <= s < 300 and state is not OVER)
            assert words.count("2xx") == accepted


class NonInviteServer(Machine):
    table = NON_INVITE_SERVER
    abandoned = False

    @rule(status=st.sampled_from([100, 183, 200, 302, 404, 500, 603]))
    def the_user_responds(self, status: int) -> None:
        self.do(kind_of(status), status)

    @rule()
    def the_request_comes_again(self) -> None:
        sent, state = len(self.glass.sent), self.state
        self.do(Input.REQUEST)
        assert len(self.glass.sent) == sent + (state in (State.PROCEEDING, State.COMPLETED))

    @rule()
    @precondition(lambda self: self.state in (State.TRYING, State.PROCEEDING))
    def the_user_gives_up(self) -> None:
        self.abandoned = True
        self.do(Input.ABANDON)

    def finish(self) -> None:
        if self.state in (State.TRYING, State.PROCEEDING):
            self.the_user_responds(200)

    def check(self) -> None:
        finals = {data for _, data in self.glass.sent if _kind(data) != "1xx"}
        assert len(finals) == (not self.abandoned), "one final, whatever the user says later"


def kind_of(status: int) -> Input:
    return Input.RESPONSE_1XX if status < 200 else Input.RESPONSE_2XX if status < 300 else Input.RESPONSE_3XX_6XX


for _machine in (InviteClient, NonInviteClient, InviteServer, NonInviteServer):
    _machine.TestCase.settings = settings(
        max_examples=max(60, settings().max_examples), suppress_health_check=[HealthCheck.too_slow]
    )

TestInviteClient = InviteClient.TestCase
TestNonInviteClient = NonInviteClient.TestCase
TestInviteServer = InviteServer.TestCase
TestNonInviteServer = NonInviteServer.TestCase


# --------------------------------------------------------------------------- the drawing


def test_the_page_of_diagrams_is_drawn_from_these_tables() -> None:
    docs = Path(__file__).parents[2] / "docs"
    page = runpy.run_path(str(docs / "draw_transactions.py"))["draw"]()
    assert (docs / "transactions.md").read_text(encoding="utf-8") == page, "run python docs/draw_transactions.py"
