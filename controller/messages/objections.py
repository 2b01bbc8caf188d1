"""Why a message may not be sent now, by this provider or at all.

Owns rule 5: enough time left, attempts, money, nothing in the way. Must not know what comes next: the run's verdicts do.
"""

from __future__ import annotations

from controller.messages.cascade import Cascade
from controller.types.cascades import ENOUGH, LIMITED, MAX_ATTEMPTS, MAX_COST, NO_TIME, Circumstances

_DUST = 1e-9  # sums of costs are floats


def object_to(
    cascade: Cascade, attempt: int, provider: str, now: float, circumstances: Circumstances
) -> tuple[str, str] | None:
    """The cause and a sentence, or None if it may be sent."""
    terms = cascade.terms
    if circumstances.refuse:
        return circumstances.refuse, "nothing more may be sent"
    if not in_time(cascade, provider, now):
        left, floor = max(terms.expires - now, 0.0), terms.floors.get(provider, 0.0)
        return NO_TIME, f"{left:.1f} s left, and {provider} takes {floor:.1f} s at least"
    if len(cascade.sends) >= terms.max_attempts:
        return MAX_ATTEMPTS, f"{terms.max_attempts} attempts were made"
    stage = cascade.run.attempts[attempt].stage
    most = terms.fanout[stage] if stage < len(terms.fanout) else 0
    if most and sum(cascade.run.attempts[send.attempt].stage == stage for send in cascade.sends) >= most:
        return ENOUGH, f"step {cascade.step_of(attempt)} has had {most} providers"
    if provider in circumstances.barred:
        return LIMITED, circumstances.barred[provider]
    if terms.max_cost is not None:
        cost = terms.costs.get(provider, 0.0)
        if cascade.cost + cost > terms.max_cost + _DUST:
            return MAX_COST, f"{cascade.cost:.4f} spent, {provider} costs {cost:.4f}, the limit is {terms.max_cost:.4f}"
    return None


def in_time(cascade: Cascade, provider: str, now: float) -> bool:
    """Whether what this provider is given now can arrive within the window."""
    terms = cascade.terms
    return now < terms.expires and now + terms.floors.get(provider, 0.0) <= terms.expires
