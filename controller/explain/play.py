"""A plan played in no time: each attempt is answered at once, as somebody says.

Owns the answers that explanations are made of: all fail, all make the caller wait, or all are silent. The run and the gate before it are
those that carry calls.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from controller.rules.gate import pass_on
from controller.rules.run import Run
from controller.rules.usage import Usage
from controller.types import (
    TRANSPORT_ERROR,
    AttemptFailed,
    AttemptProgressed,
    DeadlineReached,
    Milestone,
    Plan,
    RunCommand,
    RunEvent,
    StartAttempt,
)


@dataclass(frozen=True, slots=True)
class Step:
    """An attempt: ``at`` seconds after the call came in. ``rings``: somebody's phone does, but nobody answers."""

    at: float
    path: str
    rings: bool


_Answer = Callable[[Run, StartAttempt], list[RunEvent]]


def fail(_run: Run, command: StartAttempt) -> list[RunEvent]:
    return [AttemptFailed(command.attempt, TRANSPORT_ERROR)]


def make_wait(run: Run, command: StartAttempt) -> list[RunEvent]:
    """What makes the caller wait longest: a word, but no ringing; and on the last way to somebody ringing, no answer.

    What health takes for dead is believed to be.
    """
    if command.path.name in passed_over(run.plan):
        return fail(run, command)
    events: list[RunEvent] = [AttemptProgressed(command.attempt, Milestone.ACCEPTED)]
    if _is_last_way(run, command.attempt):
        events.append(AttemptProgressed(command.attempt, Milestone.ALERTING))
    return events


def stay_silent(_run: Run, _command: StartAttempt) -> list[RunEvent]:
    """Not a word from anybody, so that hedges decide who is tried beside whom."""
    return []


def _is_last_way(run: Run, number: int) -> bool:
    attempt = run.attempts[number]
    dead = passed_over(run.plan)
    paths = run.plan.stages[attempt.stage].targets[attempt.target].paths
    return all(path.name in dead for path in paths[attempt.path + 1 :])


def passed_over(plan: Plan) -> set[str]:
    """The paths over trunks that are routed around."""
    return set() if plan.panic else {skipped.what for skipped in plan.skipped}


def play(plan: Plan, usage: Usage, offer_id: str, begin: float, answer: _Answer) -> tuple[list[Step], float, str]:
    """Run a plan to its end in no time; the attempts in order, when it was over, and its cause."""
    run, now, usage = Run(plan), begin, usage.copy()
    steps: list[Step] = []
    commands = pass_on(run, offer_id, run.begin(now), usage, now)

    def handle(event: RunEvent) -> list[RunCommand]:
        if isinstance(event, AttemptFailed):
            usage.stop(offer_id, event.attempt)
        return pass_on(run, offer_id, run.handle(event, now), usage, now)

    while True:
        events: deque[RunEvent] = deque()
        while True:
            for command in commands:
                if isinstance(command, StartAttempt):
                    reply = answer(run, command)
                    events.extend(reply)
                    steps.append(Step(now - begin, command.path.name, rings=_rings(reply)))
            if not events:
                break
            commands = handle(events.popleft())
        if run.finished:
            return steps, now - begin, run.cause
        now = run.deadline()
        commands = handle(DeadlineReached())


def _rings(events: Iterable[RunEvent]) -> bool:
    return any(isinstance(event, AttemptProgressed) and event.milestone is Milestone.ALERTING for event in events)
