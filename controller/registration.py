"""The registration client: keeps our Contact bound at the registrars of the trunks that want it, without I/O.

Owns which trunk registers when, the transactions, and what is told of it: to the board a verdict (a trunk that has no
registration gets no calls from its carrier; calls to it may go well all the same, so it is DEGRADED and never DOWN by
this), to the log the news, to the plane who a call to one of our Contacts comes from. What a REGISTER holds and what its
answers mean is `sip.registration`. Never on the path of a call. The driver's part is as with `controller.probes`.

Rules

* After the start the first requests are spread over `SPREAD` seconds, and `MAX_AT_ONCE` wait for answers at a time.
* A trunk is not judged before its first turn is over: after a crash the registrar still has the binding.
* Any response of a registrar that is the trunk's own address is a sign of its life.
* The addresses of one name are one trunk, with one registration: they are its registrars, in their order.
* Before the end every binding is taken away; who does not answer is not waited for (`close`, `is_quiet`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from controller.health.board import Board, spread_by_name
from controller.types import (
    NOT_REGISTERED,
    REGISTER_RESPONSE,
    TRANSPORT_ERROR,
    Register,
    Registered,
    Sample,
    Transition,
    Trunk,
)
from sip.account import Account
from sip.element import Element
from sip.errors import RemoteProtocolError
from sip.headers import MAGIC_COOKIE
from sip.layer import TransactionLayer
from sip.message import Response
from sip.registration import PATIENCE, Binding, Registration
from sip.timing import Deadlines, Timing
from sip.transaction import (
    Event,
    Hop,
    ResponseReceived,
    Transaction,
    TransactionEnded,
    TransactionTimedOut,
    TransactionUnreachable,
)
from sip.uri import bracketed, parse_uri

#: Who judges, for `Board.set_verdict`.
SOURCE = "registration"

#: First requests are spread over so many seconds: soon after the start every trunk is registered anew.
SPREAD = 2.0

MAX_AT_ONCE = 32

News = Transition | Registered


@dataclass(slots=True, eq=False)
class _Watch:
    """One trunk that registers, all its addresses together."""

    name: str
    register: Register
    account: Account | None
    members: dict[Hop, str]  # the trunk's own addresses, and what it is called there
    registration: Registration
    ticket: list[Any] | None = None  # of its next turn, or of the end of its binding
    out: _Sent | None = None
    told: bool | None = None  # what was last told of it: bound or not; None before its first turn was over


@dataclass(slots=True, eq=False)
class _Sent:
    """One REGISTER that waits for its final: the user of its transaction."""

    watch: _Watch
    hop: Hop
    transaction: Transaction | None = None
    ticket: list[Any] | None = None  # of the moment when its silence has lasted too long


@dataclass(frozen=True, slots=True)
class Row:
    """What is shown of a registration; times are those of the clock of `now`."""

    trunk: str
    account: str
    registrar: str  # where it is bound, or "" where it is not
    bound: bool
    since: float
    until: float
    why: str


class Registrations:
    """All registrations of a dialplan."""

    def __init__(
        self,
        board: Board,
        trunks: Mapping[str, Trunk],
        hops: Mapping[str, Hop],
        element: Element,
        token: Callable[[], str],
        now: float,
        timing: Timing | None = None,
        account_of: Callable[[str], Account | None] = lambda trunk: None,
        advertised: Collection[tuple[str, str]] = (),
    ) -> None:
        """``hops`` has the resolved address of each trunk by name, ``token`` makes unguessable tokens, ``account_of``
        makes what answers the challenges of a trunk; ``advertised`` are listeners, as in a `Hop`, whose address the operator
        has told."""
        self._board = board
        self._element = element
        self._token = token
        self._account_of = account_of
        self._advertised = advertised
        self._deadlines = Deadlines()
        self._layer = TransactionLayer(self._deadlines, timing)
        self._watches: dict[str, _Watch] = {}
        self._leaving: list[_Watch] = []
        self._waiting: dict[str, None] = {}  # trunks whose turn is due when there is room; an ordered set
        self._open = 0  # requests that wait for a final
        self._news: list[News] = []
        self.accounts: dict[str, Trunk] = {}  # by the user part of our Contact
        self.update(trunks, hops, now)

    @property
    def outbox(self) -> list[tuple[bytes, Hop]]:
        """What the transport must send; the driver clears it."""
        return self._layer.outbox

    def update(self, trunks: Mapping[str, Trunk], hops: Mapping[str, Hop], now: float) -> list[News]:
        """Follow another dialplan or other addresses. Where account and registrars stay, so does the binding."""
        before, self._watches = self._watches, {}
        self.accounts = {}
        families: dict[str, list[Trunk]] = {}
        for trunk in trunks.values():
            if trunk.register is not None:
                families.setdefault(trunk.group or trunk.name, []).append(trunk)
        for name, family in families.items():
            contact = self._element.contact_user_of(name)
            self.accounts[contact] = family[0]
            self._watch(name, family, contact, before.pop(name, None), hops, now)
        for watch in before.values():
            self._leave(watch, now)
            self._judge_as(watch, None, "it does not register any more", now)
        return self._take_news(now)

    def close(self, now: float) -> None:
        """Take all bindings away: soon nobody will be here to take calls."""
        for watch in self._watches.values():
            self._leave(watch, now)
        self._watches = {}

    def is_quiet(self) -> bool:
        """Whether every binding is taken away that `close` or `update` wanted gone, or cannot be."""
        return all(watch.registration.gone for watch in self._leaving)

    # ------------------------------------------------------------------ time

    def next_deadline(self) -> float:
        """When `handle_timer` is next to be called; infinity for never."""
        return self._deadlines.next_deadline()

    def handle_timer(self, now: float) -> list[News]:
        """Register whose time has come; give up who was silent for too long."""
        self._deadlines.fire_due(now)
        return self._take_news(now)

    def _on_due(self, now: float, watch: _Watch) -> None:
        watch.ticket = None
        self._judge(watch, now)
        if watch.registration.due > now or watch.out is not None:
            self._arm(watch, now)
        elif self._open >= MAX_AT_ONCE:
            self._waiting[watch.name] = None
        elif watch.registration.begin(now):
            self._send(watch, now)
        else:
            self._arm(watch, now)

    def _on_silence(self, now: float, sent: _Sent) -> None:
        sent.ticket = None
        transaction = sent.transaction
        if self._end(sent):
            if transaction is not None:
                self._layer.abandon(transaction, now)
            self._go_on(sent.watch, sent.watch.registration.on_silence(now), now)

    # ------------------------------------------------------------------ what comes back

    def handle_response(self, response: Response, source: Hop, now: float) -> tuple[bool, list[News]]:
        """Take in a response. Returns whether it was ours to deal with, and what it changed; a spoofed one is ours and
        changes nothing."""
        transaction = self._layer.find_client(response)
        if transaction is None:
            return False, []
        if source == transaction.hop:
            self._layer.receive_response(response, source, now)
        return True, self._take_news(now)

    def unreachable(self, branch: str, now: float) -> list[News]:
        """The transport could not deliver the packet with this Via branch."""
        self._layer.transport_failed(branch, now)
        return self._take_news(now)

    def disconnected(self, hop: Hop, now: float) -> list[News]:
        """The connection to ``hop`` is lost."""
        self._layer.disconnected(hop, now)
        for watch in self._watches.values():
            if watch.registration.bound_at == hop:
                watch.registration.lose_connection(hop, now)
                self._arm(watch, now)
        return self._take_news(now)

    def _take_news(self, now: float) -> list[News]:
        self._layer.drain(self._on_event, now)
        news, self._news = self._news, []
        return news

    def _on_event(self, event: Event, now: float) -> None:
        sent = getattr(event, "user", None)
        if not isinstance(sent, _Sent):
            return
        watch, registration = sent.watch, sent.watch.registration
        if isinstance(event, ResponseReceived):
            self._note_life(watch, sent.hop, REGISTER_RESPONSE, now)
            if event.response.status >= 200 and self._end(sent):
                find_hop = partial(self._find_hop, beside=sent.hop)
                self._go_on(watch, registration.on_response(event.response, find_hop, now), now)
        elif isinstance(event, TransactionUnreachable):
            if self._end(sent):
                self._note_life(watch, sent.hop, TRANSPORT_ERROR, now)
                self._go_on(watch, registration.on_unreachable(now), now)
        elif isinstance(event, TransactionTimedOut | TransactionEnded) and self._end(sent):
            self._go_on(watch, registration.on_silence(now), now)

    def _note_life(self, watch: _Watch, hop: Hop, code: str, now: float) -> None:
        trunk = watch.members.get(hop)
        if trunk is not None:
            self._news += self._board.observe(Sample(trunk, code != TRANSPORT_ERROR, code), now)

    # ------------------------------------------------------------------ turns

    def _send(self, watch: _Watch, now: float) -> None:
        hop = watch.registration.target
        assert hop is not None
        local = self._element.listeners[hop[2:]]
        us = f"{bracketed(local.host)}:{local.port}"
        # RFC 3581: come back to where this came from, whatever NAT made of the address
        via = f"SIP/2.0/{local.transport.upper()} {us};branch={MAGIC_COOKIE}{self._token()};rport"
        watch.registration.learns = hop[2:] not in self._advertised
        sent = watch.out = _Sent(watch, hop)
        self._open += 1
        sent.ticket = self._deadlines.arm(now + PATIENCE, self._on_silence, sent)
        sent.transaction = self._layer.request(watch.registration.make_request(via, local), hop, now, sent)

    def _end(self, sent: _Sent) -> bool:
        """Nothing more is expected of a request; False if that was known."""
        if sent.watch.out is not sent:
            return False
        sent.watch.out = sent.transaction = None
        self._open -= 1
        if sent.ticket is not None:
            Deadlines.cancel(sent.ticket)
            sent.ticket = None
        return True

    def _go_on(self, watch: _Watch, again: bool, now: float) -> None:
        if again:
            self._send(watch, now)
            return
        if watch.registration.gone and watch in self._leaving:
            self._leaving.remove(watch)
        if self._watches.get(watch.name) is watch:
            self._judge(watch, now)
            self._arm(watch, now)
        while self._waiting and self._open < MAX_AT_ONCE:
            name = next(iter(self._waiting))
            del self._waiting[name]
            if name in self._watches:
                self._on_due(now, self._watches[name])

    def _arm(self, watch: _Watch, now: float) -> None:
        """Wake for its next turn, and when its binding ends though nothing came of the turns."""
        if watch.ticket is not None:
            Deadlines.cancel(watch.ticket)
        registration = watch.registration
        when = registration.due
        if registration.is_bound(now):
            when = min(when, registration.bound_until)
        watch.ticket = self._deadlines.arm(when, self._on_due, watch)

    def _leave(self, watch: _Watch, now: float) -> None:
        if watch.ticket is not None:
            Deadlines.cancel(watch.ticket)
        if watch.out is not None:
            self._end(watch.out)
        self._waiting.pop(watch.name, None)
        if watch.registration.leave():
            self._leaving.append(watch)
            self._send(watch, now)

    # ------------------------------------------------------------------ what is told

    def _judge(self, watch: _Watch, now: float) -> None:
        registration = watch.registration
        bound = registration.is_bound(now)
        if watch.told is bound or not (bound or registration.why):
            return
        watch.told = bound
        if bound:
            where = registration.bound_at
            why = f"registered at {where.host}:{where.port}" if where is not None else "registered"
        else:
            why = f"not registered: {registration.why}"
        self._news.append(Registered(watch.name, bound, now, why))
        self._judge_as(watch, None if bound else NOT_REGISTERED, why, now)

    def _judge_as(self, watch: _Watch, code: str | None, why: str, now: float) -> None:
        for trunk in watch.members.values():
            self._news += self._board.set_verdict(trunk, SOURCE, code, why, now)

    def registrars(self) -> list[tuple[Hop, str]]:
        """All addresses at which a trunk registers, and which trunk that is."""
        return [
            (each.hop, min(watch.members.values(), default=watch.name))
            for watch in self._watches.values()
            for each in watch.registration.registrars
        ]

    def rows(self, now: float) -> list[Row]:
        """All registrations, for people."""
        return [_row(watch, now) for watch in self._watches.values()]

    # ------------------------------------------------------------------ trunks

    def _watch(
        self, name: str, family: list[Trunk], contact: str, old: _Watch | None, hops: Mapping[str, Hop], now: float
    ) -> None:
        """Watch a trunk; ``family`` are its addresses, ``old`` is how it was watched before."""
        register = family[0].register
        assert register is not None
        members = {hops[trunk.name]: trunk.name for trunk in family if trunk.name in hops}
        registrars = self._registrars_of(register, [*members])
        binding = Binding(register.user, register.domain, contact, register.expires)
        account = self._account_of(name)
        if old is not None and old.registration.binding.aor == binding.aor:
            watch = old
            watch.registration.follow(registrars, now)
            if watch.register != register or watch.account is not account:
                watch.registration.renew(binding, account, now)
            watch.register, watch.account, watch.members = register, account, members
            if watch.told is False:  # an address that is new is no better than the others
                self._judge_as(watch, NOT_REGISTERED, f"not registered: {watch.registration.why}", now)
        else:
            if old is not None:
                self._leave(old, now)
            first = now + spread_by_name(name) * SPREAD
            registration = Registration(binding, registrars, self._token, self._roll, first, account)
            watch = _Watch(name, register, account, members, registration)
        self._watches[name] = watch
        self._arm(watch, now)

    def _roll(self) -> float:
        return spread_by_name(self._token())

    def _registrars_of(self, register: Register, homes: list[Hop]) -> tuple[Hop, ...]:
        """Where a trunk registers, as written: the addresses that are known and that a listener of ours reaches."""
        home = homes[0] if homes else None
        found: Sequence[Hop | None] = [self._find_hop(uri, home) for uri in register.registrars] or homes
        return tuple(dict.fromkeys(hop for hop in found if hop is not None and hop[2:] in self._element.listeners))

    def _find_hop(self, uri: str, beside: Hop | None) -> Hop | None:
        """The address of a URI, by the listener of ``beside`` where that can reach it."""
        try:
            return self._element.hop_of(parse_uri(uri), *(() if beside is None else (beside,)))
        except RemoteProtocolError:
            return None


def _row(watch: _Watch, now: float) -> Row:
    registration = watch.registration
    bound, where = registration.is_bound(now), registration.bound_at
    return Row(
        watch.name,
        registration.binding.aor,
        f"{where.transport}:{bracketed(where.host)}:{where.port}" if bound and where is not None else "",
        bound,
        registration.bound_since if bound else registration.failing_since,
        registration.bound_until,
        registration.why,
    )
