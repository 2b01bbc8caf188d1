"""What would become of a request, and why: the planner's answer as plain data.

Owns the shape of that data. It asks the very planner that plans, without leaving a trace, and the reducer that carries it
out, in no time. Holds no number, address or text.
"""

from __future__ import annotations

from typing import Any

from controller.health.choice import Record, Seen
from controller.messages.planning import Choice, Planned, Planner
from controller.messages.play import keep_waiting, out_now, play, refuse
from controller.messages.region import Number
from controller.messages.request import Request
from controller.types.messages import Messaging

#: How an order came about, in words.
HOW = {
    "alone": "there is nobody else",
    "as written": "as the dialplan has them",
    "by cost": "the cheapest first",
    "leader": "the best first, by what is known",
    "explore": "one of which little is known is tried first",
    "canary": "one that was out is tried first, once",
    "rising": "one that is coming back has its share",
    "panic": "nobody is well, so health is ignored",
}


def explain_request(
    planner: Planner, request: Request, number: Number | None, risk: float, key: str, now: float
) -> dict[str, Any]:
    """Where a request would go now. ``now``: seconds since the epoch. Raises `Unplannable`.

    ``order`` has the sends when each is refused at once, ``worst`` those when each is taken and never reported on, with
    seconds after the request; ``over_after`` is when the latter is given up. Limits, and what is learnt meanwhile, are not
    foreseen.
    """
    planned = planner.plan(request, number, risk, key, now, remember=False)
    out = out_now(planner.scores, planned.terms.channels, planned.terms.region, now)
    worst = play(planned, now, out, keep_waiting())
    return {
        **describe(planned, planner.messaging, number, now),
        "order": [sent._asdict() for sent in play(planned, now, out, refuse).sends],
        "worst": [sent._asdict() for sent in worst.sends],
        "over_after": worst.over_after,
    }


def describe(planned: Planned, messaging: Messaging, number: Number | None, now: float) -> dict[str, Any]:
    """A planned request as plain data; times in seconds."""
    decision = planned.audit().decision
    terms = planned.terms
    by_step = {choice.step: choice for choice in planned.choices}
    steps = []
    for routes in planned.routes.steps:
        choice = by_step.get(routes.number)
        steps.append(
            {
                "step": routes.number,
                "channel": routes.step.channel.value,
                "wait": routes.step.wait,
                "fanout": routes.step.fanout,
                "how": choice.how if choice else "",
                "why": HOW.get(choice.how, choice.how) if choice else "",
                "providers": [_provider(planned, messaging, name, choice) for name in choice.order] if choice else [],
            }
        )
    return {
        "country": number.country if number else "",
        "operator": number.operator if number else "",
        "operator_source": number.source if number else "",
        "kind": number.kind.value if number else "",
        "cascade": planned.cascade,
        "policies": list(planned.rules.applied),
        "decided_by": dict(planned.rules.by),
        "window": terms.expires - now,
        "max_attempts": terms.max_attempts,
        "max_cost": terms.max_cost,
        "weight": terms.weight,
        "circumstances": list(terms.circumstances),
        "burst": planned.burst.why,
        "refused": planned.refusal,
        "refused_because": planned.why,
        "steps": steps,
        "excluded": [dict(zip(("step", "provider", "cause", "why"), row, strict=True)) for row in decision["excluded"]],
    }


def _provider(planned: Planned, messaging: Messaging, name: str, choice: Choice) -> dict[str, Any]:
    provider, terms = messaging.providers[name], planned.terms
    seen = _seen(choice, name)
    return {
        "provider": name,
        "class": provider.route_class.value,
        "upstream": terms.upstreams[name],
        "sender": terms.senders.get(name, ""),
        "cost": terms.costs[name],
        "chance": None if seen is None else seen.p,
        "samples": None if seen is None else seen.n,
        "rank": None if seen is None else seen.rank,
        "state": "" if seen is None else seen.state,
        "because": "" if seen is None else seen.why,
    }


def _seen(choice: Choice, name: str) -> Seen | None:
    """What was known of a provider when its step was put in order."""
    if not choice.record:
        return None
    record = Record.from_plain(choice.record)
    return next((seen for seen in record.seen if seen.target == name), None)
