"""In which order the trunks of an endpoint are tried, and how a dialled number gets into an address."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.rules.conditions import depends_on_offer
from controller.rules.order import arrange
from controller.rules.plan import make_plan
from controller.switchboard import Switchboard
from controller.types import (
    DIALLED,
    EXHAUSTED,
    NO_REPLY,
    Chain,
    Dialplan,
    HealthView,
    Offer,
    Order,
    Plan,
    Route,
    Site,
    Stage,
    TargetState,
    Trunk,
    TrunkHealth,
)
from tests.playbook import (
    answered,
    at,
    begin,
    cancel,
    fails,
    finish,
    play,
    ringing,
    silent,
    stage,
    start,
    trying,
)

CALLS = 20_000


def dialplan(*trunks: Trunk, **more: Any) -> Dialplan:
    return Dialplan("v", (), {trunk.name: trunk for trunk in trunks}, {}, {}, **more)


def trunk(name: str, priority: int = 0, weight: int = 1, cost: float = 0.0) -> Trunk:
    return Trunk(name, f"{name}.example", 5060, priority=priority, weight=weight, cost=cost)


def order_of(plan: Dialplan, written: Stage, call: str = "call-1") -> str:
    """The trunks of the first target, in the order of a call."""
    arranged = arrange(plan, Chain("sales", (written,)), Offer(call, "100"))
    return " ".join(path.trunk for path in arranged.stages[0].targets[0].paths)


def shares(plan: Dialplan, written: Stage) -> dict[str, float]:
    """How often each order comes."""
    seen = Counter(order_of(plan, written, f"call-{n}@192.0.2.1") for n in range(CALLS))
    return {order: count / CALLS for order, count in seen.items()}


# --------------------------------------------------------------------------- configured, priority, cost


def test_trunks_are_tried_as_they_are_written_unless_told_otherwise() -> None:
    plan = dialplan(trunk("t1", priority=9, cost=9.0), trunk("t2"))
    assert order_of(plan, stage("anna/t1,t2")) == "t1 t2"


def test_the_lowest_priority_comes_first() -> None:
    plan = dialplan(trunk("t1", 20), trunk("t2", 0), trunk("t3", 10))
    assert order_of(plan, stage("anna/t1,t2,t3", order=Order.PRIORITY)) == "t2 t3 t1"


def test_the_cheapest_comes_first_then_priority_then_what_is_written_first() -> None:
    plan = dialplan(
        trunk("t1", 1, cost=0.2), trunk("t2", 1, cost=0.1), trunk("t3", 0, cost=0.1), trunk("t4", 0, cost=0.1)
    )
    assert order_of(plan, stage("anna/t1,t2,t4,t3", order=Order.COST)) == "t4 t3 t2 t1"


def test_a_weight_does_not_lift_a_trunk_over_a_better_priority() -> None:
    plan = dialplan(trunk("t1", 1, 65535), trunk("t2", 0, 0))
    assert shares(plan, stage("anna/t1,t2", order=Order.PRIORITY)) == {"t2 t1": 1.0}


@pytest.mark.parametrize(("one", "two"), [(1, 1), (70, 30), (1, 9), (65535, 1)])
def test_the_first_of_equals_is_drawn_by_weight(one: int, two: int) -> None:
    plan = dialplan(trunk("t1", weight=one), trunk("t2", weight=two))
    seen = shares(plan, stage("anna/t1,t2", order=Order.PRIORITY))
    assert seen.get("t1 t2", 0) == pytest.approx(one / (one + two), abs=0.015)  # four standard deviations


def test_all_orders_come_as_often_as_rfc_2782_draws_them() -> None:
    weights = {"t1": 60, "t2": 30, "t3": 10}
    plan = dialplan(*(trunk(name, weight=weight) for name, weight in weights.items()))
    seen = shares(plan, stage("anna/t1,t2,t3", order=Order.PRIORITY))
    assert len(seen) == 6
    for order, share in seen.items():
        first, second, third = (weights[name] for name in order.split())
        assert share == pytest.approx(first / 100 * second / (second + third), abs=0.015), order


def test_weight_zero_is_last_among_its_equals_and_stays_as_written() -> None:
    plan = dialplan(trunk("t1", weight=0), trunk("t2", weight=0), trunk("t3"), trunk("t4", 1))
    assert shares(plan, stage("anna/t4,t2,t1,t3", order=Order.PRIORITY)) == {"t3 t2 t1 t4": 1.0}


def test_the_draw_of_a_call_is_the_same_in_every_stage_and_again() -> None:
    plan = dialplan(*(trunk(f"t{n}") for n in range(6)))
    one, two = (stage(f"{who}/t0,t1,t2,t3,t4,t5", order=Order.PRIORITY) for who in ("anna", "ben"))
    orders = {order_of(plan, one, "call-7"), order_of(plan, two, "call-7"), order_of(plan, one, "call-7")}
    assert len(orders) == 1


@given(st.text(max_size=40), st.lists(st.tuples(st.integers(0, 3), st.integers(0, 65535)), min_size=1, max_size=6))
def test_whatever_the_call_every_trunk_stays_and_priorities_ascend(call: str, trunks: list[tuple[int, int]]) -> None:
    plan = dialplan(*(trunk(f"t{n}", *each) for n, each in enumerate(trunks)))
    order = order_of(plan, stage("anna/" + ",".join(plan.trunks), order=Order.PRIORITY), call).split()
    assert sorted(order) == sorted(plan.trunks)
    assert all(plan.trunks[a].priority <= plan.trunks[b].priority for a, b in pairwise(order))


def test_the_order_of_those_that_are_left_does_not_change_with_what_is_down() -> None:
    plan = dialplan(*(trunk(f"t{n}", weight=n) for n in range(1, 6)))
    chain = Chain("sales", (stage("anna/t1,t2,t3,t4,t5", order=Order.PRIORITY),))
    down = HealthView(1, {"t3": TrunkHealth(TargetState.DOWN)})
    for n in range(100):
        offer = Offer(f"call-{n}", "100")
        healthy, broken = (make_plan(plan, chain, view, offer) for view in (HealthView(), down))
        names = [[path.trunk for path in each.stages[0].targets[0].paths] for each in (healthy, broken)]
        assert names[1] == [*(name for name in names[0] if name != "t3"), "t3"]


def test_the_active_pbx_of_a_site_stays_before_the_others() -> None:
    trunks = [trunk("t1", 0), trunk("t2", 5), trunk("t3", 3)]
    plan = dialplan(*trunks, sites={"hq": Site("hq", ("t1", "t2"), active="t2")})
    assert order_of(plan, stage("anna/t1,t2,t3", order=Order.PRIORITY)) == "t2 t1 t3"


# --------------------------------------------------------------------------- dialled numbers


def dialled(*trunks: str) -> Stage:
    """A stage as an outbound route makes it."""
    written = stage("out/" + ",".join(trunks))
    (target,) = written.targets
    paths = tuple(replace(path, address=f"sip:{DIALLED}@{path.trunk}.example:5060") for path in target.paths)
    return replace(written, targets=(replace(target, paths=paths, dialled=True),))


@pytest.mark.parametrize(
    ("number", "address"), [("+15551234", "+15551234"), ("*67", "*67"), ("#31#5551", "%2331%235551")]
)
def test_the_dialled_number_is_put_into_each_address(number: str, address: str) -> None:
    plan = make_plan(
        dialplan(trunk("t1"), trunk("t2")), Chain("out", (dialled("t1", "t2"),)), HealthView(), Offer("1", number)
    )
    (target,) = plan.stages[0].targets
    assert [path.address for path in target.paths] == [
        f"sip:{address}@t1.example:5060",
        f"sip:{address}@t2.example:5060",
    ]
    assert not target.dialled
    assert [path.name for path in target.paths] == ["out via t1", "out via t2"], (
        "what is remembered has no number in it"
    )


def test_two_numbers_do_not_share_a_plan() -> None:
    chain = Chain("out", (dialled("t1"),))
    routes = {"": {"hq": Route("", "out", outbound=True)}}
    board = Switchboard(replace(dialplan(trunk("t1")), chains={"out": chain}, outbound=routes))
    for number in ("+15551", "+15552"):
        board.begin(Offer(number, number, trunk="hq"), HealthView(), 0.0)
    addresses = [run.plan.stages[0].targets[0].paths[0].address for run in board.runs.values()]
    assert addresses == ["sip:+15551@t1.example:5060", "sip:+15552@t1.example:5060"]


@pytest.mark.parametrize(("order", "each"), [(Order.CONFIGURED, False), (Order.COST, False), (Order.PRIORITY, True)])
def test_only_a_draw_is_planned_for_each_call(order: Order, each: bool) -> None:
    assert depends_on_offer(stage("anna/t1,t2", order=order)) is each
    assert depends_on_offer(dialled("t1"))


# --------------------------------------------------------------------------- the run does as it is planned


def planned(order: Order, *trunks: Trunk) -> Plan:
    """What an outbound route to a number comes to."""
    written = replace(dialled(*(each.name for each in trunks)), order=order)
    return make_plan(dialplan(*trunks), Chain("out", (written,)), HealthView(), Offer("1", "+15551234", trunk="hq"))


def test_a_dialled_number_fails_over_from_the_cheapest_carrier_to_the_next() -> None:
    assert (
        play(planned(Order.COST, trunk("t1", cost=0.3), trunk("t2", cost=0.1), trunk("t3", cost=0.2)))
        >> begin()
        << start(1, "out via t2")
        >> fails(1, "503")
        << start(2, "out via t3")
        >> at(0.25)
        << silent(2)
        << start(3, "out via t1")
        >> trying(3)
        >> at(2.0)
        << cancel(2, NO_REPLY)
        >> ringing(3)
        >> answered(3)
        << finish(3)
    )


def test_a_busy_number_is_busy_over_every_carrier() -> None:
    assert (
        play(planned(Order.PRIORITY, trunk("t1", 2), trunk("t2", 1)))
        >> begin()
        << start(1, "out via t2")
        >> fails(1, "486")
        << finish(None, EXHAUSTED)
    )
