"""How long it takes to decide where a message goes: policy, routes, scores, plan, terms and record, for ten providers.

``python -m bench.messages_planning``: microseconds of CPU for each request, median and 99th percentile, three ways to order.
"""

from __future__ import annotations

import random
import time
from statistics import median, quantiles

from controller.health.outcomes import Outcome, OutcomeClass
from controller.health.score import Scores, Target
from controller.messages.planning import Planner
from controller.messages.region import Number
from controller.messages.request import Request
from controller.types import Order
from controller.types.messages import CascadeRules, Channel, Messaging, NumberKind, Policy, Provider, Sender, Step

PROVIDERS = 10
ROUNDS = 20_000
COUNTRIES = ("US", "DE", "FR", "GB", "IN", "BR", "ID", "NG", "MX", "ES")


def messaging(order: Order) -> Messaging:
    """Ten SMS providers on eight upstreams, one cascade, policies for tenants and countries."""
    providers = {
        f"sms-{place}": Provider(
            f"sms-{place}",
            Channel.SMS,
            "smpp",
            None,
            upstream=f"agg-{place % 8}",
            costs={"": 0.01 + 0.004 * place, "US": 0.005 + 0.001 * place},
            senders=(Sender("Callward", NumberKind.ALPHANUMERIC), Sender("+14155550100", NumberKind.MOBILE, ("US",))),
        )
        for place in range(PROVIDERS)
    }
    policies = (
        Policy("base", cascade="otp"),
        Policy("germany", countries=("DE",), sender_kinds=(NumberKind.ALPHANUMERIC,)),
        Policy("acme", tenants=("acme",), max_cost=0.2),
        Policy("acme-us", tenants=("acme",), countries=("US",), without=("sms-9",)),
    )
    cascade = CascadeRules("otp", (Step(Channel.SMS, order=order),))
    return Messaging(providers, {"otp": cascade}, policies)


def measure(order: Order, *, troubled: bool) -> list[float]:
    """Microseconds of each request, after outcomes have filled the scores."""
    rules, dice = messaging(order), random.Random(7)
    scores = Scores([Target(each.name, (each.upstream,)) for each in rules.providers.values()])
    now = 1.8e9
    regions = [(country, f"{country}/{operator}") for country in COUNTRIES for operator in ("one", "two")]
    for _ in range(20_000):
        now += 0.05
        region = dice.choice(regions)
        name = f"sms-{dice.randrange(PROVIDERS)}"
        bad = 0.95 if troubled and name == "sms-1" else 0.07
        kind = OutcomeClass.FAILURE if dice.random() < bad else OutcomeClass.SUCCESS
        scores.observe(Outcome(name, kind, region, age=3.0), now)
    planner = Planner(rules, scores, "bench")
    took = []
    for place in range(ROUNDS):
        country, operator = dice.choice(regions)
        number = Number("", country, NumberKind.MOBILE, operator.partition("/")[2], "range")
        request = Request(dice.choice(("acme", "other")), "+1", use_case="login", params={"code": "1"})
        now += 0.01
        begun = time.thread_time_ns()
        planner.plan(request, number, 0.0, f"{place:026}", now).audit()
        took.append((time.thread_time_ns() - begun) / 1000)
    return took


def main() -> None:
    """Print the table."""
    print(f"{PROVIDERS} providers, {len(COUNTRIES) * 2} regions, {ROUNDS} requests each; microseconds of CPU")
    for order, troubled in (
        (Order.CONFIGURED, False),
        (Order.CONFIGURED, True),
        (Order.BEST, False),
        (Order.BEST, True),
    ):
        took = measure(order, troubled=troubled)
        state = "one provider is failing" if troubled else "all is well"
        print(f"{order:<11} {state:<24} p50 {median(took):6.1f}   p99 {quantiles(took, n=100)[98]:6.1f}")


if __name__ == "__main__":
    main()
