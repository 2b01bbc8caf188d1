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
        avoid = self.scores.nodes.closings(providers, region, now)
        barred = {
            name: LIMITED
            for name in providers
            if (lane := self._lanes.get(name)) is not None and lane.jobs and lane.is_full(now, self.patience)
        }
        return Circumstances(avoid, barred) if avoid or barred else NOTHING_ELSE
