"""Deep probes: test calls that find a trunk which answers OPTIONS and yet carries no calls.

Owns when a trunk is called to try, how each call is ended, and what its outcome says.
Must not touch a socket or read a clock, and must not say what becomes of a trunk with a verdict: that is
`controller.health.board`. The driver's part is as with `controller.probes`.

Rules

* A test call is a real one: an INVITE with an offer in a client transaction of RFC 3261 §17.1.1, retransmitted over UDP.
* Every one is ended: a 2xx, however late and however many, by ACK and BYE; a call without final by CANCEL, which waits
  for the first 1xx (§9.1); other finals by the ACK of the transaction. Nothing is left at the far end but what never
  heard of us.
* Only responses with our own unguessable branch, in our dialog, from the address that was asked, count.
* `FAILURES` failed calls in a row are a verdict; the second comes soon after the first. One success ends it. One failure
  alone says too little: somebody else may have called the test number.
* A call that is not answered at all counts only while the detector has the trunk alive; otherwise that is its business.
* A trunk that is DOWN is not called; one that comes back is, soon.
* A drill is a test call that an operator asks for: the next one, made now, even to a trunk that is DOWN. One that is under way
  serves. Health takes its outcome as it takes any other's.
* The outcome of each is told (`Exercised`), once.
* One call per trunk at a time, and `MAX_AT_ONCE` in all that have no outcome yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from controller.credentials import Accounts
from controller.health.board import Board, spread_by_name
from controller.health.detector import Detector, next_beat
from controller.testcall import Bye, Call, Watch, ends_of, make_invite, once_more, via_of
from controller.types import (
    CALL_RESPONSE,
    DEEP_FAILED,
    TRANSPORT_ERROR,
    Exercised,
    Sample,
    TargetState,
    Transition,
)
from sip import builder
from sip.account import Tried
from sip.element import Element
from sip.layer import TransactionLayer
from sip.message import Response
from sip.timing import Deadlines, Timing
from sip.transaction import (
    Event,
    Hop,
    ResponseReceived,
    TransactionEnded,
    TransactionTimedOut,
    TransactionUnreachable,
)

#: Who judges, for `Board.set_verdict`.
SOURCE = "deep"

FAILURES = 2

#: After a first failure, or while the trunk is DOWN, the next call is tried so soon, seconds.
CONFIRM_AFTER = 10.0

#: First calls are spread over one interval, but over no more than this, seconds.
MAX_SPREAD = 60.0

MAX_AT_ONCE = 8

#: A timer that comes later than this (seconds) tells of a loop that was stalled: the answer may lie unread.
MAX_LAG = 0.1

#: So many dialogs of one test call are released at most: a forger has many tags.
MAX_RELEASED = 8

News = Transition | Exercised


class DeepProber:
    """Calls all trunks of a board that have a test number, without I/O."""

    def __init__(
        self,
        board: Board,
        hops: Mapping[str, Hop],
        element: Element,
        token: Callable[[], str],
        now: float,
        timing: Timing | None = None,
        accounts: Accounts | None = None,
    ) -> None:
        """``hops`` has the resolved address of each trunk by name, ``token`` makes unguessable tokens."""
        self._accounts = accounts or Accounts(element.cnonce_of)
        self._board = board
        self._element = element
        self._token = token
        self._deadlines = Deadlines()
        self._layer = TransactionLayer(self._deadlines, timing)
        self._watches: dict[str, Watch] = {}
        self._open: set[Call] = set()  # without an outcome
        self._waiting: dict[str, None] = {}  # trunks whose call is due when there is room; an ordered set
        self._news: list[News] = []
        for detector in board.detectors():
            self._watch(detector, hops, now)

    @property
    def outbox(self) -> list[tuple[bytes, Hop]]:
        """What the transport must send; the driver clears it."""
        return self._layer.outbox

    def __len__(self) -> int:
        """How many transactions there are; none is left of calls that are over."""
        return len(self._layer)

    def update(self, hops: Mapping[str, Hop], now: float) -> list[News]:
        """Follow the board after `Board.update`, or addresses that changed: calls that nobody wants any more are ended,
        and what they said is forgotten."""
        before, self._watches = self._watches, {}
        for detector in self._board.detectors():
            trunk = detector.trunk
            watch = before.get(trunk.name)
            if watch is not None and _is_same(watch, detector, hops):
                self._watches[trunk.name] = before.pop(trunk.name)
            else:
                self._watch(detector, hops, now)
        for name, watch in before.items():
            self._let_go(watch, now)
            self._news += self._board.set_verdict(name, SOURCE, None, "its test number is another one, or none", now)
        return self._take_news(now)

    def drill(self, trunk: str, now: float) -> bool:
        """Have a trunk called as soon as `handle_timer` comes, and its outcome told as that of a drill; False if there is
        nobody to call: it has no test number, or no address yet."""
        watch = self._watches.get(trunk)
        if watch is None:
            return False
        watch.drill = True
        if watch.call is None:
            self._arm(watch, now)
        elif watch.call.judged:
            watch.due = now
        return True

    def close(self, now: float) -> None:
        """End all calls: nobody will be there to hear their outcome."""
        for watch in self._watches.values():
            self._let_go(watch, now)
        self._watches.clear()

    # ------------------------------------------------------------------ time

    def next_deadline(self) -> float:
        """When `handle_timer` is next to be called; infinity for never."""
        return self._deadlines.next_deadline()

    def handle_timer(self, now: float) -> list[News]:
        """Make the calls that are due, and give up those that took too long."""
        self._deadlines.fire_due(now)
        return self._take_news(now)

    def _on_due(self, now: float, name: str) -> None:
        watch = self._watches.get(name)
        if watch is None or watch.call is not None:
            return
        if watch.detector.state is TargetState.DOWN and not watch.drill:
            self._arm(watch, now + CONFIRM_AFTER)
        elif len(self._open) >= MAX_AT_ONCE:
            self._waiting[name] = None
        else:
            self._place(watch, now)

    def _place(self, watch: Watch, now: float) -> None:
        self._waiting.pop(watch.detector.trunk.name, None)
        token = self._token()
        invite = make_invite(watch.detector.trunk, watch.deep.user, self._element.listeners[watch.hop[2:]], token)
        call = watch.call = Call(watch, invite, (invite.call_id, invite.cseq[0], invite.from_tag), now)
        self._open.add(call)
        call.ticket = self._deadlines.arm(now + watch.deep.within, self._on_late, call, now + watch.deep.within)
        self._send(call, now)

    def _send(self, call: Call, now: float) -> None:
        account = self._accounts.find(_name(call))
        if account is not None:
            account.dress(call.invite, call.tried)
        call.dialog = call.invite.call_id, call.invite.cseq[0], call.invite.from_tag
        call.transaction = self._layer.request(call.invite, call.watch.hop, now, call)

    def _on_late(self, now: float, call: Call, when: float) -> None:
        call.ticket = None
        if now - when > MAX_LAG:  # what lies unread is read first
            call.ticket = self._deadlines.arm(now + MAX_LAG, self._on_late, call, now + MAX_LAG)
            return
        self._judge_silence(call, now)
        self._give_up(call, now)

    # ------------------------------------------------------------------ what comes back

    def handle_response(self, response: Response, source: Hop, now: float) -> tuple[bool, list[News]]:
        """Take in a response. Returns whether it was ours to deal with, and what it changed; a spoofed one is ours and
        changes nothing."""
        transaction = self._layer.find_client(response)
        if transaction is None:
            return False, []
        call = transaction.user
        spoofed = source != transaction.hop
        if isinstance(call, Call):
            spoofed |= (response.call_id, response.cseq[0], response.from_tag) != call.dialog
        if not spoofed:
            self._layer.receive_response(response, source, now)
        return True, self._take_news(now)

    def unreachable(self, branch: str, now: float) -> list[News]:
        """The transport could not deliver the packet with this Via branch."""
        self._layer.transport_failed(branch, now)
        return self._take_news(now)

    def disconnected(self, hop: Hop, now: float) -> list[News]:
        """The connection to ``hop`` is lost."""
        self._layer.disconnected(hop, now)
        return self._take_news(now)

    def _take_news(self, now: float) -> list[News]:
        self._layer.drain(self._on_event, now)
        news, self._news = self._news, []
        return news

    def _on_event(self, event: Event, now: float) -> None:
        call = getattr(event, "user", None)
        if isinstance(call, Bye) and isinstance(event, ResponseReceived):
            self._say_goodbye_again(call, event.response, now)
        if not isinstance(call, Call):
            return  # a CANCEL or a BYE: that it was sent is all there is to it
        if isinstance(event, ResponseReceived):
            self._on_response(call, event.response, now)
        elif isinstance(event, TransactionUnreachable):
            self._news += self._board.observe(Sample(_name(call), alive=False, code=TRANSPORT_ERROR), now)
            self._judge(call, None, "it cannot be reached", now)
            self._end(call, now)
        elif isinstance(event, TransactionTimedOut):
            self._judge_silence(call, now)
            self._end(call, now)
        elif isinstance(event, TransactionEnded):
            self._end(call, now)
            call.transaction = None

    def _on_response(self, call: Call, response: Response, now: float) -> None:
        status = response.status
        if not call.status:
            sample = Sample(_name(call), alive=True, code=CALL_RESPONSE, latency=now - call.sent)
            if self._watches.get(_name(call)) is call.watch:
                self._news += self._board.observe(sample, now)
            call.status = status
            if status < 200 and call.given_up:
                self._cancel(call, now)
        call.status = max(call.status, status)
        if status < 200 or (status in (401, 407) and self._try_again(call, response, now)):
            return
        account = self._accounts.find(_name(call))
        if account is not None and status not in (401, 407):
            account.refusals = 0
        if status < 300:
            self._release(call, response, now)
        expected = (200 if status < 300 else status) in call.watch.deep.expect
        self._judge(call, expected, f"{status} after {now - call.sent:.2g} s", now)
        self._end(call, now)

    def _try_again(self, call: Call, response: Response, now: float) -> bool:
        """Answer a challenge. False if it is the outcome of the call."""
        account = self._accounts.find(_name(call))
        if account is None or call.given_up or call.judged:
            return False
        why = account.learn(response, call.tried)
        if why:
            self._accounts.note_refusal(_name(call), why)
            return False
        if call.transaction is not None:
            call.transaction.user = None  # what is left of it is its own business
        call.invite = once_more(call.invite, self._via(call.watch.hop))
        call.status = 0
        self._send(call, now)
        return True

    def _say_goodbye_again(self, bye: Bye, response: Response, now: float) -> None:
        if response.status in (401, 407) and not bye.account.learn(response, bye.tried):
            self._say_goodbye(Bye(bye.account, once_more(bye.request, self._via(bye.hop)), bye.hop, bye.tried), now)

    def _say_goodbye(self, bye: Bye, now: float) -> None:
        bye.account.dress(bye.request, bye.tried)
        self._layer.request(bye.request, bye.hop, now, bye)

    # ------------------------------------------------------------------ outcomes

    def _judge(self, call: Call, good: bool | None, what: str, now: float) -> None:
        """Tell the outcome of a call, once. None: health learns nothing by it."""
        if call.judged:
            return
        self._settle(call, now)
        watch, name = call.watch, _name(call)
        self._tell(watch, bool(good), what, now, now - call.sent)
        watch.due = next_beat(name, watch.first, watch.deep.every, now)
        if good:
            watch.failed = 0
            why = f"a test call to {watch.deep.user} went well: {what}"
            self._news += self._board.set_verdict(name, SOURCE, None, why, now)
            return
        if good is None or watch.failed + 1 < FAILURES:
            watch.due = min(watch.due, now + CONFIRM_AFTER)
        if good is None:
            return
        watch.failed += 1
        if watch.failed >= FAILURES:
            why = f"{watch.failed} test calls to {watch.deep.user} in a row failed: {what}"
            self._news += self._board.set_verdict(name, SOURCE, DEEP_FAILED, why, now)

    def _judge_silence(self, call: Call, now: float) -> None:
        within = f"{call.watch.deep.within:g} s"
        if call.status:
            self._judge(call, False, f"no final response within {within}, only {call.status}", now)
        else:
            alive = call.watch.detector.state in (TargetState.UP, TargetState.UNKNOWN)
            self._judge(call, False if alive else None, f"no response at all within {within}", now)

    def _tell(self, watch: Watch, passed: bool | None, what: str, now: float, seconds: float) -> None:
        self._news.append(Exercised(watch.detector.trunk.name, passed, what, now, seconds, watch.drill))
        watch.drill = False

    def _settle(self, call: Call, now: float) -> None:
        """Nothing more is wanted of a call but that it ends; the next in line may begin."""
        call.judged = True
        self._open.discard(call)
        if call.ticket is not None:
            Deadlines.cancel(call.ticket)
            call.ticket = None
        while self._waiting and len(self._open) < MAX_AT_ONCE:
            name = next(filter(self._is_drill, self._waiting), None) or next(iter(self._waiting))
            del self._waiting[name]
            self._on_due(now, name)

    def _is_drill(self, name: str) -> bool:
        """Somebody sits there and waits for it."""
        return name in self._watches and self._watches[name].drill

    def _end(self, call: Call, now: float) -> None:
        """The INVITE of a call has its final, or never will."""
        watch = call.watch
        if watch.call is call:
            watch.call = None
            if self._watches.get(_name(call)) is watch:
                self._arm(watch, max(watch.due, now))

    # ------------------------------------------------------------------ ends of calls

    def _let_go(self, watch: Watch, now: float) -> None:
        """Watch a trunk no longer."""
        Deadlines.cancel(watch.ticket)
        self._waiting.pop(watch.detector.trunk.name, None)
        if watch.drill:
            self._tell(watch, None, "called off: the trunk or its test number is another one now", now, 0.0)
        if watch.call is not None:
            call = watch.call
            if not call.judged:
                self._settle(call, now)
            self._give_up(call, now)

    def _give_up(self, call: Call, now: float) -> None:
        if not call.given_up:
            call.given_up = True
            if 0 < call.status < 200:
                self._cancel(call, now)

    def _cancel(self, call: Call, now: float) -> None:
        if call.transaction is not None:
            self._layer.request(builder.make_cancel(call.invite, None), call.transaction.hop, now, None)
            # RFC 3261 §9.1: a peer that never answers the CANCEL with a 487 is done after 64 x T1 all the same
            self._deadlines.arm(now + self._layer.timing.t1x64, self._on_no_final, call)

    def _on_no_final(self, now: float, call: Call) -> None:
        if call.transaction is not None:
            self._layer.abandon(call.transaction, now)

    def _release(self, call: Call, answer: Response, now: float) -> None:
        """ACK each 2xx, hang up once in each dialog."""
        tag = answer.to_tag
        again = tag in call.acks
        if again:
            self._layer.send_stateless(*call.acks[tag])
        if again or len(call.acks) == MAX_RELEASED:
            return
        hop, trunk = call.watch.hop, call.watch.detector.trunk
        ack, bye = ends_of(answer, call.invite, hop, self._element, self._token, nat=trunk.nat)
        call.acks[tag] = ack
        self._layer.send_stateless(*ack)
        account = self._accounts.find(_name(call))
        if account is None:
            self._layer.request(*bye, now, None)
        else:
            self._say_goodbye(Bye(account, *bye, Tried()), now)

    def _via(self, hop: Hop) -> str:
        return via_of(self._element.listeners[hop[2:]], self._token())

    # ------------------------------------------------------------------ trunks

    def _watch(self, detector: Detector, hops: Mapping[str, Hop], now: float) -> None:
        trunk, hop = detector.trunk, hops.get(detector.trunk.name)
        if trunk.deep is None or hop is None or hop[2:] not in self._element.listeners:
            return
        first = now + spread_by_name(trunk.name) * min(trunk.deep.every, MAX_SPREAD)
        ticket = self._deadlines.arm(first, self._on_due, trunk.name)
        self._watches[trunk.name] = Watch(detector, trunk.deep, hop, first, ticket)

    def _arm(self, watch: Watch, when: float) -> None:
        Deadlines.cancel(watch.ticket)
        watch.ticket = self._deadlines.arm(when, self._on_due, watch.detector.trunk.name)


def _name(call: Call) -> str:
    return call.watch.detector.trunk.name


def _is_same(watch: Watch, detector: Detector, hops: Mapping[str, Hop]) -> bool:
    trunk = detector.trunk
    return watch.detector is detector and watch.deep == trunk.deep and watch.hop == hops.get(trunk.name)
