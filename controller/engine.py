"""The engine: the whole controller without I/O, which the app drives with sockets and the simulator without.

Owns the wiring between plane, health and probers: samples go to the board, a trunk that went down is told to the
plane, a new view gates new offers, answers to probes find their prober. It holds no policy and no protocol.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from math import inf

from controller.bindings import Bindings
from controller.credentials import Accounts
from controller.deep import DeepProber
from controller.edge.edge import Edge
from controller.edge.overload import Overload
from controller.health.board import Board
from controller.health.outcomes import SIP, Outcome, OutcomeClass, classify
from controller.health.score import Change, Scores
from controller.health.signals import Signals
from controller.placing import Placer
from controller.planes.embedded import EmbeddedPlane
from controller.planes.peers import host_names
from controller.probes import MAX_LAG, Prober
from controller.registration import Registrations
from controller.rules.quality import trunk_targets
from controller.switchboard import Switchboard
from controller.texting import Texts
from controller.types import (
    LONGEST_RETRY_AFTER,
    NOT_LET_IN,
    NOT_REGISTERED,
    REGISTER_RESPONSE,
    Address,
    CallOrder,
    CallSign,
    Dialplan,
    Exercised,
    News,
    Overloaded,
    Page,
    Readmit,
    Registered,
    Sample,
    TargetState,
    Transition,
    Uplink,
)
from controller.types.texts import TextNews, TextOrder
from sip.element import Element
from sip.timing import Deadlines, Timing
from sip.transaction import Hop

#: So long a trunk that refused our credentials is tried behind others, seconds: wrong passwords seldom mend themselves.
REFUSED_FOR = 60.0
_AUTH, _BINDINGS = "auth", "bindings"  # who judges, for `Board.set_verdict`
NOT_HERE = "its user has not registered"
#: A thousand phones that come back after a restart are one change of addresses in so many seconds, not a thousand.
MOVE_AFTER = 0.2
_BRANCH = re.compile(rb"^(?:Via|v)\s*:[^\r\n]*;\s*branch=([^;,\s\r\n]+)", re.MULTILINE | re.IGNORECASE)


_Client = DeepProber | Registrations | Texts  # who has requests of its own under way, in transactions of its own


class Engine:
    """What the pump drives: `receive`, `unreachable`, `disconnected`, `next_deadline`, `handle_timer` and ``outbox``;
    and `reload`, which changes what it goes by.

    ``news`` collects what observers want to know; the driver drains it when it likes.
    """

    def __init__(
        self,
        dialplan: Dialplan,
        element: Element,
        hops: Mapping[str, Hop],
        now: float,
        *,
        token: Callable[[], str],
        timing: Timing | None = None,
        epoch_offset: float = 0.0,
        scores: Scores | None = None,
    ) -> None:
        """``hops`` has the resolved address of each trunk; ``token`` makes unguessable tokens for probes; ``scores``
        are those of an earlier life."""
        self._deadlines = Deadlines()
        self.bindings = Bindings()
        self._written = dialplan, hops
        self._move_at = inf  # when phones that have moved are called where they are
        dialplan, hops = self.bindings.place(dialplan, hops)
        self.element = element
        self.scores = Scores(trunk_targets(dialplan), epoch_offset) if scores is None else scores
        self.signals = Signals()
        self.switchboard = Switchboard(dialplan, self.scores)
        self.board = Board(dialplan.trunks.values(), now)
        self.accounts = Accounts(element.cnonce_of)
        self.accounts.swap(dialplan.trunks)
        self._refusing: set[str] = set()  # trunks that did not take our credentials lately
        secret = token() if any(ours.phones for ours in dialplan.listen) else ""
        self.plane = EmbeddedPlane(
            self.switchboard, element, hops, self._deadlines, timing, self.accounts, secret, self.bindings
        )
        self.plane.epoch_offset = epoch_offset
        self.plane.set_past(now + (timing or Timing()).timer_c)  # RFC 3261 §16.6 step 11: nothing rings for longer
        self.prober = Prober(self.board, hops, element.local, token, *element.listeners.values())
        self.deep = DeepProber(self.board, hops, element, token, now, timing, self.accounts)
        self.placer = Placer(element.local, token, timing)
        self.plane.orders = self.placer.orders
        self.edge = Edge(element, dialplan.access, self.plane.sources)
        self.overload = Overload(element, self.edge.pressure)
        self._is_guarded = False
        self.late_timers = 0  # by more than `MAX_LAG`
        self._open_door(dialplan)
        find_account = self.accounts.find
        advertised = {(ours.transport, ours.listener) for ours in dialplan.listen if ours.advertise}
        self.registrations = Registrations(
            self.board, dialplan.trunks, hops, element, token, now, timing, find_account, advertised
        )
        self.texts = Texts(self.board, hops, element, token, timing, self.accounts)
        self._clients: tuple[_Client, ...] = (self.deep, self.registrations, self.texts)
        self._askers: tuple[Prober | _Client, ...] = (self.prober, *self._clients)
        self._timed: tuple[Prober | _Client | Board, ...] = (*self._askers, self.board)
        self._expect_calls()
        self.plane.anchoring.swap(dialplan.media, token, now)
        self._token = token
        self.outbox = self.plane.outbox
        self.news: list[News | Change] = []
        self._view = self.board.view
        for name in self._drained():  # some of its addresses may be new
            self.drain(name, now)
        self._let_in(now)
        self._tell_unbound(now)

    def receive(self, data: bytes, source: Hop, now: float) -> bool:
        """Take one message; False if the edge keeps it out."""
        media = self.plane.anchoring.relay
        if media is not None and source[:2] == media.hop[:2] and source.transport == "udp":
            media.handle_answer(data, now)
            self.plane.drain(now)
        elif source.port and self.edge.admit(data, source, now):  # port 0 is ours
            self.plane.receive(data, source, now)
        else:
            return False
        self._settle(now)
        return True

    def _open_door(self, dialplan: Dialplan) -> None:
        self.edge.swap(dialplan.access, dialplan.listen)
        self.plane.meter(self.edge.may_send if self.edge.is_open else None)

    def knows(self, source: Hop) -> bool:
        """Whether whatever comes from there is let in."""
        return self.edge.knows(source)

    def see_queue(self, filled: float, now: float) -> None:
        """A turn of the pump left its receive buffer filled by this share."""
        self.edge.pressure.see_queue(filled, now)
        if self.edge.pressure.is_high or self._is_guarded:
            self._guard(now)

    def _guard(self, now: float) -> None:
        (overload := self.overload).epoch_offset = self.plane.epoch_offset
        overload.update(now)
        if overload.is_on is not self._is_guarded:
            self._is_guarded = overload.is_on
            self.plane.guard(overload if overload.is_on else None)
            self.news.append(Overloaded(overload.is_on, now, overload.turned_away))

    def introduce(self, connection: Hop, names: Collection[str]) -> None:
        """The peer of a connection has proved these names by its certificate; none: the connection is gone."""
        self.plane.sources.introduce(connection, names)
        if not names:
            self.bindings.lose(connection)
            self._move_at = 0.0 if self.bindings.moved else self._move_at

    def unreachable(self, quoted: bytes, hop: Hop, now: float) -> None:
        """The network says that ``hop`` cannot be reached; ``quoted`` is what it gives back of our packet.

        Whoever forges such a message cannot know the branch of a request under way, so the branch decides which
        call moves on; without one it is a hint for health and nothing more.
        """
        media = self.plane.anchoring.relay
        if media is not None and hop[:2] == media.hop[:2]:
            media.unreachable(now)
            self.plane.drain(now)
        match = _BRANCH.search(quoted)
        branch = match[1].decode("ascii", "replace") if match else None
        if branch is not None:
            self.plane.unreachable(branch, now)
            for client in self._clients:
                self._take(client.unreachable(branch, now), now)
        self._take(self.prober.handle_unreachable(branch, hop, now), now)
        self._settle(now)

    def disconnected(self, hop: Hop, now: float) -> None:
        """The connection on which requests had gone to ``hop`` is lost: what waits for answers there moves on."""
        self.plane.disconnected(hop, now)
        for client in self._clients:
            self._take(client.disconnected(hop, now), now)
        self._settle(now)

    def next_deadline(self) -> float:
        """When `handle_timer` is wanted next; infinity for never."""
        return min(
            self._deadlines.next_deadline(),
            self._move_at,
            self.bindings.due,
            self.placer.next_deadline(),
            *[timed.next_deadline() for timed in self._timed],
        )

    def handle_timer(self, now: float) -> None:
        """Do what is due. Late by more than `MAX_LAG`, silence says nothing: answers may lie unread."""
        behind = now - self.next_deadline()
        self.edge.pressure.see_timer(behind, now)
        late = behind > MAX_LAG
        if late:
            self.late_timers += 1
            self.prober.void(now)
        self._deadlines.fire_due(now)
        self.plane.drain(now)
        if late:
            self.plane.evidence.forget_silence()
        for timed in self._timed:
            if timed.next_deadline() <= now:
                self._take(timed.handle_timer(now), now)
        if self.placer.next_deadline() <= now:
            self.placer.handle_timer(now)
        if self.bindings.due <= now:
            self.bindings.expire(now)
        if self._move_at <= now:
            self._move(now)
        self._settle(now)

    def reload(self, dialplan: Dialplan, hops: Mapping[str, Hop], now: float) -> None:
        """Swap the dialplan: new offers follow it, calls under way keep their plan, known trunks their state."""
        self._written = dialplan, hops
        dialplan, hops = self.bindings.place(dialplan, hops)
        drained = self._drained()
        self.switchboard.swap(dialplan)
        for name in drained:  # an address that comes to a name is drained with it
            self.drain(name, now)
        self.accounts.swap(dialplan.trunks)
        self.plane.swap_hops(hops)
        self.plane.anchoring.swap(dialplan.media, self._token, now)
        self._open_door(dialplan)
        self.element.learn_names(host_names(dialplan, hops))
        self.board.update(dialplan.trunks.values(), now)
        for trunk in tuple(self._refusing):  # perhaps by other credentials
            self._on_forgiven(now, trunk)
        self._let_in(now)
        self.prober.update(hops, now)
        self._take(self.deep.update(hops, now), now)
        self._take(self.registrations.update(dialplan.trunks, hops, now), now)
        self.texts.update(hops)
        self._expect_calls()
        self._tell_unbound(now)
        self._settle(now)

    def _move(self, now: float) -> None:
        """Phones have registered or are gone: from now on they are called where they are."""
        moved, self.bindings.moved = sorted(self.bindings.moved), set()
        self._move_at = inf
        self.reload(*self._written, now)
        for trunk in moved:
            bound = self.bindings.is_bound(trunk)
            self.news.append(Registered(trunk, bound, now, "its user has registered" if bound else NOT_HERE))
            if bound:
                self._take(self.board.observe(Sample(trunk, alive=True, code=REGISTER_RESPONSE), now), now)

    def _tell_unbound(self, now: float) -> None:
        for trunk in self.switchboard.dialplan.trunks.values():
            if trunk.registered:
                code = None if trunk.contact else NOT_REGISTERED
                self._take(self.board.set_verdict(trunk.name, _BINDINGS, code, NOT_HERE, now), now)

    def _expect_calls(self) -> None:
        """Calls to what we register come from its registrars, or from whoever was told there; others from phones."""
        self.edge.phones = self.plane.phones.listeners
        self.plane.called.accounts = self.registrations.accounts
        self.edge.contacts = frozenset(user.encode() for user in self.registrations.accounts)
        for hop, trunk in self.registrations.registrars():
            self.plane.sources.add(hop.host, trunk)

    def place(self, order: CallOrder, now: float) -> str:
        """Make a call of our own; why not, "" if it is on its way. What becomes of it is news."""
        why = self.placer.place(order, now)
        self._settle(now)
        return why

    def withdraw_call(self, key: str, now: float) -> None:
        """Take such an order back, if it has come or not."""
        self.placer.withdraw(key, now)
        self._settle(now)

    def send_text(self, order: TextOrder, now: float) -> str:
        """Send a message of our own; why not, "" if it is on its way. What becomes of it is news."""
        why = self.texts.send(order, now)
        self._take(self.texts.take_news(now), now)
        self._settle(now)
        return why

    def drain(self, trunk: str, now: float) -> bool:
        """An operator takes a trunk out, all its addresses: it is used only where nothing else leads. False if it was
        out."""
        return self._tell(self.scores.park(name, now, "drained by an operator") for name in self.members(trunk))

    def undrain(self, trunk: str, now: float) -> bool:
        """The end of `drain`: its calls come back in steps. False if it was not drained."""
        return self._tell(self.scores.home(name, now, "undrained by an operator") for name in self.members(trunk))

    def _tell(self, changes: Iterable[list[Change]]) -> bool:
        before = len(self.news)
        for some in changes:
            self.news += some
        return len(self.news) > before

    def living(self) -> Callable[[Address], bool | None]:
        """What is known now of the addresses behind names: True for one that was heard and is not DOWN, False for one
        that is, None where nobody knows."""
        found: dict[tuple[str, int, str], bool | None] = {}
        for detector in self.board.detectors():
            trunk = detector.trunk
            if trunk.domain:
                down = detector.state is TargetState.DOWN
                found[trunk.host, trunk.port, trunk.transport] = False if down else detector.alive_at > -inf or None
        return lambda address: found.get((address.host, address.port, address.transport))

    def members(self, trunk: str) -> list[str]:
        """The trunks that one name of the operator's stands for."""
        return [each.name for each in self.switchboard.dialplan.trunks.values() if trunk in (each.name, each.group)]

    def _drained(self) -> set[str]:
        """What operators have taken out, by their names."""
        trunks = self.switchboard.dialplan.trunks.values()
        return {each.group or each.name for each in trunks if self.scores.is_parked(each.name)}

    def close(self, now: float) -> None:
        """Before the end: test calls of ours must not ring on, and nobody shall send calls here any more."""
        self.deep.close(now)
        self.placer.close(now)
        self.registrations.close(now)
        self._settle(now)

    def is_quiet(self) -> bool:
        """Whether all is over that `close` has begun and somebody could still answer."""
        return self.registrations.is_quiet()

    def _settle(self, now: float) -> None:
        plane = self.plane
        if plane.inward or self.placer.outbox:
            self.placer.talk_to(plane, now)
        if self.placer.news:
            self.news += self.placer.news
            self.placer.news.clear()
        evidence = plane.evidence
        while plane.strays or evidence.samples:
            strays = plane.strays.copy()
            plane.strays.clear()
            samples, evidence.samples = evidence.samples, []
            for stray in strays:
                response = stray.response
                for asker in self._askers:
                    is_ours, news = asker.handle_response(response, stray.source, now)
                    self._take(news, now)
                    if is_ours:
                        break
            for sample in samples:
                self._take(self.board.observe(sample, now), now)
        if evidence.signs:
            signs, evidence.signs = evidence.signs, []
            for sign in signs:
                self._weigh(sign, now)
        if self.accounts.refused:
            refused, self.accounts.refused[:] = self.accounts.refused.copy(), []
            for trunk, why in refused:
                self._on_refused(trunk, why, now)
        relay = plane.anchoring.relay
        if relay is not None and relay.news:
            self.news += relay.news
            relay.news.clear()
        if self.bindings.moved and self._move_at == inf:
            self._move_at = now + MOVE_AFTER
        if plane.records or plane.faults:
            self.news += [*plane.records, *plane.faults]
            plane.records.clear()
            plane.faults.clear()
        for outbox in [asker.outbox for asker in self._askers]:
            if outbox:
                self.outbox.extend(outbox)
                outbox.clear()
        if self.board.view is not self._view:
            before, self._view = self._view, self.board.view
            plane.set_states(self._view)
            if before.uplink != self._view.uplink:
                why = self._view.uplink or "a trunk is alive again"
                self.news.append(Uplink(bool(self._view.uplink), now, why))

    def _on_refused(self, trunk: str, why: str, now: float) -> None:
        """A trunk that does not let us in is tried behind others for a while."""
        self._take(self.board.set_verdict(trunk, _AUTH, NOT_LET_IN, why, now), now)
        if trunk not in self._refusing:
            self._refusing.add(trunk)
            self._deadlines.arm(now + REFUSED_FOR, self._on_forgiven, trunk)

    def _on_forgiven(self, now: float, trunk: str) -> None:
        if trunk in self._refusing:
            self._refusing.discard(trunk)
            self._take(self.board.set_verdict(trunk, _AUTH, None, "its credentials are tried again", now), now)

    def _weigh(self, sign: CallSign, now: float) -> None:
        self.signals.add(sign)
        trunk = self.switchboard.dialplan.trunks.get(sign.trunk)
        most = trunk.retry_after if trunk is not None else LONGEST_RETRY_AFTER
        retry_after = min(sign.retry_after, most)
        kind = classify(SIP, sign.code, retry_after)
        if kind is not None:
            failed = (trunk for trunk, code in sign.after if classify(SIP, code) is OutcomeClass.FAILURE)
            outcome = Outcome(
                sign.trunk,
                kind,
                after=tuple(dict.fromkeys(failed)),
                age=sign.age,
                retry_after=retry_after,
                longest_wait=most,
                code=sign.code,
            )
            self.news += self.scores.observe(outcome, now)

    def _take(self, news: Sequence[Transition | Exercised | Page | Registered | TextNews], now: float) -> None:
        for item in news:
            self.news.append(item)
            if not isinstance(item, Transition):
                continue
            if item.old is TargetState.DOWN:
                self.news += self.scores.found(item.trunk, now, item.why)
            if item.new is TargetState.DOWN:
                if self.switchboard.dialplan.trunks[item.trunk].readmit is Readmit.GENTLY:
                    self.news += self.scores.lost(item.trunk, now, item.why)
                # the calls that move on must be planned around it, and so must the next one
                self.plane.set_states(self.board.view)
                self.plane.lose_trunk(item.trunk, now)

    def _let_in(self, now: float) -> None:
        """Whoever was DOWN in another life, or at another address, is not known to be."""
        for detector in self.board.detectors():
            if detector.state is not TargetState.DOWN:
                self.news += self.scores.found(detector.trunk.name, now, "not known to be down any more")
