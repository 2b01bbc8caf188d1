"""The reducer: one cascade, one event, now -> what changed, what is told, what is to be done.

Owns rules 1 to 7 of cascades (docs/cascades.md). `rules.run.Run` decides whom to try next; here stands only what outlives a
process: intents, leases, reports that come late, money, the window. Must not read clocks, stores or health.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import assert_never

from controller.messages.cascade import Cascade, Send
from controller.messages.evidence import DELIVERED, READ, bringer, failed_upstreams, prove
from controller.messages.ledger import NAMES, Ledger, Reduced, words
from controller.messages.objections import in_time, object_to
from controller.messages.record import record
from controller.messages.shared import write_down
from controller.rules.attempt import AttemptState
from controller.types import (
    WITHDRAWN,
    AttemptFailed,
    AttemptProgressed,
    DeadlineReached,
    Finish,
    Milestone,
    OfferWithdrawn,
    Path,
    RunCommand,
    RunEvent,
    StartAttempt,
)
from controller.types.cascades import (
    NO_PROVIDER,
    NO_TIME,
    TIMEOUT,
    UNCLEAR,
    CascadeBegun,
    CascadeCancelled,
    CascadeEvent,
    CascadeStatus,
    Circumstances,
    DueReached,
    FeedbackGiven,
    Outcome,
    ReportReceived,
    SendAccepted,
    SendPhase,
    SendRefused,
    SendUnclear,
)
from controller.types.messages import WITHDRAWABLE, Dedup

__all__ = ["Reduced", "reduce"]

STALLED = 10.0  # seconds: who looks after a wait so late was not there (stopped, suspended, its clock set) to hear
MAX_ASKED = 5  # a daemon that dies of a message must not try it for ever
_NOT_SURE = frozenset(("", TIMEOUT))  # outcomes of which the provider may still know better


def reduce(cascade: Cascade, event: CascadeEvent, now: float, circumstances: Circumstances) -> Reduced:
    """Take one event. ``cascade`` is changed in place.

    The first audit of what changed holds the event itself, so that the history replays (`messages.replay`), and what
    it told health, for the other daemons.
    """
    reduction = _Reduction(cascade, now, circumstances)
    reduction.take(event)
    out = reduction.ledger.out
    if out.audit:
        out.audit[0].decision.update(record(event, now, circumstances), **write_down(out.commands, cascade.terms))
    return out


class _Reduction:
    """One event on its way through a cascade. What takes an event says whether it changed anything."""

    __slots__ = ("cascade", "circumstances", "ledger", "listened", "now", "run", "why")

    def __init__(self, cascade: Cascade, now: float, circumstances: Circumstances) -> None:
        self.cascade, self.run, self.now, self.circumstances = cascade, cascade.run, now, circumstances
        self.ledger = Ledger(cascade, now)
        self.listened = True  # reports could have come until now
        self.why = ""  # why the last attempt was withheld, or failed

    def take(self, event: CascadeEvent) -> None:
        """Dispatch, then say when to look again."""
        match event:
            case SendAccepted():
                changed = self._on_accepted(event)
            case ReportReceived():
                changed = self._on_report(event)
            case DueReached():
                changed = self._on_due(event)
            case CascadeBegun():
                changed = self._begin()
            case SendRefused():
                changed = self._on_refused(event)
            case SendUnclear():
                changed = self._on_unclear(event)
            case FeedbackGiven():
                changed = self._on_feedback(event)
            case CascadeCancelled():
                changed = self._on_cancelled()
            case _:
                assert_never(event)
        self.ledger.out.changed = changed
        if changed:
            self.ledger.close()

    # -- events

    def _begin(self) -> bool:
        if self.run.attempts or self._is_over():
            return False
        self.ledger.note("begun")
        self.run.avoid(self._avoided())
        self._follow(self.run.begin(self.now))
        return True

    def _on_accepted(self, event: SendAccepted) -> bool:
        send = self.cascade.send_of(event.attempt)
        if send is None:
            return False
        known = self.run.attempts[send.attempt].milestone
        if event.ref in ("", send.ref) and known >= event.milestone and send.phase is not SendPhase.SENDING:
            return False  # twice
        send.ref, send.spent, send.looking = event.ref or send.ref, True, False
        send.cost = send.cost if event.cost is None else event.cost
        if send.phase is SendPhase.SENDING:
            send.phase = SendPhase.WAITING
        self.ledger.note("accepted", send)
        if known is Milestone.NONE and not self._is_over():
            self.ledger.tell("sent", send)
        self._progress(send, event.milestone, told=True)
        return True

    def _on_refused(self, event: SendRefused) -> bool:
        send = self.cascade.send_of(event.attempt)
        if send is None or self._is_known(send) or _is_overtaken(event, send):
            return False
        if send.looking and self._is_current(send) and self._may_send_again(send):
            send.looking = False  # the provider was asked, and does not have it
            self._send_again(send, "not found")
            return True
        cause = NO_TIME if send.looking else event.cause
        self._end(send, cause)
        send.spent = False
        self.ledger.note("refused", send, words(cause, event.code))
        self.ledger.observe(send, cause, event.retry_after)
        self._fail(send, cause)
        return True

    def _on_unclear(self, event: SendUnclear) -> bool:
        send = self.cascade.send_of(event.attempt)
        if send is None or send.phase is not SendPhase.SENDING or _is_overtaken(event, send):
            return False
        self.ledger.note("unclear", send, event.cause)
        self.ledger.observe(send, event.cause)
        if send.asked or not self._is_current(send) or not self._find_out(send, event.cause):
            self._assume_sent(send)
        return True

    def _on_report(self, event: ReportReceived) -> bool:
        send = self.cascade.send_of(event.attempt)
        if send is None:
            return False  # it is about nothing that was ever sent
        known = self.run.attempts[send.attempt].milestone
        if event.milestone is None:
            if known >= Milestone.ANSWERED or send.outcome not in _NOT_SURE:
                return False  # against what is known, or twice
        elif event.milestone <= known:
            return False
        send.spent = True
        send.cost = send.cost if event.cost is None else event.cost
        if event.milestone is not None:
            if send.phase is SendPhase.SENDING:  # before the answer to it: the provider has it
                send.phase, send.looking = SendPhase.WAITING, False
            self.ledger.note(NAMES[event.milestone], send)
            self._progress(send, event.milestone, told=known >= Milestone.ACCEPTED)
            return True
        cause = event.cause or UNCLEAR
        self._end(send, cause)
        self.ledger.note("not_delivered", send, words(cause, event.code))
        self.ledger.observe(send, cause)
        self._fail(send, cause)
        return True

    def _on_feedback(self, event: FeedbackGiven) -> bool:
        cascade, held = self.cascade, event.outcome is Outcome.VERIFIED
        if cascade.verified or (cascade.failed and not held):
            return False
        cascade.verified, cascade.failed = held, cascade.failed or not held
        send = bringer(cascade)
        if send is not None:
            self.ledger.out.commands += prove(cascade, send, self.now, held=held)
        self.ledger.note("verified" if held else "not_verified", send)
        if held and not self._is_over():
            cascade.winner = 0 if send is None else send.attempt
            self._close(CascadeStatus.COMPLETED, "verified")
        elif held:
            cascade.late = cascade.late or cascade.status is not CascadeStatus.COMPLETED
            self.ledger.tell("verified", send)
        return True

    def _on_cancelled(self) -> bool:
        if self._is_over():
            return False
        self._close(CascadeStatus.CANCELLED, WITHDRAWN)
        return True

    def _on_due(self, event: DueReached) -> bool:
        """The wait of a step, the end of the window, a lease that is over, or a daemon that is gone."""
        if self._is_over():
            return False
        self.listened = not event.recovered
        send, due = self.cascade.current(), self.cascade.due
        sending = send if send is not None and send.phase is SendPhase.SENDING else None
        if self.run.deadline() <= self.now:
            self._feed(DeadlineReached())
        elif self.now >= self.cascade.terms.expires:
            pass
        elif sending is not None and event.recovered:
            if not self._find_out(sending, "whoever sent it is gone"):
                self._assume_sent(sending)
        elif due is not None and self.now < due:
            return False  # too early
        elif sending is not None:
            self.ledger.leased = True  # the adapter takes its time: whoever is alive renews the lease
        if not self._is_over() and self.now >= self.cascade.terms.expires:
            self._close(CascadeStatus.EXHAUSTED, NO_TIME)
        return True

    # -- one send

    def _progress(self, send: Send, milestone: Milestone, *, told: bool) -> None:
        """It got so far. Enough of it completes the cascade, whichever step it is of, and once. ``told``: that the provider
        has it, which is "sent" to the tenant, and is told once."""
        enough, over = milestone >= self._until(send), self._is_over()
        if milestone >= Milestone.ANSWERED:
            self._end(send, DELIVERED)
            self.ledger.observe(send, READ if milestone >= Milestone.CONFIRMED else DELIVERED)
        if enough and not over:
            self.cascade.winner = send.attempt
            if not self._is_current(send):  # out of order: it had failed, or its time was over
                self.run.handle(OfferWithdrawn(), self.now)
            self.run.handle(AttemptProgressed(send.attempt, milestone), self.now)
            self._conclude(CascadeStatus.COMPLETED, "")
            self._withdraw(but=send.attempt)
            return
        late = enough and self.cascade.status is not CascadeStatus.COMPLETED
        self._feed(AttemptProgressed(send.attempt, milestone))
        if over and late:
            self.cascade.late = True
            self.ledger.note("late_delivered", send)
            self.ledger.tell("late_delivered", send)
        elif milestone > Milestone.ALERTING or not told:
            self.ledger.tell(NAMES[max(milestone, Milestone.ALERTING)], send)

    def _time_out(self, send: Send) -> None:
        """Its wait is over. If nobody of ours listened meanwhile, the provider is not blamed."""
        if send.outcome != DELIVERED:  # but not read
            self._end(send, TIMEOUT)
            if self.listened and self.now - self.run.deadline() < STALLED:
                self.ledger.observe(send, TIMEOUT)
        self.ledger.note("timed_out", send)
        self.why = TIMEOUT

    def _find_out(self, send: Send, why: str) -> bool:
        """Rule 2: learn by the send key what became of it; False if that cannot be done."""
        dedup = self.cascade.terms.dedup.get(send.provider, Dedup.NONE)
        if send.asked >= MAX_ASKED or dedup == Dedup.NONE:
            return False
        if dedup == Dedup.NATIVE:
            if not self._may_send_again(send):
                return False
            self._send_again(send, why)
            return True
        send.asked += 1
        send.looking = True
        self.ledger.note("asked", send, why)
        self.ledger.look_up(send)
        return True

    def _may_send_again(self, send: Send) -> bool:
        return not self.circumstances.refuse and in_time(self.cascade, send.provider, self.now)

    def _send_again(self, send: Send, why: str) -> None:
        """With the same key: the provider knows it, or has nothing that bears it."""
        send.asked += 1
        self.ledger.note("sent_again", send, why)
        self.ledger.hand_over(send)

    def _assume_sent(self, send: Send) -> None:
        """It may be on its way: its wait decides, and nothing is sent twice."""
        send.phase, send.looking = SendPhase.WAITING, False
        self.ledger.note("assumed_sent", send)

    def _end(self, send: Send, outcome: str) -> None:
        send.phase, send.outcome, send.ended, send.looking = SendPhase.ENDED, outcome, self.now, False

    def _fail(self, send: Send, cause: str) -> None:
        """Of the current attempt alone; what is said of older ones is history."""
        if not self._is_over() and self._is_current(send):
            self.why = cause
            self._feed(AttemptFailed(send.attempt, cause))

    def _is_known(self, send: Send) -> bool:
        """Whether the provider has spoken of it, so that a refusal is a contradiction."""
        return send.outcome not in _NOT_SURE or self.run.attempts[send.attempt].milestone > Milestone.NONE

    def _is_current(self, send: Send) -> bool:
        return self.run.attempts[send.attempt].state is AttemptState.OPEN

    def _until(self, send: Send) -> Milestone:
        plan = self.run.plan
        until = plan.stages[self.run.attempts[send.attempt].stage].until
        return plan.until if until is None else until

    # -- the run

    def _feed(self, event: RunEvent) -> None:
        """Let the run think. What is due by now is due whatever it is told."""
        send = self.cascade.current()
        if send is not None and self.run.deadline() <= self.now and not isinstance(event, AttemptFailed):
            self._time_out(send)
        self.run.avoid(self._avoided())
        self._follow(self.run.handle(event, self.now))

    def _avoided(self) -> Iterable[str]:
        """Providers that others come before: rule 5 wants another upstream than the one that failed, if there is one."""
        failed = failed_upstreams(self.cascade)
        if not failed:
            return self.circumstances.avoid
        upstreams = self.cascade.terms.upstreams
        return {*self.circumstances.avoid, *(name for name, upstream in upstreams.items() if upstream in failed)}

    def _follow(self, commands: list[RunCommand]) -> None:
        """Do what the run wants, but for sends that something speaks against: those have failed before they began."""
        queue = deque(commands)
        while queue:
            match queue.popleft():
                case StartAttempt(attempt=number, path=path):
                    objection = object_to(self.cascade, number, path.trunk, self.now, self.circumstances)
                    if objection is None:
                        self._send(number, path)
                        continue
                    self.why = objection[0]
                    self.ledger.note("withheld", reason=": ".join(objection), attempt=number, provider=path.trunk)
                    queue.extend(self.run.handle(AttemptFailed(number, self.why), self.now))
                case Finish(winner=None) if not self._is_over():
                    status = CascadeStatus.EXHAUSTED if self.cascade.sends else CascadeStatus.REFUSED
                    self._conclude(status, self.why or NO_PROVIDER)
                case _:
                    pass  # nothing is cancelled or hedged, and success is told by `_progress`

    def _send(self, number: int, path: Path) -> None:
        """Rule 1: the intent, which is durable before the provider hears of it."""
        cascade = self.cascade
        key = f"{cascade.id}:{cascade.step_of(number)}:{number}"
        cost = cascade.terms.costs.get(path.trunk, 0.0)
        send = Send(number, path.trunk, key, self.now, cost=cost, spent=True)
        if cascade.sends:
            self.ledger.tell("advanced", send, self.why)
        cascade.sends.append(send)
        self.ledger.note("sending", send, self.circumstances.avoid.get(path.trunk, ""))
        self.ledger.hand_over(send)

    # -- the end

    def _is_over(self) -> bool:
        return self.cascade.status is not CascadeStatus.ACTIVE

    def _close(self, status: CascadeStatus, reason: str) -> None:
        """It is over, whatever the run had in mind."""
        self.run.handle(OfferWithdrawn(), self.now)
        self._conclude(status, reason)
        self._withdraw()

    def _withdraw(self, but: int = 0) -> None:
        """Take back what is under way by channels that can: a phone must not ring for a code that is of no use."""
        channels = self.cascade.terms.channels
        for send in self.cascade.sends:
            if send.attempt != but and send.phase is not SendPhase.ENDED and channels[send.provider] in WITHDRAWABLE:
                self.ledger.withdraw(send)

    def _conclude(self, status: CascadeStatus, reason: str) -> None:
        cascade = self.cascade
        cascade.status, cascade.reason, cascade.ended = status, reason, self.now
        send = cascade.send_of(cascade.winner)
        self.ledger.note(status._value_, send, reason)
        self.ledger.tell(status._value_, send, reason, final=True)


def _is_overtaken(event: SendRefused | SendUnclear, send: Send) -> bool:
    """It speaks of the time before somebody else took the send over, whose answer is still to come."""
    return 0 <= event.asked < send.asked
