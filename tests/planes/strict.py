"""Two strict user agents around callward in virtual time: both may ask for credentials, and callward may die at any point.

Owns the evidence: whatever a user agent would have to refuse (RFC 3261 §12.2.2, RFC 3262 §3) is a fault. A table plays one
dialog; its packets arrive in order and whole, so that what goes wrong is callward's. Nothing here knows how callward
numbers requests.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from controller.engine import Engine
from controller.types import Auth, Chain, Dialplan, Listen, Path, Route, Stage, Target, Trunk
from sip import builder, digest
from sip.digest import Algorithm
from sip.element import Element
from sip.headers import find_uri
from sip.layer import TransactionLayer
from sip.message import Request, Response
from sip.seal import Seal
from sip.timing import Deadlines, Timing
from sip.transaction import Hop, RequestReceived, ResponseReceived, Transaction, TransactionTimedOut
from sip.uri import parse_uri

ENGINE, CALLER, CALLEE = Hop("192.0.2.10", 5060), Hop("198.51.100.1", 5060), Hop("192.0.2.21", 5060)
DID = "+15557000"
USER, PASSWORD, REALM = "callward", "hunter2", "carrier"


@dataclass
class Habits:
    """How a user agent asks for credentials, and from which number it counts its own requests."""

    asks: bool = False
    first: int = 1
    fresh: int = 1  # so many requests may use a nonce, after that it is stale
    says_stale: bool = True
    reliable: bool = False  # its provisionals want a PRACK
    shared: bool = False  # tries may share a number, as it began beyond 2**28
    algorithm: Algorithm = Algorithm.SHA256
    qop: str = "auth"


@dataclass
class Invite:
    """An INVITE that was let in: its answer is repeated until the ACK."""

    request: Request
    transaction: Transaction
    rseq: int = 0
    pracked: bool = True
    answered: bool = False
    acked: bool = False


@dataclass
class Strict:
    """One user agent."""

    name: str
    hop: Hop
    habits: Habits
    dice: random.Random
    deadlines: Deadlines = field(default_factory=Deadlines)
    faults: list[str] = field(default_factory=list)
    finals: dict[tuple[str, int], int] = field(default_factory=dict)  # of own requests
    served: list[str] = field(default_factory=list)  # methods that were let in
    challenges: int = 0
    invites: dict[int, Invite] = field(default_factory=dict)  # by the CSeq that it saw
    stray_acks: int = 0

    def __post_init__(self) -> None:
        self.layer = TransactionLayer(self.deadlines, Timing())
        self.cseq = self.habits.first - 1
        self.heard = -1
        self.call_id, self.tag = "", f"t{self.name}"
        self.local = self.remote = self.target = ""
        self.routes: list[str] = []
        self.over = self.up = False
        self._nonces: dict[str, int] = {}
        self._sent = 0
        self._acks: dict[int, tuple[Request, Hop]] = {}
        self._rseq = self.dice.randrange(1, 1000)
        self._pracked: set[tuple[int, int]] = set()

    # -- as a client

    def call(self, now: float) -> None:
        """The INVITE that begins the dialog."""
        self.call_id = f"{self.dice.getrandbits(64):x}"
        uri = f"sip:{DID}@{ENGINE.host}"
        self.local, self.remote, self.target = f"<sip:{self.name}@x>;tag={self.tag}", f"<{uri}>", uri
        self.send("INVITE", now)

    def send(self, method: str, now: float, *extra: str) -> int:
        """A request of the dialog; returns its CSeq."""
        self.cseq += self.dice.choice((1, 1, 2, 7))
        request = self._make(method, self.cseq, *extra)
        self.layer.request(request, ENGINE, now, (method, self.cseq))
        return self.cseq

    def _make(self, method: str, cseq: int, *extra: str) -> Request:
        self._sent += 1
        lines = [
            f"Via: SIP/2.0/UDP {self.hop.host}:{self.hop.port};branch=z9hG4bK{self.name}{self._sent}",
            *(f"Route: {route}" for route in self.routes),
            "Max-Forwards: 70",
            f"From: {self.local}",
            f"To: {self.remote}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:{self.name}@{self.hop.host}:{self.hop.port}>",
            *extra,
            "Content-Length: 0",
        ]
        return Request(method, self.target, [line.partition(":")[0].lower() for line in lines], lines)

    def _on_response(self, user: tuple[str, int] | None, response: Response, now: float) -> None:
        if user is None:
            return
        method, cseq = user
        if response.cseq != (cseq, method):
            self.faults.append(f"{self.name}: sent {cseq} {method}, was answered {response.cseq}")
        if response.status in (401, 407):
            self.faults.append(f"{self.name}: a challenge of the other side came through to {method}")
        if method == "INVITE" and 100 < response.status < 300:
            if not self.up:  # §12.1.2, and once more from the 2xx (§13.2.2.4); later ones leave the route as it is
                self.remote = response.require("to")
                self.target = find_uri(response.require("contact"))
                self.routes = list(reversed(response.get_all("record-route"))) or self.routes
                self.up = response.status >= 200
            if response.status < 200 and response.get("rseq"):
                rseq = int(response.require("rseq"))
                if (rseq, cseq) not in self._pracked:
                    self._pracked.add((rseq, cseq))
                    self.send("PRACK", now, f"RAck: {rseq} {cseq} INVITE")
            elif response.status >= 200:
                if cseq not in self._acks:
                    self._acks[cseq] = self._make("ACK", cseq), ENGINE
                self.layer.send_stateless(*self._acks[cseq])
        if response.status >= 200:
            self.finals.setdefault(user, response.status)
            if method == "BYE":
                self.over = True

    # -- as a server

    def _on_request(self, transaction: Transaction | None, request: Request, now: float) -> None:
        method, cseq = request.method, request.cseq[0]
        if transaction is None:
            invite = self.invites.get(cseq)
            if invite is None or not invite.answered:
                self.stray_acks += 1
            else:
                invite.acked = True
            return
        within = bool(request.to_tag)
        if within:
            if self.over and method != "BYE":
                self._reply(transaction, request, 481, now)
                return
            if cseq < self.heard or (cseq == self.heard and not self.habits.shared):
                self.faults.append(f"{self.name}: {method} {cseq} after {self.heard}")
                self._reply(transaction, request, 500, now)
                return
            self.heard = cseq
        if self.habits.asks and not self._lets_in(request):
            status, proxy = self.dice.choice(((401, False), (407, True)))
            self.challenges += 1
            self._reply(transaction, request, status, now, self._challenge(request, proxy=proxy))
            return
        if method == "PRACK":
            self._on_prack(transaction, request, now)
            return
        self.served.append(method)
        if method == "INVITE":
            self._on_invite(transaction, request, within, now)
            return
        if method == "BYE":
            self.over = True
        self._reply(transaction, request, 200, now)

    def _on_invite(self, transaction: Transaction, request: Request, within: bool, now: float) -> None:
        if not within:
            self.call_id, self.heard = request.call_id, request.cseq[0]
            self.local, self.remote = f"{request.require('to')};tag={self.tag}", request.require("from")
            self.routes = request.get_all("record-route")
            self.target = find_uri(request.require("contact"))
        invite = self.invites[request.cseq[0]] = Invite(request, transaction)
        if self.habits.reliable:
            self._rseq += 1
            invite.rseq, invite.pracked = self._rseq, False
            self._repeat(now, invite, 183, now + 64 * 0.5, 0.5)
        else:
            self._answer(invite, now)

    def _on_prack(self, transaction: Transaction, request: Request, now: float) -> None:
        rseq, cseq, _ = request.require("rack").split()
        invite = self.invites.get(int(cseq))
        if invite is None or invite.pracked or invite.rseq != int(rseq):
            self._reply(transaction, request, 481, now)
            return
        self.served.append("PRACK")
        invite.pracked = True
        self._reply(transaction, request, 200, now)
        self._answer(invite, now)

    def _answer(self, invite: Invite, now: float) -> None:
        invite.answered = True
        self._repeat(now, invite, 200, now + 64 * 0.5, 0.5)

    def _repeat(self, now: float, invite: Invite, status: int, until: float, interval: float) -> None:
        """A 2xx until its ACK (RFC 3261 §13.3.1.4), a reliable provisional until its PRACK (RFC 3262 §3)."""
        if invite.acked if status >= 200 else invite.pracked:
            return
        if now >= until:
            self.faults.append(f"{self.name}: {status} to {invite.request.cseq} is never acknowledged")
            return
        extra = ("Require: 100rel", f"RSeq: {invite.rseq}") if status < 200 else ()
        self._reply(invite.transaction, invite.request, status, now, *extra)
        interval = min(interval * 2, 4.0) if status >= 200 else interval * 2
        self.deadlines.arm(now + interval, self._repeat, invite, status, until, interval)

    def _reply(self, transaction: Transaction, request: Request, status: int, now: float, *extra: str) -> None:
        contact = f"Contact: <sip:{self.name}@{self.hop.host}:{self.hop.port}>"
        response = builder.make_response(request, status, self.tag, extra=(contact, *extra))
        if transaction.state == 6:  # Accepted: the core repeats its 2xx past the transaction's own
            self.layer.send_stateless(response, transaction.hop)
        else:
            self.layer.respond(transaction, response, now)

    def _challenge(self, request: Request, *, proxy: bool) -> str:
        nonce = f"{self.dice.getrandbits(64):x}"
        self._nonces[nonce] = 0
        stale = self.habits.says_stale and any(name.endswith("authorization") for name in request.names)
        return digest.make_challenge(REALM, nonce, self.habits.algorithm, qop=self.habits.qop, stale=stale, proxy=proxy)

    def _lets_in(self, request: Request) -> bool:
        for found in (*digest.parse_credentials(request, proxy=True), *digest.parse_credentials(request)):
            ha1 = digest.hash_a1(found.algorithm, USER, REALM, PASSWORD)
            if not digest.verify(found, ha1, request.method, request.body) or found.uri != request.uri:
                self.faults.append(f"{self.name}: wrong credentials in {request.method}")
                continue
            seen = self._nonces.get(found.nonce)
            if seen is None:
                continue
            count = found.count if found.qop else seen + 1
            if count <= seen:
                self.faults.append(f"{self.name}: nonce count {count} after {seen}")
                continue
            self._nonces[found.nonce] = count
            if count <= self.habits.fresh:
                return True
        return False

    # -- the contract of the table

    def receive(self, data: bytes, source: Hop, now: float) -> None:
        """Take one datagram."""
        self.layer.receive(data, source, now)
        self._drain(now)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self.deadlines.fire_due(now)
        self._drain(now)

    def _drain(self, now: float) -> None:
        while self.layer.events:
            events, self.layer.events = self.layer.events, []
            for event in events:
                if isinstance(event, RequestReceived):
                    self._on_request(event.transaction, event.request, now)
                elif isinstance(event, ResponseReceived):
                    self._on_response(event.user, event.response, now)
                elif isinstance(event, TransactionTimedOut) and event.user is not None:
                    self.finals.setdefault(event.user, 408)


class Table:
    """The two of them, and callward between."""

    def __init__(
        self,
        caller: Habits,
        callee: Habits,
        seed: int,
        deaths: frozenset[int] = frozenset(),
        password: str = PASSWORD,
    ) -> None:
        """``deaths`` are the packets, counted from the first, after which callward is killed and started anew;
        ``password`` is what its dialplan has."""
        dice = random.Random(seed)
        self.now = 1000.0
        self.caller = Strict("caller", CALLER, caller, dice)
        self.callee = Strict("callee", CALLEE, callee, dice)
        self.peers: dict[Hop, Any] = {CALLER: self.caller, CALLEE: self.callee}
        self.deaths = deaths
        self.lives = 1
        self.packets = 0
        self.ladder: list[str] = []
        self._wires: deque[tuple[bytes, Hop, Hop]] = deque()
        auth = Auth(USER, password)
        path = Path("b via out", "b", "out", f"sip:b@{CALLEE.host}")
        stage = Stage((Target("b", (path,)),), ring=300.0, no_reply=20.0, no_progress=60.0, hedge=None)
        self.dialplan = Dialplan(
            version="1",
            listen=(Listen(ENGINE.host, ENGINE.port),),
            trunks={
                "in": Trunk("in", CALLER.host, CALLER.port, probe=None, auth=auth if caller.asks else None),
                "out": Trunk("out", CALLEE.host, CALLEE.port, probe=None, auth=auth if callee.asks else None),
            },
            chains={"c": Chain("c", (stage,))},
            routes={DID: Route(DID, "c")},
        )
        self.engine = self._start()

    def _start(self) -> Engine:
        element = Element(ENGINE, b"k" * 32, Seal({"1": bytes(range(32))}, "1"))
        return Engine(self.dialplan, element, {"in": CALLER, "out": CALLEE}, self.now, token=lambda: "token")

    def settle(self, until: float) -> None:
        """Let everything happen for so many seconds; stops when nothing is left to happen."""
        end = self.now + until
        for _ in range(5000):
            self._collect()
            if self._wires:
                self._deliver()
                continue
            due = min(self.engine.next_deadline(), *(p.deadlines.next_deadline() for p in (self.caller, self.callee)))
            if due > end:
                self.now = end
                return
            self.now = max(self.now, due)
            self.engine.handle_timer(self.now)
            self.caller.handle_timer(self.now)
            self.callee.handle_timer(self.now)
        raise AssertionError("this never ends")

    def _deliver(self) -> None:
        data, source, to = self._wires.popleft()
        self.packets += 1
        self.ladder.append(f"{self.now:.1f} {source.host} -> {to.host} {_title(data)}")
        self.now += 0.001
        if to == ENGINE:
            self.engine.receive(data, source, self.now)
        else:
            self.peers[to].receive(data, ENGINE, self.now)
        self._collect()
        if self.packets in self.deaths:
            self.ladder.append("--- callward dies and is started anew")
            self.lives += 1
            self.engine = self._start()

    def _collect(self) -> None:
        for data, hop in self.engine.outbox:
            self._wires.append((data, ENGINE, hop))
        self.engine.outbox.clear()
        for peer in (self.caller, self.callee):
            for data, hop in peer.layer.outbox:
                self._wires.append((data, peer.hop, hop))
            peer.layer.outbox.clear()

    @property
    def faults(self) -> list[str]:
        """All that went wrong."""
        ours = [news.what for news in self.engine.news if hasattr(news, "what") and not hasattr(news, "trunk")]
        return [*self.caller.faults, *self.callee.faults, *ours]


def _title(data: bytes) -> str:
    text = data.decode()
    cseq = next(line for line in text.split("\r\n") if line.startswith("CSeq"))
    return f"{text.split(chr(13))[0][:40]} | {cseq}"


def user_of(uri: str) -> str:
    """The user part of a SIP URI."""
    return parse_uri(uri).user
