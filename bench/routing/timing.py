"""How long a decision takes: ten routes, warm scores, one process. Microseconds of CPU of this thread.

Each decision is asked for three times; "quiet" is the quickest of the three, the decision's own work, and "met" the first.
On a machine shared with others more than one decision in a hundred is disturbed, and the two differ by what disturbs it.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass
from random import Random
from time import thread_time_ns

from controller.health.choice import Candidate, Ordering
from controller.health.outcomes import Outcome, OutcomeClass
from controller.health.score import Scores, Target


@dataclass(frozen=True)
class Timing:
    """Microseconds."""

    p50: float
    quiet: float  # p99
    met: float  # p99
    observed: float  # p99 of taking an outcome in


def measure(count: int = 10_000, routes: int = 10) -> Timing:
    """Ten routes in thirty places, all of them known."""
    dice = Random(1)
    targets = [Target(f"r{n}", (f"up-{n // 2}",)) for n in range(routes)]
    scores, now, ordering = Scores(targets), 0.0, Ordering("standard", value=0.5)
    candidates = [Candidate(t.name, dice.uniform(0.01, 0.05), 20.0) for t in targets]
    regions = [(f"C{c}", f"C{c}/{o}") for c in range(10) for o in range(3)]
    met, quiet, observations = [], [], []
    gc.collect()
    gc.freeze()  # as the daemon does after its start
    for n in range(count + 2000):
        now += 0.1
        region = dice.choice(regions)
        took = []
        for _ in range(3):
            began = thread_time_ns()
            decision = scores.order(candidates, f"offer-{n}", region, now, ordering)
            took.append((thread_time_ns() - began) / 1000)
        kind = OutcomeClass.SUCCESS if dice.random() < 0.93 else OutcomeClass.FAILURE
        # Any of them, so that all are known.
        outcome = Outcome(decision.order[0] if n % 2 else dice.choice(decision.order), kind, region)
        between = thread_time_ns()
        scores.observe(outcome, now)
        if n >= 2000:
            met.append(took[0])
            quiet.append(min(took))
            observations.append((thread_time_ns() - between) / 1000)
    late = int(count * 0.99)
    return Timing(sorted(met)[count // 2], sorted(quiet)[late], sorted(met)[late], sorted(observations)[late])
