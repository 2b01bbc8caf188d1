"""Which of a target's paths goes first, as far as it depends on what calls over their trunks came to.

Owns the translation between paths and the candidates of `health.score`, which knows neither. A path whose trunk is
out for its failures goes behind the others, or comes first for a single call that tries it; only `order: best` lets a
better trunk overtake a good one. Must not remember anything.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from controller.health.choice import CONFIGURED, Candidate, Ordering, Seen
from controller.health.score import Scores, Target
from controller.types import Decided, Dialplan, Offer, Order, Stage
from controller.types import Target as Ringing

#: `order: best`: a call that comes through is worth so many times what the dearest of its ways costs, in whatever unit.
WORTH = 50.0


def trunk_targets(dialplan: Dialplan) -> list[Target]:
    """What the scores are to know of the trunks: their names, and what each fails together with."""
    return [
        Target(
            trunk.name,
            tuple(
                f"{kind} {name}"
                for kind, name in (("carrier", trunk.carrier), ("site", trunk.site), ("name", trunk.group))
                if name
            ),
        )
        for trunk in dialplan.trunks.values()
    ]


class Quality:
    """What is known of the trunks at one moment."""

    __slots__ = ("_now", "_scores")

    def __init__(self, scores: Scores, now: float) -> None:
        self._scores = scores
        self._now = now

    def undone(self) -> AbstractContextManager[None]:
        """For questions: no trunk takes the lead, and no single call is spent on one that was out, once this is left."""
        return self._scores.undone()

    def is_calm(self) -> bool:
        """Whether every trunk may have all calls, so that only `order: best` has anything to choose."""
        return not self._scores.troubled(self._now)

    def sort(self, dialplan: Dialplan, stage: Stage, number: int, target: Ringing, offer: Offer) -> Decided | None:
        """The order of a target's paths, by trunk; None where the given one stands without asking."""
        best = stage.order is Order.BEST
        if not best and self.is_calm():
            return None
        trunks = dict.fromkeys(path.trunk for path in target.paths)
        candidates = [Candidate(name, dialplan.trunks[name].cost, stage.no_progress) for name in trunks]
        ordering = _best_for(target.endpoint, candidates) if best else CONFIGURED
        decision = self._scores.order(candidates, offer.id, (), self._now, ordering)
        record = decision.record
        if not best and decision.order == tuple(trunks):
            return None
        why = "; ".join(_show(seen) for seen in record.seen)
        return Decided(target.endpoint, number, decision.order, record.how, why, record.plain())


def _best_for(endpoint: str, candidates: list[Candidate]) -> Ordering:
    """Each endpoint has a leader of its own. Calls are no guinea pigs: no exploration."""
    dearest = max(candidate.cost for candidate in candidates)
    return Ordering(f"best {endpoint}", value=WORTH * dearest or 1.0, explore=0.0)


def _show(seen: Seen) -> str:
    return f"{seen.target} {seen.p:.0%}" + (f" {seen.state}: {seen.why}" if seen.state != "open" else "")
