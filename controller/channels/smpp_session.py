"""One SMPP session as a machine: bytes and `now` in, events and bytes out.

Owns binding, the window, sequence numbers, enquire_link, what is answered and what is not. It does no I/O, so that a
day of it passes in a test in a second. Must not know channels, messages or receipts.

Promises: each submit has exactly one `Answered`, `NotSent` or `Unanswered` (after which a `LateAnswer` may come); a
deliver_sm is answered when its owner says so and not before, since the SMSC forgets it then; nothing waits for whoever
takes deliver_sm; a peer that says nothing for `enquire` + `timeout` is gone.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from enum import Enum
from math import inf

from smpp34 import DeliverSm, SmppError, SubmitSm, Tlv
from smpp34 import decode as decode_pdu

from controller.channels import smpp_pdu as pdus
from controller.channels.smpp_pdu import BadStream, Framer, Pdu, describe_status
from controller.channels.smpp_queries import Query
from controller.types.smpp import Smpp

#: With something unanswered the other side is asked sooner whether it is there: a half-open connection looks so.
ENQUIRE_PENDING = 2.0
MAX_UNCONFIRMED = 1000  # deliver_sm that nobody has taken yet; more are asked to come again
WINDOW_FULL = "the window is full"
MAX_LATE = 10_000  # submits given up whose answer may still come
_SEQUENCES = 0x7FFFFFFF  # §5.1.4


class State(Enum):
    """How far a session is."""

    BINDING = "binding"
    BOUND = "bound"
    LEAVING = "leaving"  # the other side has unbound: what is unanswered may still be answered
    CLOSED = "closed"


@dataclass(slots=True)
class SubmitFields:
    """A submit_sm without its sequence number."""

    source: str
    source_ton: int
    source_npi: int
    destination: str
    destination_ton: int
    body: bytes
    service_type: str = ""
    esm_class: int = 0
    data_coding: int = 0
    validity: str = ""
    receipt: bool = True
    tlvs: tuple[tuple[int, bytes], ...] = ()

    def encode(self, sequence: int) -> bytes:
        """Octets of the PDU."""
        return SubmitSm(
            self.source,
            self.destination,
            self.body,
            service_type=self.service_type,
            source_addr_ton=self.source_ton,
            source_addr_npi=self.source_npi,
            dest_addr_ton=self.destination_ton,
            dest_addr_npi=1,
            esm_class=self.esm_class,
            validity_period=self.validity,
            registered_delivery=1 if self.receipt else 0,
            data_coding=self.data_coding,
            tlvs=[Tlv(tag, value) for tag, value in self.tlvs],
            sequence_number=sequence,
        ).encode()


@dataclass(slots=True)
class Bound:
    """It may be used."""


@dataclass(slots=True)
class Closed:
    """It is over; the connection is of no use.

    ``refused``: the account is, and trying again soon helps nobody. ``silent``: nobody reads what we write.
    """

    why: str
    refused: bool = False
    silent: bool = False


@dataclass(slots=True)
class Answered:
    """A submit_sm_resp."""

    token: int
    status: int
    ref: str


@dataclass(slots=True)
class NotSent:
    """The submit never left: it is certain that nothing was sent."""

    token: int
    why: str


@dataclass(slots=True)
class Unanswered:
    """The submit left, and nobody can say what became of it."""

    token: int
    why: str


@dataclass(slots=True)
class LateAnswer:
    """The answer to a submit that was given up."""

    token: int
    status: int
    ref: str


@dataclass(slots=True)
class Delivered:
    """A deliver_sm, to be answered by `confirm` of this very session."""

    session: Session
    sequence: int
    message: DeliverSm


@dataclass(slots=True)
class Told:
    """The answer to a query_sm. Whoever is not answered hears nothing."""

    query: Query
    state: int
    error: int


Event = Bound | Closed | Answered | NotSent | Unanswered | LateAnswer | Delivered | Told


@dataclass(slots=True)
class _Submit:
    token: int
    deadline: float
    sequence: int = 0


class Session:
    """One connection of one bind."""

    def __init__(self, settings: Smpp, command: int, now: float) -> None:
        """``command``: which bind it is. The connection is open."""
        self.state = State.BINDING
        self.events: list[Event] = []
        self._settings = settings
        self._framer = Framer()
        self._out: list[bytes] = []
        self._sequence = 0
        self._heard = self._now = now
        self._asked = 0.0  # when enquire_link was sent that is not answered; 0: none
        self._waiting: deque[tuple[_Submit, SubmitFields]] = deque()  # the window is full
        self._open: OrderedDict[int, _Submit] = OrderedDict()  # by sequence; deadlines are in order of sending
        self._late: OrderedDict[int, int] = OrderedDict()  # tokens by sequence
        self._unconfirmed: set[int] = set()
        self._queries: OrderedDict[int, tuple[Query, float]] = (
            OrderedDict()
        )  # by sequence, with the end of the patience
        self._bind_by = now + settings.timeout
        self._out.append(pdus.bind(command, self._next(), settings.system_id, settings.password, settings.system_type))

    # ----------------------------------------------------------------- what its owner says

    def submit(self, token: int, fields: SubmitFields, now: float, lifetime: float = inf) -> None:
        """Send a message, or put it in the queue behind a full window, where it may be as long as an answer may take, and
        not longer than it is of use: ``lifetime`` in seconds."""
        self._now = now
        entry = _Submit(token, now + min(self._settings.timeout, lifetime))
        if self.state is not State.BOUND:
            self.events.append(NotSent(token, "not bound"))
        elif len(self._open) >= self._settings.window:
            self._waiting.append((entry, fields))
        else:
            self._send(entry, fields)

    def query(self, query: Query, now: float) -> None:
        """Ask about a message, if the window has room for it: submits come first."""
        while self._queries and next(iter(self._queries.values()))[1] <= now:
            self._queries.popitem(last=False)
        if self.state is State.BOUND and len(self._open) + len(self._queries) < self._settings.window:
            sequence = self._next()
            self._queries[sequence] = query, now + self._settings.timeout
            self._out.append(pdus.query(sequence, query.message_id, query.source_ton, query.source_npi, query.source))

    def confirm(self, sequence: int, *, taken: bool) -> None:
        """Answer a deliver_sm. Not ``taken``: the SMSC is to try again."""
        if sequence in self._unconfirmed and self.state is not State.CLOSED:
            self._unconfirmed.discard(sequence)
            self._respond(pdus.DELIVER_SM, sequence, pdus.OK if taken else pdus.TEMPORARY, b"\0")

    def unbind(self) -> None:
        """Say goodbye; the connection may be closed once `take` is sent."""
        if self.state in {State.BOUND, State.LEAVING}:
            self._out.append(pdus.pdu(pdus.UNBIND, self._next()))
        self._close("unbound by us")

    def lose(self, why: str) -> None:
        """The connection is gone."""
        self._close(why)

    def take(self) -> bytes:
        """What is to be written now."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def pop_events(self) -> list[Event]:
        """What happened since the last call, in order."""
        events, self.events = self.events, []
        return events

    # ----------------------------------------------------------------- time

    def deadline(self) -> float:
        """When `handle_timer` has something to do; infinite once it is closed."""
        if self.state is State.CLOSED:
            return float("inf")
        if self.state is State.BINDING:
            return self._bind_by
        firsts = [self._asked + self._settings.timeout if self._asked else self._heard + self._patience()]
        if self._open:
            firsts.append(next(iter(self._open.values())).deadline)
        if self._waiting:
            firsts.append(self._waiting[0][0].deadline)
        return min(firsts)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self._now = now
        if self.state is State.CLOSED:
            return
        if self.state is State.BINDING:
            if now >= self._bind_by:
                self._close("no answer to the bind", silent=True)
            return
        if self._asked and now >= self._asked + self._settings.timeout:
            self._close(f"nothing heard for {now - self._heard:.1f} s", silent=True)
            return
        while self._waiting and self._waiting[0][0].deadline <= now:
            self.events.append(NotSent(self._waiting.popleft()[0].token, WINDOW_FULL))
        while self._open and (entry := next(iter(self._open.values()))).deadline <= now:
            del self._open[entry.sequence]
            self._late[entry.sequence] = entry.token
            if len(self._late) > MAX_LATE:
                self._late.popitem(last=False)
            self.events.append(Unanswered(entry.token, "timeout"))
        self._fill()
        if not self._asked and now >= self._heard + self._patience():
            self._asked = now
            self._out.append(pdus.pdu(pdus.ENQUIRE_LINK, self._next()))

    def _patience(self) -> float:
        return min(self._settings.enquire, ENQUIRE_PENDING) if self._open else self._settings.enquire

    # ----------------------------------------------------------------- what comes in

    def receive(self, data: bytes, now: float) -> None:
        """Bytes of the other side; never raises."""
        if self.state is State.CLOSED:
            return
        self._heard = self._now = now
        self._asked = 0.0
        try:
            for pdu in self._framer.feed(data):
                self._handle(pdu)
        except BadStream as error:
            self._close(str(error))

    def _handle(self, pdu: Pdu) -> None:
        command = pdu.command
        if self.state is State.CLOSED:
            return
        if self.state is State.BINDING:
            self._handle_bind(pdu)
        elif command == pdus.SUBMIT_SM | pdus.RESPONSE or (
            command == pdus.GENERIC_NACK and (pdu.sequence in self._open or pdu.sequence in self._late)
        ):
            self._handle_answer(pdu)
        elif command == pdus.DELIVER_SM:
            self._handle_delivery(pdu)
        elif command == pdus.QUERY_SM | pdus.RESPONSE or pdu.sequence in self._queries:
            self._handle_told(pdu)
        elif command == pdus.ENQUIRE_LINK:
            self._respond(command, pdu.sequence)
        elif command == pdus.UNBIND:
            self._respond(command, pdu.sequence)
            self._leave()
        elif command < pdus.RESPONSE and command != pdus.ALERT_NOTIFICATION:  # which has no response (§4.12)
            self._out.append(pdus.pdu(pdus.GENERIC_NACK, pdu.sequence, pdus.INVALID_COMMAND))

    def _handle_bind(self, pdu: Pdu) -> None:
        if not pdu.command & pdus.RESPONSE:
            return  # nothing may come before the answer (§2.2)
        if pdu.status == pdus.OK and pdu.command != pdus.GENERIC_NACK:
            self.state = State.BOUND
            self.events.append(Bound())
        else:
            self._close(f"bind refused: {describe_status(pdu.status)}", refused=pdu.status in pdus.REFUSED_BINDS)

    def _handle_answer(self, pdu: Pdu) -> None:
        ref = pdus.read_c_string(pdu.body) if pdu.status == pdus.OK else ""
        entry = self._open.pop(pdu.sequence, None)
        if entry is not None:
            self.events.append(Answered(entry.token, pdu.status, ref))
            self._fill()
        elif (token := self._late.pop(pdu.sequence, None)) is not None:
            self.events.append(LateAnswer(token, pdu.status, ref))
        if self.state is State.LEAVING and not self._open:
            self._close("unbound by the SMSC")

    def _handle_told(self, pdu: Pdu) -> None:
        query, _ = self._queries.pop(pdu.sequence, (None, 0.0))
        told = pdus.read_query(pdu.body) if pdu.status == pdus.OK and pdu.command != pdus.GENERIC_NACK else None
        if query is not None and told is not None:
            self.events.append(Told(query, *told))

    def _handle_delivery(self, pdu: Pdu) -> None:
        if len(self._unconfirmed) >= MAX_UNCONFIRMED:
            self._respond(pdu.command, pdu.sequence, pdus.THROTTLED, b"\0")
            return
        try:
            message = decode_pdu(pdu.raw)
        except SmppError:
            message = None
        if not isinstance(message, DeliverSm):
            self._respond(pdu.command, pdu.sequence, pdus.INVALID_OPTIONALS, b"\0")
            return
        self._unconfirmed.add(pdu.sequence)
        self.events.append(Delivered(self, pdu.sequence, message))

    # ----------------------------------------------------------------- what goes out

    def _send(self, entry: _Submit, fields: SubmitFields) -> None:
        entry.sequence, entry.deadline = self._next(), self._now + self._settings.timeout
        self._open[entry.sequence] = entry
        self._out.append(fields.encode(entry.sequence))

    def _fill(self) -> None:
        while self._waiting and self.state is State.BOUND and len(self._open) < self._settings.window:
            entry, fields = self._waiting.popleft()
            if entry.deadline <= self._now:  # also where the process was stopped: its timer comes after what was heard
                self.events.append(NotSent(entry.token, WINDOW_FULL))
            else:
                self._send(entry, fields)

    def _respond(self, command: int, sequence: int, status: int = pdus.OK, body: bytes = b"") -> None:
        self._out.append(pdus.pdu(command | pdus.RESPONSE, sequence, status, body))

    def _next(self) -> int:
        self._sequence = self._sequence % _SEQUENCES + 1
        return self._sequence

    # ----------------------------------------------------------------- the end

    def _leave(self) -> None:
        """The other side has unbound: nothing new is sent; what it has it may still answer until it hangs up."""
        self.state = State.LEAVING
        self._turn_away("unbound by the SMSC")
        if not self._open:
            self._close("unbound by the SMSC")

    def _turn_away(self, why: str) -> None:
        while self._waiting:
            self.events.append(NotSent(self._waiting.popleft()[0].token, why))

    def _close(self, why: str, *, refused: bool = False, silent: bool = False) -> None:
        if self.state is State.CLOSED:
            return
        self.state = State.CLOSED
        self._turn_away(why)
        while self._open:
            self.events.append(Unanswered(self._open.popitem(last=False)[1].token, why))
        self._unconfirmed.clear()
        self.events.append(Closed(why, refused=refused, silent=silent))
