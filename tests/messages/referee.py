"""The referee of cascades: hands in events, and says which promise of docs/cascades.md is broken.

It holds the world as well: what providers have received, and what they would say when asked. So it knows what was
really sent, whatever the cascade believes.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from controller.health.outcomes import MESSAGE, OutcomeClass, classify
from controller.messages.cascade import Cascade, Send, Terms
from controller.messages.ledger import Reduced
from controller.messages.reducer import reduce
from controller.messages.replay import replay
from controller.messages.verdicts import table
from controller.rules.run import Run
from controller.types import NO_ANSWER, Milestone, Plan, Verdict
from controller.types.cascades import (
    Audit,
    CascadeBegun,
    CascadeEvent,
    CascadeStatus,
    Circumstances,
    DueReached,
    FeedbackGiven,
    LookUpSend,
    ObserveOutcome,
    Outcome,
    ReportReceived,
    SendAccepted,
    SendMessage,
    SendPhase,
    SendRefused,
    SendUnclear,
    TellClient,
    WithdrawSend,
)
from tests.messages.playbook import CALM, EPOCH, copy, make_stage, reload

CHANNELS = ("whatsapp", "rcs", "sms", "email", "voice")
PROVIDERS = tuple(f"p{number}" for number in range(1, 7))
DEDUPS = ("none", "none", "lookup", "native")


def make_random(choose: Any) -> Cascade:
    """A random cascade that has not begun; ``choose(options)`` picks one."""
    stages, channels = [], {}
    left = list(PROVIDERS)
    for _ in range(choose((1, 2, 2, 3))):
        channel = choose(CHANNELS)
        names = [left.pop(0) for _ in range(min(choose((1, 2, 2, 3)), len(left)))]
        if not names:
            break
        until = choose((Milestone.ANSWERED,) * 4 + (Milestone.ACCEPTED, Milestone.CONFIRMED))
        stages.append(make_stage(f"{channel}/{','.join(names)}", wait=choose((5.0, 20.0, 20.0, 60.0)), until=until))
        channels.update(dict.fromkeys(names, channel))
    causes = {choose(("503", "undelivered", "blocked")): choose(tuple(Verdict))} if choose((0, 0, 0, 1)) else {}
    terms = Terms(
        expires=EPOCH + choose((30.0, 90.0, 180.0)),
        max_attempts=choose((1, 2, 3, 6, 6)),
        max_cost=choose((None, None, 0.05, 0.1)),
        lease=5.0,
        floors={name: choose((0.0, 1.0, 1.0, 10.0)) for name in channels},
        costs={name: choose((0.01, 0.02, 0.05)) for name in channels},
        upstreams={name: choose(("", "agg-1", "agg-1", "agg-2")) for name in channels},
        dedup={name: choose(DEDUPS) for name in channels},
        channels=channels,
        fanout=tuple(choose((0, 1, 2, 3)) for _ in stages),
    )
    return Cascade("c", "acme", "p", Run(Plan("random", tuple(stages), {}, table(causes))), terms, created=EPOCH)


class Referee:
    """One cascade, what became of it, and what its providers know."""

    def __init__(self, cascade: Cascade, *, twin: bool = True) -> None:
        self.cascade, self.twin, self.now = cascade, twin, EPOCH
        self.history: list[Audit] = []
        self.events: list[tuple[float, CascadeEvent]] = []
        self.pending: list[SendMessage | LookUpSend] = []  # given to the daemon, not yet carried out
        self.handed: Counter[str] = Counter()  # by send key: how often a provider received it
        self.missing: set[str] = set()  # keys that a provider said it does not have
        self.made: Counter[str] = Counter()  # by send key: messages that a person may get
        self.withdrawn: set[str] = set()  # keys that were taken back
        self.finals = 0
        self.seen: Counter[str] = Counter()  # what happened, to know that everything does

    # -- events

    def take(self, event: CascadeEvent, wait: float = 0.0, circumstances: Circumstances = CALM) -> Reduced:
        """Hand an event in, and look at what came of it."""
        self.now += wait
        self.events.append((self.now, event))
        before = copy(self.cascade, self.cascade.dump())
        twin = reload(self.cascade) if self.twin else None
        reduced = reduce(self.cascade, event, self.now, circumstances)
        if twin is not None:
            again = reduce(twin, event, self.now, circumstances)
            assert (again.audit, again.commands) == (reduced.audit, reduced.commands), "a row is not the cascade"
            assert twin.dump() == self.cascade.dump(), "a row is not the cascade"
            assert twin.due == self.cascade.due, "a row wakes at another time"
        self.history += reduced.audit
        self._check(event, before, reduced, circumstances)
        return reduced

    def _check(self, event: CascadeEvent, before: Cascade, reduced: Reduced, circumstances: Circumstances) -> None:
        if not reduced.changed:
            assert not reduced.audit, "history of nothing"
            assert not reduced.commands, "commands of nothing"
            assert self.cascade.dump() == before.dump(), "changed, and not said"
        self._check_commands(before, reduced, circumstances)
        self._check_status(event, before, reduced)
        self._check_due(event, before, reduced)
        self._check_sends()
        self._check_withdrawn(before, reduced)
        if isinstance(event, ReportReceived | SendAccepted | FeedbackGiven | CascadeBegun):
            twice = reduce(copy(self.cascade, self.cascade.dump()), event, self.now, circumstances)
            assert not twice.changed, "the same twice is something new"

    def _check_commands(self, before: Cascade, reduced: Reduced, circumstances: Circumstances) -> None:
        terms = self.cascade.terms
        known = {send.send_key for send in before.sends}
        sends = [command for command in reduced.commands if isinstance(command, SendMessage)]
        assert len(sends) <= 1, "two at once"
        for command in reduced.commands:
            match command:
                case SendMessage(attempt=number, provider=provider, send_key=key):
                    send = self.cascade.send_of(number)
                    assert send is not None, "no intent"
                    assert (send.send_key, send.provider) == (key, provider), "another intent"
                    assert send.phase is SendPhase.SENDING, "no intent"
                    assert self.now < terms.expires, "after the window"
                    assert self.now + terms.floors[provider] <= terms.expires, "too late to arrive"
                    assert not circumstances.refuse, "to who wants no more"
                    if key in known:
                        dedup = terms.dedup[provider]
                        assert dedup != "none", "sent twice where nobody can tell"
                        assert dedup != "lookup" or key in self.missing, "sent twice unasked"
                        self.seen["again"] += 1
                    else:
                        self._check_new(send, before, circumstances)
                    self.pending.append(command)
                case LookUpSend(provider=provider):
                    assert terms.dedup[provider] == "lookup", "asked who cannot say"
                    self.pending.append(command)
                case ObserveOutcome(code=code):
                    assert classify(MESSAGE, code, command.retry_after) is not None, "evidence of nothing"
                case TellClient(final=True):
                    self.finals += 1

    def _check_withdrawn(self, before: Cascade, reduced: Reduced) -> None:
        """With the end, and only then, each phone that may ring for nothing is taken back; nothing else ever is."""
        cascade = self.cascade
        commands = [command for command in reduced.commands if isinstance(command, WithdrawSend)]
        ended = before.status is CascadeStatus.ACTIVE and cascade.status is not CascadeStatus.ACTIVE
        open_ = {
            send.send_key
            for send in cascade.sends
            if cascade.terms.channels[send.provider] == "voice"
            and send.phase is not SendPhase.ENDED
            and (send.attempt != cascade.winner or cascade.reason == "verified")
        }
        assert {command.send_key for command in commands} == (open_ if ended else set()), "taken back wrongly"
        assert len(commands) == len({command.send_key for command in commands}), "taken back twice"
        for command in commands:
            send = cascade.send_of(command.attempt)
            assert send is not None
            assert (send.provider, send.send_key) == (command.provider, command.send_key), "another send is taken back"
            self.withdrawn.add(command.send_key)
            self.seen["withdrawn"] += 1

    def _check_new(self, send: Send, before: Cascade, circumstances: Circumstances) -> None:
        """Rule 5."""
        cascade, terms = self.cascade, self.cascade.terms
        run = cascade.run
        stage = run.attempts[send.attempt].stage
        assert len(cascade.sends) <= terms.max_attempts, "more attempts than agreed"
        of_stage = [s for s in cascade.sends if run.attempts[s.attempt].stage == stage]
        assert not terms.fanout[stage] or len(of_stage) <= terms.fanout[stage], "more providers than agreed"
        assert len({s.provider for s in cascade.sends}) == len(cascade.sends), "a provider twice"
        assert send.provider not in circumstances.barred, "over a limit"
        assert terms.max_cost is None or cascade.cost <= terms.max_cost + 1e-9, "dearer than agreed"
        assert send.attempt > max((s.attempt for s in before.sends), default=0), "an attempt that was before"
        failed = {terms.upstreams[s.provider] for s in cascade.sends[:-1] if _failed(s)} - {""}
        behind = failed and terms.upstreams[send.provider] in failed
        if behind or send.provider in circumstances.avoid:
            tried = {run.path_of(number).trunk for number in run.attempts}
            paths = run.plan.stages[stage].targets[0].paths
            better = [
                path.trunk
                for path in paths
                if path.trunk not in tried
                and path.trunk not in circumstances.avoid
                and terms.upstreams[path.trunk] not in failed
            ]
            assert not better, f"{send.provider} before {better}"
            self.seen["behind"] += 1

    def _check_status(self, event: CascadeEvent, before: Cascade, reduced: Reduced) -> None:
        cascade = self.cascade
        if before.status is not CascadeStatus.ACTIVE:
            assert (cascade.status, cascade.reason, cascade.ended, cascade.winner) == (
                before.status,
                before.reason,
                before.ended,
                before.winner,
            ), "reopened"
            assert not any(isinstance(c, SendMessage | LookUpSend) for c in reduced.commands), "sent after the end"
        assert self.finals == (cascade.status is not CascadeStatus.ACTIVE), "told of the end not once"
        assert cascade.run.finished == (cascade.status is not CascadeStatus.ACTIVE), "the run thinks otherwise"
        sent = None if not isinstance(event, ReportReceived | SendAccepted) else before.send_of(event.attempt)
        if sent is not None and isinstance(event, ReportReceived | SendAccepted) and event.milestone is not None:
            until = cascade.run.plan.stages[before.run.attempts[sent.attempt].stage].until
            assert until is not None
            if event.milestone >= until and before.status is CascadeStatus.ACTIVE:
                assert cascade.status is CascadeStatus.COMPLETED, "delivered, and not completed"
                assert cascade.winner == sent.attempt, "another one won"
        if isinstance(event, FeedbackGiven) and event.outcome is Outcome.VERIFIED:
            assert cascade.verified, "verified, and forgotten"
            if before.status is CascadeStatus.ACTIVE:
                assert cascade.status is CascadeStatus.COMPLETED, "verified, and not completed"
        if isinstance(event, ReportReceived) and event.milestone is None:
            current = before.current()
            if current is None or current.attempt != event.attempt:
                assert cascade.status is before.status, "an old failure ended it"
                assert len(cascade.sends) == len(before.sends), "an old failure moved it"
                self.seen["old failure"] += 1
        if cascade.late and not before.late:
            assert before.status not in (CascadeStatus.ACTIVE, CascadeStatus.COMPLETED), "late, but in time"
            self.seen["late"] += 1

    def _check_due(self, event: CascadeEvent, before: Cascade, reduced: Reduced) -> None:
        cascade = self.cascade
        if cascade.status is not CascadeStatus.ACTIVE:
            assert not reduced.changed or cascade.due is None, "wakes for nothing"
            return
        assert cascade.due is not None, "sleeps for ever"
        assert cascade.due <= cascade.terms.expires, "sleeps past its window"
        current = cascade.current()
        assert current is not None, "waits for nothing"
        if isinstance(event, DueReached) and reduced.changed:
            assert cascade.due > self.now, "wakes at once again"
        was = before.send_of(current.attempt)
        if current.phase is SendPhase.SENDING:
            assert cascade.due <= self.now + cascade.terms.lease, "a send without a lease"
            if was is not None and not isinstance(event, DueReached | SendUnclear | SendRefused):
                assert before.due is not None
                assert cascade.due <= before.due, "somebody else renewed the lease"

    def _check_sends(self) -> None:
        cascade = self.cascade
        for send in cascade.sends:
            attempt = cascade.run.attempts[send.attempt]
            assert send.spent or attempt.milestone is Milestone.NONE, "taken, and yet free"
            if attempt.cause == NO_ANSWER:
                assert send.outcome, "its wait was over, and nothing says so"
                assert send.phase is SendPhase.ENDED, "its wait was over, and nothing says so"
            if send.phase is SendPhase.SENDING:
                assert attempt.milestone is Milestone.NONE, "answered, and still being sent"

    # -- the world

    def carry_out(self, *, refuse: str = "", lose: bool = False) -> SendAccepted | SendRefused | SendUnclear | None:
        """The daemon does what it was told; None if there is nothing. What came back, unless that got lost."""
        if not self.pending:
            return None
        command = self.pending.pop(0)
        key = command.send_key
        if isinstance(command, LookUpSend):
            self.seen["looked up"] += 1
            if lose:
                return SendUnclear(command.attempt, "timeout")
            if self.made[key]:
                return SendAccepted(command.attempt, f"ref-{command.attempt}")
            self.missing.add(key)
            return SendRefused(command.attempt, "404")
        self.handed[key] += 1
        self.missing.discard(key)
        if refuse:
            return SendUnclear(command.attempt, "timeout") if lose else SendRefused(command.attempt, refuse)
        if not (self.made[key] and self.cascade.terms.dedup[command.provider] == "native"):
            self.made[key] += 1
        assert self.made[key] == 1, f"{command.provider} made two messages of {key}"
        return (
            SendUnclear(command.attempt, "timeout") if lose else SendAccepted(command.attempt, f"ref-{command.attempt}")
        )

    def crash(self) -> None:
        """The daemon is gone, with all that it had in mind; the row is what is left."""
        self.pending.clear()
        self.cascade = reload(self.cascade)
        self.seen["crash"] += 1

    def play_out(self) -> int:
        """Nobody says anything any more: it ends by itself. How often it woke."""
        woken = 0
        while self.cascade.due is not None:
            self.take(DueReached(), max(self.cascade.due - self.now, 0.0))
            woken += 1
            assert woken < 200, "never ends"
        return woken

    def check_replay(self) -> None:
        """The history says all that was decided by."""
        result = replay(self.cascade, [_stored(audit) for audit in self.history])
        assert not result.differs, result.differs
        again, was = result.cascade.dump(), self.cascade.dump()
        assert again == was, "another cascade comes out of the record"

    def explain(self) -> str:
        """What happened, for who has to find out."""
        lines = [f"  {when - EPOCH:8.2f} {event}" for when, event in self.events]
        return "\n".join([f"  {self.cascade.terms}", *lines])


def _failed(send: Send) -> bool:
    return bool(send.outcome) and classify(MESSAGE, send.outcome) is OutcomeClass.FAILURE


def _stored(audit: Audit) -> Audit:
    """As it comes back from a store."""
    decision = json.loads(json.dumps(audit.decision))
    return Audit(audit.event, audit.old, audit.new, audit.reason, audit.attempt, audit.provider, decision)


def begin(referee: Referee, circumstances: Circumstances = CALM) -> None:
    """The first event."""
    referee.take(CascadeBegun(), 0.0, circumstances)
