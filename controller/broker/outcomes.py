"""What outcomes say about providers: from the commands of cascades, and from connections, to the scores.

Owns which evidence reaches the scores of this daemon, and once only: with a store of its own it is told at once, with one
that several daemons share all of them fold the same stream, and so agree within a second. Must not decide about cascades.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from typing import Any

from controller.channels.base import Liveness
from controller.health.node import Change, Row
from controller.health.outcomes import MESSAGE, Outcome, OutcomeClass, classify
from controller.health.readmission import Stage
from controller.health.score import Scores, Target
from controller.messages.cascade import Cascade
from controller.messages.evidence import failed_before
from controller.messages.overdue import Awaited, Overdue
from controller.messages.shared import Seen, read_back
from controller.store.base import Store
from controller.types.cascades import CascadeStatus, ObserveOutcome, SendPhase
from controller.types.messages import Messaging, Provider

#: So many rows of the history are read at once.
BATCH = 2000


def target_of(provider: Provider) -> Target:
    """A provider as the scores know it: who really carries it fails together."""
    return Target(provider.name, (provider.upstream,) if provider.upstream else ())


def targets_of(messaging: Messaging) -> list[Target]:
    """All providers as targets."""
    return [target_of(provider) for provider in messaging.providers.values()]


class Evidence:
    """The way of outcomes into the scores. Times are seconds since the epoch."""

    def __init__(self, scores: Scores, tell: Callable[[Change], None], *, shared: bool = False, read: int = 0) -> None:
        """``tell`` hears of each gate that moves. ``shared``: outcomes come by `fold` alone, from the history of all
        daemons, which was read up to ``read``."""
        self.scores = scores
        self._tell = tell
        self._shared = shared
        self.read = read
        self._followed = False
        self._alive: dict[str, bool] = {}
        self._overdue = Overdue()

    def follow(self, messaging: Messaging) -> None:
        """These are the providers from now on."""
        self.scores.update(targets_of(messaging))
        self._alive = {name: alive for name, alive in self._alive.items() if name in messaging.providers}

    def observe(self, command: ObserveOutcome, cascade: Cascade, now: float) -> None:
        """Take in what a cascade of this daemon says about a provider."""
        if not self._shared:
            terms = cascade.terms
            self._take(Seen(command, terms.region, terms.weight, terms.circumstances), cascade.id, now)

    def _take(self, seen: Seen, cascade_id: str, now: float) -> None:
        command = seen.outcome
        kind = classify(MESSAGE, command.code, command.retry_after)
        if kind is None:
            return
        overdue = bool(command.attempt) and self._overdue.heard(cascade_id, command.attempt)
        outcome = Outcome(
            command.provider,
            kind,
            seen.region,
            seen.weight,
            command.after,
            command.age,
            command.retry_after,
            code=command.code,
            overdue=overdue,
            circumstances=seen.circumstances,
        )
        self._publish(self.scores.observe(outcome, now))

    async def fold(self, store: Store, now: float) -> int:
        """Take in what all daemons wrote since the last time, in the order of the history; how many rows were read.

        Raises `StoreError`.
        """
        if not self._followed:  # a database that was put back, or another one, may not have come so far yet
            last = await store.last_seq()
            self.read, self._followed = min(self.read, last) if self.read else last, True
        rows = await store.outcomes_after(self.read, BATCH)
        for seq, cascade_id, audit in rows:
            self.read = seq
            for seen in read_back(audit.decision):
                self._take(seen, cascade_id, now)
        return len(rows)

    def await_report(self, cascade: Cascade, attempt: int, now: float) -> None:
        """A provider took a send of ours: when its report stays out for too long, that is evidence too. Of this daemon
        alone, until the outcome is there, which all know."""
        send = cascade.send_of(attempt)
        if send is None or send.judged or send.phase is not SendPhase.WAITING:
            return
        terms = cascade.terms
        patience = self.scores.overdue_after(send.provider, terms.region, now)
        if patience < inf:
            after = failed_before(cascade, send)
            awaited = Awaited(
                cascade.id, attempt, send.provider, terms.region, terms.weight, after, now, terms.circumstances
            )
            self._overdue.expect(awaited, patience)

    def let_go(self, cascade: Cascade) -> None:
        """A cascade that is over: what it has not heard by now, it need not hear."""
        if len(self._overdue) and cascade.status is not CascadeStatus.ACTIVE:
            for send in cascade.sends:
                self._overdue.drop(cascade.id, send.attempt)

    def look(self, now: float) -> None:
        """Count what is overdue by now. To be called about twice a second while reports can be taken, and else not."""
        for send in self._overdue.look(now):
            if self.scores.overdue_after(send.provider, send.region, now) == inf:
                continue  # its gate has closed meanwhile
            self._overdue.count(send)
            outcome = Outcome(
                send.provider,
                OutcomeClass.OVERDUE,
                send.region,
                send.weight,
                send.after,
                now - send.since,
                circumstances=send.circumstances,
            )
            self._publish(self.scores.observe(outcome, now))

    def see(self, news: Liveness, now: float) -> None:
        """A connection was lost, or is back: no counting is needed."""
        if news.provider not in self.scores.targets or self._alive.get(news.provider) is news.alive:
            return
        first = news.provider not in self._alive
        self._alive[news.provider] = news.alive
        if first and news.alive and not self._was_lost(news.provider):
            return
        move = self.scores.found if news.alive else self.scores.lost
        self._publish(move(news.provider, now, news.why))

    def _was_lost(self, provider: str) -> bool:
        """Whether another life of ours knew it as lost."""
        node = self.scores.nodes.all.get((provider,))
        return node is not None and node.gate.lost

    def is_alive(self, provider: str) -> bool | None:
        """What its connection says; None for one that has none, or said nothing yet."""
        return self._alive.get(provider)

    def _publish(self, changes: Iterable[Change]) -> None:
        for change in changes:
            self._tell(change)

    def learnt(self, now: float) -> list[dict[str, Any]]:
        """What providers were learnt to differ by: hour, burst, source."""
        return [
            {
                "provider": provider,
                "country": country,
                "circumstance": circumstance,
                "arrive": round(here, 3),
                "usually": round(usual, 3),
                "samples": round(samples, 1),
            }
            for provider, country, circumstance, here, usual, samples in self.scores.learnt(now)
        ]

    def view(self, now: float) -> list[dict[str, Any]]:
        """Rows for a status page, whole providers only; ``apart``: gates of regions, where the whole is open and they are not."""
        rows = self.scores.view(now)
        apart: dict[str, list[Row]] = {}
        for row in rows:
            if row.region and row.state != Stage.OPEN:
                apart.setdefault(row.target, []).append(row)
        return [
            self._show(row, apart.get(row.target, []) if row.state == Stage.OPEN else [])
            for row in rows
            if not row.region
        ]

    def _show(self, row: Row, apart: list[Row]) -> dict[str, Any]:
        return {
            "provider": row.target,
            "gate": row.state,
            "apart": {" ".join(each.region): each.state for each in apart},
            "estimate": round(row.estimate, 3),
            "samples": round(row.samples, 1),
            "alive": self.is_alive(row.target),
            "why": "; ".join(f"{each.state} in {' '.join(each.region)}: {each.why}" for each in apart) or row.why,
        }
