"""What else counts when an event of a cascade is taken: who is out now, and who may not be used.

Owns the way from scores and queues to `Circumstances`. Must not decide: the reducer does, and writes them down with it.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.broker.lane import Lane
from controller.health.score import Scores
from controller.types.cascades import LIMITED, Circumstances

NOTHING_ELSE = Circumstances()


class Outlook:
    """Makes circumstances. Cheap: it is asked with every event."""

    def __init__(self, scores: Scores, lanes: Mapping[str, Lane], patience: float) -> None:
        """``patience`` is how long a send may wait for its turn, in seconds."""
        self.scores = scores
        self._lanes = lanes
        self.patience = patience

    def circumstances(self, providers: tuple[str, ...], region: tuple[str, ...], now: float) -> Circumstances:
        """As they are for these providers and a recipient in this region. ``now``: seconds since the epoch."""
        if not self._anybody_waits() and self.scores.nodes.all_open(providers, region, now):
            return NOTHING_ELSE
        avoid: dict[str, str] = {}
        barred: dict[str, str] = {}
        for name in providers:
            if name not in self.scores.targets:
                continue
            gate = self.scores.nodes.closing(name, region, now)
            if gate is not None:
                avoid[name] = gate.why
            lane = self._lanes.get(name)
            if lane is not None and lane.is_full(now, self.patience):
                barred[name] = LIMITED
        return Circumstances(avoid, barred) if avoid or barred else NOTHING_ELSE

    def _anybody_waits(self) -> bool:
        return any(lane.waits for lane in self._lanes.values())
