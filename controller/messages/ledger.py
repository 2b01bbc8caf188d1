"""The ledger of one event: what is written down, what is told, what is to be done.

Owns the words of audits and of what tenants hear. Must not decide: that is the reducer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from math import inf
from typing import Any

from controller.messages.cascade import Cascade, Send, step_number
from controller.messages.evidence import observe
from controller.rules.attempt import AttemptState
from controller.types import Milestone
from controller.types.cascades import (
    Audit,
    CascadeCommand,
    CascadeStatus,
    LookUpSend,
    SendMessage,
    SendPhase,
    TellClient,
    WithdrawSend,
)
from controller.types.messages import Channel

#: What a milestone is called in the history, and to the tenant.
NAMES = {
    Milestone.NONE: "seen",
    Milestone.ACCEPTED: "accepted",
    Milestone.ALERTING: "sent",
    Milestone.ANSWERED: "delivered",
    Milestone.CONFIRMED: "read",
}


_ACTIVE, _OPEN = CascadeStatus.ACTIVE, AttemptState.OPEN


@dataclass(slots=True)
class Reduced:
    """What came of an event. Commands are carried out after the row is committed, never before."""

    audit: list[Audit] = field(default_factory=list)
    commands: list[CascadeCommand] = field(default_factory=list)
    changed: bool = True  # the row must be written


class Ledger:
    """Writes down what becomes of one cascade by one event."""

    __slots__ = ("cascade", "leased", "now", "out", "place")

    def __init__(self, cascade: Cascade, now: float) -> None:
        self.cascade, self.now = cascade, now
        self.out = Reduced()
        self.place = place(cascade)
        self.leased = False  # a send got its lease, or got it anew

    def note(
        self, event: str, send: Send | None = None, reason: str = "", *, attempt: int = 0, provider: str = ""
    ) -> None:
        """One line of the history."""
        old, self.place = self.place, place(self.cascade)
        if send is not None:
            attempt, provider = send.attempt, send.provider
        self.out.audit.append(Audit(event, old, self.place, reason, attempt, provider))

    def tell(self, event: str, send: Send | None, reason: str = "", *, final: bool = False) -> None:
        """Something that the tenant may want to hear."""
        details: dict[str, Any] = {"reason": reason} if reason else {}
        if send is not None:
            channel = self.cascade.terms.channels[send.provider]
            details |= {"attempt": send.attempt, "step": self.cascade.step_of(send.attempt), "channel": channel}
        self.out.commands.append(TellClient(event, final, details))

    def observe(self, send: Send, code: str, retry_after: float = 0.0) -> None:
        """Evidence for health, if it is any and new."""
        self.out.commands += observe(self.cascade, send, code, self.now, retry_after)

    def hand_over(self, send: Send) -> None:
        """To the provider, once this is durable; from now on the lease runs."""
        terms = self.cascade.terms
        channel = Channel(terms.channels[send.provider])
        sender = terms.senders.get(send.provider, "")
        wait = max(self.cascade.run.attempts[send.attempt].ring_at - self.now, 0.0)
        self.out.commands.append(
            SendMessage(send.attempt, send.provider, channel, send.send_key, terms.expires, sender, wait)
        )
        self.leased = True

    def look_up(self, send: Send) -> None:
        """Ask the provider whether it has it; the lease runs anew."""
        self.out.commands.append(LookUpSend(send.attempt, send.provider, send.send_key))
        self.leased = True

    def withdraw(self, send: Send) -> None:
        """Take it back from the provider."""
        self.note("withdrawn", send)
        self.out.commands.append(WithdrawSend(send.attempt, send.provider, send.send_key))

    def close(self) -> None:
        """Say when the cascade wants to be looked at again."""
        cascade = self.cascade
        send, lease_until = cascade.current(), inf
        if send is not None and send.phase is SendPhase.SENDING:
            renewed = self.leased or cascade.due is None
            lease_until = self.now + cascade.terms.lease if renewed else cascade.due or inf
        cascade.due = cascade.next_due(lease_until)


def place(cascade: Cascade) -> str:
    """Where a cascade is, for people: its status, or its step and how far that is."""
    if cascade.status is not _ACTIVE:
        return cascade.status._value_
    for attempt in reversed(cascade.run.attempts.values()):
        if attempt.state is _OPEN:  # as `Cascade.current` has it, without the way there: it is asked for every line
            send = cascade.send_of(attempt.id)
            return "active" if send is None else _spell(step_number(cascade.run.plan, attempt.stage), send.phase)
    return "active"


@cache
def _spell(step: int, phase: SendPhase) -> str:
    return f"step {step} {phase.value}"


def words(cause: str, code: str) -> str:
    """A cause, and what the provider called it."""
    return f"{cause} ({code})" if code and code != cause else cause
