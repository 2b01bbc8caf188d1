"""A planned cascade played in no time: each send is answered at once, as somebody says.

Owns the answers: all are refused, or all are taken and never reported on. Planner and reducer are those that carry
messages; nothing is sent, stored or learnt. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from controller.health.score import Scores
from controller.messages.cascade import Cascade
from controller.messages.planning import Planned
from controller.messages.reducer import reduce
from controller.rules.run import Run
from controller.types import TRANSPORT_ERROR, Milestone
from controller.types.cascades import (
    CascadeBegun,
    CascadeCommand,
    CascadeEvent,
    CascadeStatus,
    Circumstances,
    DueReached,
    SendAccepted,
    SendMessage,
    SendRefused,
    SendUnclear,
)

MOST = 1000  # turns: no cascade has so many, and a slip of ours must not hang whoever asks


class Sent(NamedTuple):
    """A send: ``at`` seconds after the request."""

    at: float
    step: int  # as the dialplan counts them, from 1
    provider: str


class Played(NamedTuple):
    """What came of it."""

    sends: tuple[Sent, ...]
    over_after: float  # seconds after the request
    status: CascadeStatus
    reason: str


Answer = Callable[[Cascade, SendMessage], CascadeEvent]


def refuse(_cascade: Cascade, command: SendMessage) -> CascadeEvent:
    """Nobody takes it."""
    return SendRefused(command.attempt, TRANSPORT_ERROR)


def keep_waiting(dead: Collection[str] = ()) -> Answer:
    """Everybody takes it and is never heard of again, but for who is ``dead``, and refuses."""

    def answer(cascade: Cascade, command: SendMessage) -> CascadeEvent:
        if command.provider in dead:
            return refuse(cascade, command)
        stage = cascade.run.plan.stages[cascade.run.attempts[command.attempt].stage]
        if stage.until is not None and stage.until <= Milestone.ACCEPTED:  # to take it would be success
            return SendUnclear(command.attempt, TRANSPORT_ERROR)
        return SendAccepted(command.attempt)

    return answer


def out_now(scores: Scores, providers: Iterable[str], region: tuple[str, ...], now: float) -> Circumstances:
    """The providers that others come before, as the broker has it."""
    return Circumstances(scores.nodes.closings(tuple(providers), region, now))


def play(planned: Planned, now: float, circumstances: Circumstances, answer: Answer) -> Played:
    """Take a planned request to its end. ``now``: seconds since the epoch, when it was accepted."""
    if planned.refusal:
        return Played((), 0.0, CascadeStatus.REFUSED, planned.refusal)
    begin, cascade = now, Cascade("played", "", "", Run(planned.plan), planned.terms, created=now)
    sends: list[Sent] = []
    events: list[CascadeEvent] = [CascadeBegun()]
    for _ in range(MOST):
        if not events:
            if cascade.status is not CascadeStatus.ACTIVE or cascade.due is None:
                break
            now = max(now, cascade.due)
            events.append(DueReached())
        for command in _messages(reduce(cascade, events.pop(0), now, circumstances).commands):
            send = cascade.send_of(command.attempt)
            if send is None or not send.asked:  # else the same once more
                sends.append(Sent(now - begin, cascade.step_of(command.attempt), command.provider))
            events.append(answer(cascade, command))
    return Played(tuple(sends), cascade.ended - begin, cascade.status, cascade.reason)


def _messages(commands: Iterable[CascadeCommand]) -> list[SendMessage]:
    return [command for command in commands if isinstance(command, SendMessage)]
