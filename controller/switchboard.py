"""The switchboard: offers in, commands out; which run an event belongs to.

Owns the runs under way and the current dialplan and health view. Pure and synchronous. Deadlines are data: the
driver asks `deadline(run_id)` after each call and arms it in its own heap (a journal would store it in a column).
Must not know SIP, sockets or clocks.
"""

from __future__ import annotations

from math import inf

from controller.health.score import Scores
from controller.rules.conditions import depends_on_offer
from controller.rules.gate import let_in, pass_on, prepare
from controller.rules.match import match_route
from controller.rules.plan import make_plan
from controller.rules.quality import Quality, trunk_targets
from controller.rules.run import Run
from controller.rules.usage import ROOM, Full, Usage
from controller.types import (
    AttemptFailed,
    Chain,
    Dialplan,
    HealthView,
    Offer,
    Plan,
    Route,
    RunCommand,
    RunEvent,
    TrunkLost,
)


class Switchboard:
    """All runs under way, by the id of their offer."""

    def __init__(self, dialplan: Dialplan, scores: Scores | None = None) -> None:
        """``scores`` is what is known of the trunks' quality; without any, nothing."""
        self.dialplan = dialplan
        self.scores = Scores(trunk_targets(dialplan)) if scores is None else scores
        self.usage = Usage(dialplan)
        prepare(dialplan)
        self.runs: dict[str, Run] = {}
        self._view = HealthView()
        self._plans: dict[str, Plan] = {}  # by chain, as long as dialplan and view stay the same

    def swap(self, dialplan: Dialplan) -> None:
        """Route new offers by another dialplan; runs under way keep their plan."""
        self.dialplan = dialplan
        self.scores.update(trunk_targets(dialplan))
        self.usage.update(dialplan)
        prepare(dialplan)
        self._plans.clear()

    def begin(self, offer: Offer, view: HealthView, now: float, chain: Chain | None = None) -> list[RunCommand] | None:
        """Start a run for an offer, by its route, or by a chain that is made for it; None when no route wants it."""
        if chain is not None:
            route: Route | None = Route("", chain.name, outbound=True)
        else:
            route = match_route(self.dialplan, offer)
        if route is None:
            return None
        full = let_in(self.usage, route, offer, now)
        try:
            by = self.dialplan.chains[route.chain] if chain is None else chain
            run = self.runs[offer.id] = Run(self._plan(by, view, offer, full, now, ours=chain is not None))
            return pass_on(run, offer.id, run.begin(now), self.usage, now)
        except Exception:
            self.close(offer.id)  # a fault of ours must not occupy a line for ever
            raise

    def handle(self, run_id: str, event: RunEvent, now: float) -> list[RunCommand]:
        """Give an event to its run; an event for a run that is gone changes nothing."""
        run = self.runs.get(run_id)
        if run is None:
            return []
        if isinstance(event, AttemptFailed):
            self.usage.stop(run_id, event.attempt)
        return pass_on(run, run_id, run.handle(event, now), self.usage, now)

    def lose_trunk(self, trunk: str, now: float) -> list[tuple[str, list[RunCommand]]]:
        """Tell every run that a trunk went down; returns what each of them wants done."""
        lost = TrunkLost(trunk)
        return [(run_id, commands) for run_id in list(self.runs) if (commands := self.handle(run_id, lost, now))]

    def deadline(self, run_id: str) -> float:
        """When the run wants a `DeadlineReached`; infinity for never or for a run that is gone."""
        run = self.runs.get(run_id)
        return run.deadline() if run is not None else inf

    def close(self, run_id: str) -> Run | None:
        """Take a run out, normally once it is finished; what it occupied is free. See `keep_lines`."""
        self.usage.leave(run_id)
        return self.runs.pop(run_id, None)

    def keep_lines(self, run_id: str, winner: int, trunk: str) -> tuple[str, ...]:
        """Before `close`: somebody has answered. What the call occupies from now on, for `Usage.answered`."""
        return self.usage.leave(run_id, winner, trunk)

    def _plan(
        self, chain: Chain, view: HealthView, offer: Offer, full: Full, now: float, *, ours: bool = False
    ) -> Plan:
        quality = Quality(self.scores, now)
        if ours or full is not ROOM or not quality.is_calm() or any(depends_on_offer(stage) for stage in chain.stages):
            return make_plan(self.dialplan, chain, view, offer, quality, full)
        if view is not self._view:
            self._view = view
            self._plans.clear()
        plan = self._plans.get(chain.name)
        if plan is None:
            plan = self._plans[chain.name] = make_plan(self.dialplan, chain, view, offer)
        return plan
