"""The transaction layer: bytes in, events out, matching in between (RFC 3261 §17.1.3, §17.2.3, §18).

Owns the transactions of both sides and `outbox`, what the transport must send. Sans-IO: the driver calls
`receive`, fires the shared `Deadlines`, then drains `events` and `outbox`. Must not decide who is called.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from sip import builder
from sip.errors import RemoteProtocolError
from sip.headers import MAGIC_COOKIE, Via
from sip.machines import INVITE_CLIENT, INVITE_SERVER, NON_INVITE_CLIENT, NON_INVITE_SERVER
from sip.message import Message, Request, Response
from sip.parser import parse_message, validate
from sip.timing import Deadlines, Timing
from sip.transaction import Event, Hop, Input, RequestReceived, StrayResponse, Transaction, wire_of
from sip.uri import find_param, is_address, split_params

#: What may wait for an answer under one branch; an ICMP error tells the branch only.
_METHODS = (
    "INVITE", "CANCEL", "BYE", "PRACK", "UPDATE", "INFO", "REFER", "NOTIFY", "MESSAGE", "OPTIONS", "SUBSCRIBE",
    "PUBLISH", "REGISTER",
)  # fmt: skip


#: (request, key of its transaction, source, now) -> the response that it gets instead of one, None to let it begin.
Gate = Callable[[Request, tuple[Any, ...], Hop, float], Response | None]
#: (request, source, now) -> who sent it, "" for nobody that is known, or the response that it gets instead.
Screen = Callable[[Request, Hop, float], str | Response]
#: (message, source, now) -> True if it is kept for now; it comes back by `TransactionLayer.accept`.
Hold = Callable[[Request | Response, Hop, float], bool]


class TransactionLayer:
    """All transactions of one element.

    ``counters`` tells what was dropped and why; the driver turns it into metrics.
    """

    def __init__(self, deadlines: Deadlines, timing: Timing | None = None) -> None:
        self.timing = timing or Timing()
        self.deadlines = deadlines
        self.events: list[Event] = []
        self.screen: Screen | None = None  # asks who sends what begins a transaction
        self.gate: Gate | None = None  # refuses what begins a transaction while there is too much
        self.meter: Callable[[bytes, Hop], bool] | None = None  # whether a message may be sent there at all
        self.feedback: Callable[[Response], None] | None = None  # writes how much too much into responses
        self.hold: Hold | None = None  # sees all messages before any transaction does
        self.outbox: list[tuple[bytes, Hop]] = []
        self.inward: list[bytes] = []  # for who is in this process, at port 0, which no peer can have
        self.counters: dict[str, int] = {"malformed": 0, "malformed_answered": 0}
        self.behind_nat: frozenset[str] = frozenset()  # hosts that are answered where they send from, asked or not
        self._servers: dict[tuple[Any, ...], Transaction] = {}
        self._clients: dict[tuple[Any, ...], Transaction] = {}
        self._connected: dict[Hop, set[Transaction]] = {}  # clients over reliable transports, by where they went

    # -- the port of the transactions

    def send(self, data: bytes, hop: Hop) -> None:
        """Queue bytes for the transport."""
        if not hop.port:
            self.inward.append(data)
        elif self.meter is None or self.meter(data, hop):
            self.outbox.append((data, hop))

    def emit(self, event: Event) -> None:
        """Queue an event for the transaction user."""
        self.events.append(event)

    def drain(self, take: Callable[[Event, float], None], now: float) -> None:
        """Hand over every event, those too that come of the handing over."""
        while self.events:
            events, self.events = self.events, []
            for event in events:
                take(event, now)

    def forget(self, transaction: Transaction) -> None:
        """Drop a transaction that is over."""
        table = transaction.table
        client = table is INVITE_CLIENT or table is NON_INVITE_CLIENT
        (self._clients if client else self._servers).pop(transaction.key, None)
        if client and transaction.reliable:
            others = self._connected.get(transaction.hop)
            if others is not None:
                others.discard(transaction)
                if not others:
                    del self._connected[transaction.hop]

    # -- input from the transport

    def receive(self, data: bytes, source: Hop, now: float) -> None:
        """Take one datagram. Whatever it holds, this never raises."""
        try:
            message = parse_message(data)
        except RemoteProtocolError as error:
            if data.strip(b"\r\n\x00 "):  # RFC 5626 keep-alives are no fault
                self.counters["malformed"] += 1
                self._refuse(error.outline, error, source)
            return
        try:
            validate(message)
        except RemoteProtocolError as error:
            self.counters["malformed"] += 1
            self._refuse(message, error, source)
            return
        if self.hold is None or not self.hold(message, source, now):
            self.accept(message, source, now)

    def accept(self, message: Request | Response, source: Hop, now: float) -> None:
        """Take one message that is parsed and valid, however long it was held."""
        if isinstance(message, Request):
            self._receive_request(message, source, now)
        else:
            self.receive_response(message, source, now)

    def receive_response(self, response: Response, source: Hop, now: float) -> None:
        """Take one response that is parsed and valid."""
        transaction = self.find_client(response)
        if transaction is None:
            self.events.append(StrayResponse(response, source))
            return
        transaction.handle(_input_of(response), now, response)

    def transport_failed(self, branch: str, now: float) -> bool:
        """The transport could not deliver the request with this Via branch (an ICMP error, a refused connection).

        True if a client transaction was waiting for an answer and is ended by it.
        """
        hit = False
        for method in _METHODS:
            transaction = self._clients.get((branch, method))
            if transaction is not None:
                hit |= transaction.handle(Input.TRANSPORT_ERROR, now)
        return hit

    def disconnected(self, hop: Hop, now: float) -> None:
        """The connection to ``hop`` is lost: requests that nobody has answered there will not be.

        An INVITE that got a provisional goes on: its final may come on another connection (RFC 3261 §18.2.2).
        """
        for transaction in tuple(self._connected.get(hop, ())):
            transaction.handle(Input.TRANSPORT_ERROR, now)

    # -- input from the transaction user

    def request(self, request: Request, hop: Hop, now: float, user: Any) -> Transaction:
        """Send a request in a new client transaction; its top Via must be ours."""
        method = request.method
        table = INVITE_CLIENT if method == "INVITE" else NON_INVITE_CLIENT
        transaction = Transaction(table, (request.via.branch, method), request, hop, self, user)
        self._clients[transaction.key] = transaction
        if transaction.reliable:
            self._connected.setdefault(hop, set()).add(transaction)
        transaction.handle(Input.START, now)
        return transaction

    def respond(self, transaction: Transaction, response: Response, now: float) -> bool:
        """Send a response in a server transaction; False if its state does not allow one any more."""
        if self.feedback is not None:
            self.feedback(response)
        return transaction.handle(_input_of(response), now, response)

    def abandon(self, transaction: Transaction, now: float) -> None:
        """End a transaction before its time; the user of a client transaction is told that it timed out."""
        transaction.handle(Input.ABANDON, now)

    def send_stateless(self, message: Message, hop: Hop) -> None:
        """Send a message that has no transaction here: an ACK to a 2xx, a response of a past life."""
        self.send(wire_of(message, hop), hop)

    def find_invite(self, cancel: Request) -> Transaction | None:
        """The server transaction that a CANCEL means (RFC 3261 §9.2)."""
        return self._servers.get(_server_key(cancel, "INVITE"))

    def find_client(self, response: Response) -> Transaction | None:
        """The client transaction that a response belongs to by its branch (RFC 3261 §17.1.3)."""
        return self._clients.get((response.via.branch, response.cseq[1]))

    def has_client(self, branch: str, method: str) -> bool:
        """Whether a request of ours with this branch waits for its answer, or had it not long ago."""
        return (branch, method) in self._clients

    def has_server(self, via: Via, method: str) -> bool:
        """Whether the request with this top Via came in this life and is not forgotten yet."""
        return (via.branch, via.sent_by, method) in self._servers

    def __len__(self) -> int:
        return len(self._servers) + len(self._clients)

    # -- inside

    def _receive_request(self, request: Request, source: Hop, now: float) -> None:
        method = request.method
        if method == "ACK":
            known = self._servers.get(_server_key(request, "INVITE"))
            if known is None or not known.handle(Input.ACK, now):
                self.events.append(RequestReceived(None, request, source))
            return
        key = _server_key(request, method)
        known = self._servers.get(key)
        if known is not None:
            known.handle(Input.REQUEST, now)
            return
        reply_to = mark_source(request, source, source.host in self.behind_nat)
        if self.gate is not None:
            refusal = self.gate(request, key, source, now)
            if refusal is not None:
                self.send_stateless(refusal, reply_to)
                return
        identity = self.screen(request, source, now) if self.screen is not None and source.port else ""
        if not isinstance(identity, str):
            self.send_stateless(identity, reply_to)
            return
        table = INVITE_SERVER if method == "INVITE" else NON_INVITE_SERVER
        transaction = Transaction(table, key, request, reply_to, self)
        self._servers[key] = transaction
        transaction.handle(Input.START, now)
        self.events.append(RequestReceived(transaction, request, source, identity))

    def _refuse(self, message: Request | Response | None, error: RemoteProtocolError, source: Hop) -> None:
        refusal = make_refusal(message, error, source)
        if refusal is not None:
            self.counters["malformed_answered"] += 1
            self.send(*refusal)


def make_refusal(
    message: Request | Response | None, error: RemoteProtocolError, source: Hop
) -> tuple[bytes, Hop] | None:
    """The one reply to a malformed request, and where it goes; none to an ACK, a response, or what lacks a way back."""
    if not isinstance(message, Request) or message.method == "ACK":
        return None
    try:
        reply_to = mark_source(message, source)
        if "cseq" not in message.names:
            return None  # by it and the Via its sender knows what the answer answers
        response = builder.make_response(message, error.status, to_tag="malformed", reason=_phrase(error))
    except RemoteProtocolError:
        return None
    return response.encode(), reply_to


def _input_of(response: Response) -> Input:
    status = response.status
    return Input.RESPONSE_1XX if status < 200 else Input.RESPONSE_2XX if status < 300 else Input.RESPONSE_3XX_6XX


def mark_source(request: Request, source: Hop, wants_rport: bool = False) -> Hop:
    """Note in the top Via where the request came from (RFC 3261 §18.2.1, RFC 3581); returns where responses go.
    ``wants_rport``: back to the port that it came from, though its sender did not ask for that.

    What the sender itself wrote as ``received`` or as the value of ``rport`` goes: the address it has here is ours to say.
    """
    via = request.via
    params, lower = via.params, via.params.lower()
    if wants_rport or "rport" in lower or "received" in lower:
        parts, asked = [], False
        for part in split_params(params):
            name = part.partition("=")[0].strip().lower()
            if name == "rport":
                asked = True
                parts.append(f"rport={source.port}")
            elif name != "received":
                parts.append(part)
        if wants_rport and not asked:
            parts.append(f"rport={source.port}")
        wants_rport = wants_rport or asked
        params = ";".join(parts)
    if via.sent_by[0] != source.host or wants_rport:
        params += f";received={source.host}"
    if params != via.params:
        shown = f"{via.host}:{via.port}" if via.port else via.host
        request.replace_first_value("via", f"SIP/2.0/{via.transport} {shown}{params}")
    if source.transport != "udp":
        return source  # §18.2.2: the connection it came on
    if wants_rport or via.sent_by[1] == source.port:
        return source
    return Hop(source.host, via.sent_by[1], "udp", source.listener)


def reply_hop(via: Via) -> Hop | None:
    """Where a response with this Via on top goes, by what the Via says alone (RFC 3261 §18.2.2).

    ``rport`` is the port of a connection that is gone where the transport has connections. None for a host name:
    nothing is looked up on the call path.
    """
    host = (find_param(via.params, "received") or via.host).strip("[]")
    transport = via.transport.lower()
    rport = find_param(via.params, "rport") or ""
    known = transport == "udp" and len(rport) <= 5 and rport.isascii() and rport.isdigit() and 0 < int(rport) < 65536
    return Hop(host, int(rport) if known else via.sent_by[1], transport) if is_address(host) else None


def _server_key(request: Request, method: str) -> tuple[Any, ...]:
    via = request.via
    if via.branch.startswith(MAGIC_COOKIE) and len(via.branch) > len(MAGIC_COOKIE):  # RFC 4475 §3.2.1
        return (via.branch, via.sent_by, method)
    # RFC 2543 peers have no unique branch (RFC 3261 §17.2.3): what stays the same over retransmissions stands in.
    text = f"{request.uri}|{request.from_tag}|{request.call_id}|{request.cseq[0]}|{via.host}|{via.port}|{via.branch}"
    return ("rfc2543", hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest(), method)


def _phrase(error: RemoteProtocolError) -> str:
    """The fault in words for the reason phrase; only what the parser itself says, printable and short."""
    text = "".join(char for char in str(error) if char.isprintable() and char.isascii())
    return f"{builder.REASONS.get(error.status, 'Bad Request')} ({text[:80]})"
