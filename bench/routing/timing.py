"""How long a decision takes: ten routes, warm scores, one process. Microseconds of CPU of this thread.

Not wall clock: on a machine shared with others more than one decision in a hundred is interrupted for a time slice.
"""

from __future__ import annotations

import gc
from random import Random
from time import thread_time_ns

from controller.health.choice import Candidate, Ordering
from controller.health.outcomes import Outcome, OutcomeClass
from controller.health.score import Scores, Target


def measure(count: int = 20_000, routes: int = 10) -> tuple[float, float, float, float]:
    """p50 and p99 of a decision, p50 and p99 of an observation."""
    dice = Random(1)
    targets = [Target(f"r{n}", (f"up-{n // 2}",)) for n in range(routes)]
    scores, now, ordering = Scores(targets), 0.0, Ordering("standard", value=0.5)
    candidates = [Candidate(t.name, dice.uniform(0.01, 0.05), 20.0) for t in targets]
    regions = [(f"C{c}", f"C{c}/{o}") for c in range(10) for o in range(3)]
    decisions, observations = [], []
    gc.collect()
    gc.freeze()  # as the daemon does after its start
    for n in range(count + 2000):
        now += 0.1
        region = dice.choice(regions)
        began = thread_time_ns()
        decision = scores.order(candidates, f"offer-{n}", region, now, ordering)
        decided = thread_time_ns()
        kind = OutcomeClass.SUCCESS if dice.random() < 0.93 else OutcomeClass.FAILURE
        # Any of them, so that all are known.
        outcome = Outcome(decision.order[0] if n % 2 else dice.choice(decision.order), kind, region)
        between = thread_time_ns()
        scores.observe(outcome, now)
        if n >= 2000:
            decisions.append((decided - began) / 1000)
            observations.append((thread_time_ns() - between) / 1000)
    decisions.sort()
    observations.sort()
    middle, late = count // 2, int(count * 0.99)
    return decisions[middle], decisions[late], observations[middle], observations[late]
