"""The calls that are being set up: what their branches tell becomes events of runs, what runs command becomes branches.

Owns the calls under way, and the records of those that are over. It decides nothing: whom to ring is the run's business,
what the caller may see is the fork's. Requests, and what is not of a call under way, are `embedded`'s.
"""

from __future__ import annotations

from functools import partial
from math import inf

from controller.planes.again import Again
from controller.planes.anchoring import Anchoring
from controller.planes.border.early import hear
from controller.planes.border.redirects import Redirects
from controller.planes.branches import Branches
from controller.planes.call import Attempt, Call
from controller.planes.evidence import Evidence
from controller.planes.record import make_record
from controller.planes.sessions import Sessions
from controller.planes.tries import Legs
from controller.rules.run import Run
from controller.switchboard import Switchboard
from controller.types import (
    CALL_SILENT,
    COMPLETED_ELSEWHERE,
    FORBIDDEN,
    FULL,
    NO_PROGRESS,
    NO_REPLY,
    NOT_SECURE,
    TRANSPORT_ERROR,
    WITHDRAWN,
    AttemptFailed,
    AttemptProgressed,
    CallRecord,
    CancelAttempt,
    DeadlineReached,
    Finish,
    Milestone,
    ReportSilent,
    RunCommand,
    RunEvent,
    StartAttempt,
)
from sip import builder
from sip.element import MAX_DATAGRAM, Element
from sip.fork import BranchAnswered, BranchFailed, BranchProgressed
from sip.timing import Deadlines
from sip.transaction import Hop

NO_BREADTH = "440"  # RFC 5393 §5.3.3: as if the branch had been told so


