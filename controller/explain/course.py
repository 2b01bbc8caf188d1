"""The course that a route takes for one offer: what has room, the plan, and how that plays out.

Owns the order in which the functions that carry calls are asked: gate, plan, run. `answer` says all of it, `outlook` the
short of it. Decides nothing, and leaves what is counted, and what is known of quality, as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from controller.explain.play import Step, fail, make_wait, play, stay_silent
from controller.rules.gate import let_in
from controller.rules.plan import make_plan
from controller.rules.quality import Quality
from controller.rules.usage import Full, Usage
from controller.types import FORBIDDEN, FULL, Dialplan, HealthView, Offer, Plan, Route

NO_CIRCUIT_STATUS = 503  # all trunks turned out to be full
NOBODY_STATUS = 480  # what the caller gets when phones rang and nobody answered, or nobody was to be rung


@dataclass(frozen=True, slots=True)
class Course:
    """A plan, and its attempts in three cases. Times in seconds after the offer."""

    plan: Plan
    full: Full
    order: tuple[Step, ...]  # each fails at once
    worst: tuple[Step, ...]  # every way but the last makes the caller wait, then it rings, and nobody answers
    silent: tuple[Step, ...]  # nothing is heard of anybody; () where that was not asked for
    over_after: float  # of `worst`
    status: int  # what the caller is told when nobody is left


def foresee(
    dialplan: Dialplan,
    route: Route,
    offer: Offer,
    view: HealthView,
    quality: Quality,
    usage: Usage,
    now: float,
    *,
    silence: bool = False,
) -> Course:
    """What would become of an offer that takes this route. ``now`` is that of the usage, which stays as it is."""
    usage = usage.copy()
    full = let_in(usage, route, offer, now)
    with quality.undone():
        plan = make_plan(dialplan, dialplan.chains[route.chain], view, offer, quality, full)
    played = partial(play, plan, usage, offer.id, now)
    order, _, cause = played(fail)
    worst, over_after, _ = played(make_wait)
    silent = played(stay_silent)[0] if silence else []
    return Course(plan, full, tuple(order), tuple(worst), tuple(silent), over_after, _status(plan, cause))


def _status(plan: Plan, cause: str) -> int:
    if cause not in (FULL, FORBIDDEN):
        return NOBODY_STATUS
    return plan.refusal.status if plan.refusal is not None else NO_CIRCUIT_STATUS
