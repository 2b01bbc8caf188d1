"""One test of a message, played: the planner plans, the reducer reduces, providers do as they are told.

Owns the course of it in virtual time. Decides nothing: planner, reducer and scores are those of the broker. What a request
meets before it is planned (limits, people who want nothing) is not played.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from typing import Any

from controller.health.outcomes import MESSAGE, Outcome, classify
from controller.health.score import Scores, Target
from controller.messages.cascade import Cascade
from controller.messages.planning import Planned, Planner, Unplannable
from controller.messages.reducer import reduce
from controller.messages.region import REPORT, Number, read_recipient, with_operator
from controller.messages.request import Request
from controller.rules.run import Run
from controller.scenario.calls import Seen
from controller.scenario.read import Case
from controller.scenario.states import State
from controller.types import Dialplan, Milestone
from controller.types.cascades import (
    LIMITED,
    REJECTED,
    UNDELIVERED,
    CascadeBegun,
    CascadeEvent,
    CascadeStatus,
    Circumstances,
    DueReached,
    LookUpSend,
    ObserveOutcome,
    ReportReceived,
    SendAccepted,
    SendMessage,
    SendRefused,
    SendUnclear,
)
from controller.types.messages import Messaging, RouteClass

#: How fast providers are where a test does not say, seconds: to take a message, and to deliver it.
TAKES, DELIVERS = 0.2, 2.0
#: After so long an adapter gives up a provider that says nothing, as a share of the lease.
_PATIENCE = 0.9


def play_message(case: Case, dialplan: Dialplan) -> Seen:
    """Play a test of a message."""
    messaging = dialplan.messaging
    assert messaging is not None
    return _Play(case, messaging, dialplan.version).run()


class _Play:
    """A cascade, its providers, and a heap of what comes."""

    def __init__(self, case: Case, messaging: Messaging, version: str) -> None:
        self._case, self._messaging = case, messaging
        self._begun = self._now = case.moment
        self._states: dict[str, State] = {}
        targets = [
            Target(each.name, (each.upstream,) if each.upstream else ()) for each in messaging.providers.values()
        ]
        self._scores = Scores(targets)
        self._planner = Planner(messaging, self._scores, version)
        self._heap: list[tuple[float, int, str, CascadeEvent]] = []
        self._count = count()
        self._seen = Seen()

    def run(self) -> Seen:
        """All of it."""
        for change in self._case.given:
            self._change(change.members, change.state)
        try:
            planned = self._plan()
        except Unplannable as error:
            self._seen.status, self._seen.reason, self._seen.over = CascadeStatus.REFUSED.value, str(error), 0.0
            return self._seen
        self._note("the request", f"asks for {planned.cascade}")
        for step, provider, cause, why in planned.audit().decision["excluded"]:
            self._note(provider or f"step {step}", f"left out: {why} ({cause})")
        cascade = Cascade("test", self._request().tenant, "", Run(planned.plan), planned.terms, created=self._now)
        if planned.refusal:
            cascade.status, cascade.reason, cascade.ended = CascadeStatus.REFUSED, planned.refusal, self._now
        else:
            self._play(cascade)
        return self._look(cascade)

    def _play(self, cascade: Cascade) -> None:
        changes = list(self._case.timeline)
        self._put(self._now, "", CascadeBegun())
        while cascade.status is CascadeStatus.ACTIVE:
            due = cascade.due if cascade.due is not None else float("inf")
            first = self._heap[0][0] if self._heap else float("inf")
            next_at = min(due, first)
            if changes and self._begun + changes[0].at <= next_at:
                change = changes.pop(0)
                self._now = max(self._now, self._begun + change.at)
                self._note(change.name, f"becomes {change.state.word}")
                self._change(change.members, change.state)
                continue
            if next_at == float("inf"):
                return  # nothing comes any more: the window would have ended it
            self._now = next_at
            if first <= due:
                _, _, words, event = heappop(self._heap)
                if words:
                    self._note(*words.split(" ", 1))
            else:
                event = DueReached()
            self._take(cascade, event)

    def _take(self, cascade: Cascade, event: CascadeEvent) -> None:
        reduced = reduce(cascade, event, self._now, self._circumstances(cascade))
        for audit in reduced.audit:
            if audit.event in ("withheld", "timed_out"):
                self._note(audit.provider, f"{audit.event.replace('_', ' ')} {audit.reason}".rstrip())
        for command in reduced.commands:
            if isinstance(command, SendMessage):
                self._note(
                    command.provider, f"is sent it by {command.channel}, step {cascade.step_of(command.attempt)}"
                )
                self._seen.tried.append(command.provider)
                self._answer(command.provider, command.attempt, cascade.terms.lease)
            elif isinstance(command, LookUpSend):
                self._put(self._now + TAKES, "", SendUnclear(command.attempt, "timeout"))
            elif isinstance(command, ObserveOutcome):
                self._observe(command, cascade)

    # -- providers

    def _answer(self, provider: str, attempt: int, lease: float) -> None:
        """What a provider that is handed a message will say."""
        state = self._states.get(provider) or State("delivers")
        took, word = self._now + TAKES, state.word
        if word == "silent":
            self._put(self._now + _PATIENCE * lease, f"{provider} says nothing", SendUnclear(attempt, "timeout"))
            return
        if word in ("refuses", "down"):
            cause = state.cause or (REJECTED if word == "refuses" else "503")
            self._put(took, f"{provider} refuses it: {cause}", SendRefused(attempt, cause))
            return
        self._put(took, f"{provider} takes it", SendAccepted(attempt, f"ref-{attempt}"))
        late = max(took, self._now + (DELIVERS if state.after is None else state.after))
        if word == "fails":
            cause = state.cause or UNDELIVERED
            self._put(late, f"{provider} reports: {cause}", ReportReceived(attempt, None, cause))
        elif word in ("delivers", "reads", "full"):
            self._put(late, f"{provider} reports: delivered", ReportReceived(attempt, Milestone.ANSWERED))
            if word == "reads":
                self._put(late, f"{provider} reports: read", ReportReceived(attempt, Milestone.CONFIRMED))

    def _change(self, members: tuple[str, ...], state: State) -> None:
        for provider in members:
            self._states[provider] = state
            if state.word == "down":
                self._scores.lost(provider, self._now, "the test says so")

    def _circumstances(self, cascade: Cascade) -> Circumstances:
        avoid = self._scores.nodes.closings(tuple(cascade.terms.channels), cascade.terms.region, self._now)
        barred: dict[str, str] = {}
        for provider in cascade.terms.channels:
            if provider in self._states and self._states[provider].word == "full":
                barred[provider] = LIMITED
        return Circumstances(avoid, barred)

    def _observe(self, command: ObserveOutcome, cascade: Cascade) -> None:
        kind = classify(MESSAGE, command.code, command.retry_after)
        if kind is not None:
            terms = cascade.terms
            about: dict[str, Any] = {"code": command.code, "circumstances": terms.circumstances}
            outcome = Outcome(
                command.provider,
                kind,
                terms.region,
                terms.weight,
                command.after,
                command.age,
                command.retry_after,
                **about,
            )
            self._scores.observe(outcome, self._now)

    # -- the request

    def _request(self) -> Request:
        asked = self._case.message
        assert asked is not None
        route_class = RouteClass.PREMIUM if asked.premium else RouteClass.STANDARD
        return Request(
            asked.tenant,
            phone=asked.to or "",
            email=asked.email or "",
            cascade=asked.cascade,
            use_case=asked.use_case,
            route_class=route_class,
        )

    def _plan(self) -> Planned:
        asked = self._case.message
        assert asked is not None
        number: Number | None = None
        if asked.to is not None:
            number = read_recipient(asked.to)
            if asked.operator:
                number = with_operator(number, asked.operator, REPORT)
        return self._planner.plan(self._request(), number, asked.risk, "test", self._now)

    # -- what came of it

    def _put(self, when: float, words: str, event: CascadeEvent) -> None:
        heappush(self._heap, (when, next(self._count), words, event))

    def _note(self, who: str, what: str) -> None:
        self._seen.ladder.append((self._now - self._begun, who, what))

    def _look(self, cascade: Cascade) -> Seen:
        seen = self._seen
        seen.status, seen.reason, seen.cost = cascade.status.value, cascade.reason, cascade.cost
        seen.over = cascade.ended - self._begun if cascade.status is not CascadeStatus.ACTIVE else None
        send = cascade.send_of(cascade.winner)
        if send is not None:
            seen.winner, seen.step = send.provider, cascade.step_of(send.attempt)
            seen.channel = str(cascade.terms.channels[send.provider])
        because = f": {seen.reason}" if seen.reason else ""
        self._note("the request", f"is {seen.status}{because}")
        return seen