class Calls:
    """By the id of their offer. ``records`` is for the driver to take."""

    def __init__(
        self,
        element: Element,
        switchboard: Switchboard,
        deadlines: Deadlines,
        evidence: Evidence,
        sessions: Sessions,
        legs: Legs,
        anchoring: Anchoring,
        redirects: Redirects,
    ) -> None:
        self._element = element
        self._switchboard = switchboard
        self._deadlines = deadlines
        self._evidence = evidence
        self._sessions = sessions
        self._legs = legs
        self._anchoring = anchoring
        self._branches = Branches(element, legs)
        self._again = Again(self._branches, redirects, anchoring, switchboard)
        self.by_offer: dict[str, Call] = {}
        self.records: list[CallRecord] = []

    def __len__(self) -> int:
        return len(self.by_offer)

    def begin(self, call: Call, commands: list[RunCommand], now: float) -> None:
        """A call whose run has begun, and what that wants done first."""
        self.by_offer[call.offer.id] = call
        self.execute(call, commands, now)

    def lose_trunk(self, trunk: str, now: float) -> None:
        """Health says that a trunk is down: runs with an unanswered attempt there move on."""
        for run_id, commands in self._switchboard.lose_trunk(trunk, now):
            self.execute(self.by_offer[run_id], commands, now)

    def handle(self, call: Call, event: BranchProgressed | BranchAnswered | BranchFailed, now: float) -> None:
        """A branch of a call under way has something to tell."""
        attempt = call.attempts[event.branch]
        if isinstance(event, BranchFailed):
            if not event.local:  # whoever is asked in his place may be another trunk
                self._evidence.note_life(attempt, now)
            if self._again.handle(call, attempt, event, now):
                if event.status:
                    self.tell(call, AttemptProgressed(event.branch, Milestone.ACCEPTED), now)
                return
            call.spare += attempt.breadth
            attempt.breadth = 0
            self._anchoring.end(call, attempt)
            if not event.status:
                self._evidence.note_failure(attempt, TRANSPORT_ERROR)
            cause = attempt.outcome = str(event.status) if event.status else TRANSPORT_ERROR
            attempt.ended = min(attempt.ended, now)
            if not event.local or not event.status:
                self._evidence.note_sign(call, attempt, cause, now, event.retry_after)
            self.tell(call, AttemptFailed(event.branch, cause), now)
            return
        self._evidence.note_life(attempt, now)
        if attempt.tries is not None and (isinstance(event, BranchAnswered) or event.status > 100):
            attempt.tries.let_in()
        if isinstance(event, BranchProgressed):
            alerting = 180 <= event.status < 190
            if alerting:
                if attempt.rang is None:
                    attempt.rang = now
                self._evidence.note_sign(call, attempt, str(event.status), now)
            milestone = Milestone.ALERTING if alerting else Milestone.ACCEPTED
            self.tell(call, AttemptProgressed(event.branch, milestone), now)
        else:
            self._evidence.note_sign(call, attempt, "200", now)
            self.tell(call, AttemptProgressed(event.branch, Milestone.ANSWERED), now)

    def tell(self, call: Call, event: RunEvent, now: float) -> None:
        """Something happened to a call: its run says what to do."""
        self.execute(call, self._switchboard.handle(call.offer.id, event, now), now)

    def execute(self, call: Call, commands: list[RunCommand], now: float) -> None:
        """Do what a run wants."""
        try:
            self._obey(call, commands, now)
        except Exception:  # a fault of ours: neither a caller nor a line may wait for ever
            for branch in tuple(call.context.branches):
                call.context.cancel_branch(branch, None, now)
            call.context.respond(500, now)
            self._forget(call, None)
            raise
        finally:
            self._arm(call)

    def _obey(self, call: Call, commands: list[RunCommand], now: float) -> None:
        for command in commands:
            if isinstance(command, StartAttempt):
                self._start(call, command, now)
            elif isinstance(command, CancelAttempt):
                attempt = call.attempts[command.attempt]
                attempt.outcome = command.why
                attempt.ended = now
                if command.why in (NO_REPLY, NO_PROGRESS) and not attempt.waiting:
                    self._evidence.note_sign(call, attempt, command.why, now)
                self._cancel(call, command, now)
            elif isinstance(command, ReportSilent):
                if not call.attempts[command.attempt].waiting:  # else nobody was asked yet
                    self._evidence.note_failure(call.attempts[command.attempt], CALL_SILENT)
            elif isinstance(command, Finish):
                self._finish(call, command, now)

    def _cancel(self, call: Call, command: CancelAttempt, now: float) -> None:
        attempt = call.attempts[command.attempt]
        if attempt.waiting:
            attempt.dropped = True
            call.spare += attempt.breadth
            attempt.breadth = 0
            call.context.consider(408)
        else:
            call.context.cancel_branch(command.attempt, self._reason_for(call, command.why), now)

    def _start(self, call: Call, command: StartAttempt, now: float) -> None:
        path, element = command.path, self._element
        attempt = call.attempts[command.attempt] = Attempt(path, command.trial, now)
        hop = call.hops.get(path.trunk)
        if hop is None or hop[2:] not in element.listeners:
            self._deadlines.arm(now, self._on_not_sent, call, command.attempt, TRANSPORT_ERROR)
            return
        if call.is_sips and hop.transport != "tls":
            call.context.consider(480)
            self._deadlines.arm(now, self._on_not_sent, call, command.attempt, NOT_SECURE)
            return
        if not call.spare:
            call.context.consider(440)
            self._deadlines.arm(now, self._on_not_sent, call, command.attempt, NO_BREADTH)
            return
        attempt.breadth = min(call.share, call.spare)
        call.spare -= attempt.breadth
        leg = self._branches.leg_of(path.name, command.trial)
        self._anchoring.begin(call, attempt, leg, partial(self._send, call, command, hop), now)

    def _send(self, call: Call, command: StartAttempt, hop: Hop, now: float) -> None:
        """The INVITE of an attempt leaves."""
        attempt, trunk = call.attempts[command.attempt], call.trunks.get(command.path.trunk)
        run = self._switchboard.runs[call.offer.id]
        back = hear(call, command.attempt, run.plan.stages[run.attempts[command.attempt].stage].early_media)
        request = self._branches.make_invite(call, attempt, hop)
        if trunk is not None and trunk.large_over_tcp and len(request.encode()) > MAX_DATAGRAM:
            listener = self._element.listener_for(hop.host, "tcp", hop)
            if listener is not None:
                attempt.fallback = request, hop, attempt.tries
                hop = Hop(hop.host, hop.port, "tcp", listener)
                request = self._branches.make_invite(call, attempt, hop)
        call.context.add_branch(command.attempt, request, hop, now, back, attempt.owner)

    def _finish(self, call: Call, command: Finish, now: float) -> None:
        context = call.context
        if command.winner is not None:
            self._sessions.begin(call, command.winner, context.branches[command.winner].answer, now)
            context.respond_with(command.winner, now)
            tries = call.attempts[command.winner].tries
            if tries is not None:
                self._legs.note(tries)
        elif command.cause == WITHDRAWN:
            context.respond(487, now)
        elif command.cause in (FULL, FORBIDDEN):
            refusal = self._switchboard.runs[call.offer.id].plan.refusal
            context.respond(refusal.status if refusal is not None else 503, now)
        else:
            context.respond_best(now)
        run = self._forget(call, command.winner)
        if run is not None:
            self.records.append(make_record(call, run, command, now))

    def _forget(self, call: Call, winner: int | None) -> Run | None:
        """A call is decided."""
        self.by_offer.pop(call.offer.id, None)
        self._anchoring.finish(call, winner)
        call.context.user = None  # what its losers still have to say is the fork's business alone
        return self._switchboard.close(call.offer.id)

    def _reason_for(self, call: Call, why: str) -> str | None:
        """Losers of a win log no missed call; a caller's own reason is passed on; a timeout says nothing."""
        if why == COMPLETED_ELSEWHERE:
            return builder.COMPLETED_ELSEWHERE
        return call.reason if why == WITHDRAWN else None

    def _arm(self, call: Call) -> None:
        deadline = self._switchboard.deadline(call.offer.id)
        if deadline == call.deadline:
            return
        if call.ticket is not None:
            Deadlines.cancel(call.ticket)
            call.ticket = None
        call.deadline = deadline
        if deadline != inf:
            call.ticket = self._deadlines.arm(deadline, self._on_deadline, call)

    def _on_deadline(self, now: float, call: Call) -> None:
        call.ticket = None
        call.deadline = inf
        self.tell(call, DeadlineReached(), now)

    def _on_not_sent(self, now: float, call: Call, attempt: int, cause: str) -> None:
        self.tell(call, AttemptFailed(attempt, cause), now)
