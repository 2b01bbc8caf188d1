"""A name with several addresses becomes a trunk and a path for each, and whatever names it still means it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.explain import assume_down
from controller.health.groups import add_groups, find_groups
from controller.rules.conditions import is_down, is_site_down
from controller.rules.expand import address_in, common_name, expand
from controller.rules.order import arrange
from controller.rules.plain import dump_plan, load_plan
from controller.rules.plan import make_plan
from controller.types import (
    Address,
    Chain,
    Dialplan,
    HealthView,
    Offer,
    Order,
    Path,
    Route,
    Site,
    Stage,
    Target,
    TargetState,
    Trunk,
    TrunkHealth,
    When,
)

A = Trunk("carrier-a", "sbc.carrier-a.example", 5060, carrier="a", service=("udp", "tcp"))
B = Trunk("carrier-b", "192.0.2.99", 5060, carrier="b")
ONE, TWO, THREE = Address("192.0.2.1", 5060), Address("192.0.2.2", 5080), Address("2001:db8::3", 5060, "tcp")
CALLS = 20_000


def plan_with(*trunks: Trunk, stage: Stage | None = None, **more: object) -> Dialplan:
    """One endpoint over all of them."""
    paths = tuple(Path(f"anna via {t.name}", "anna", t.name, f"sip:100@{t.host}") for t in trunks)
    target = Target("anna", paths)
    chain = Chain("sales", (replace(stage or Stage(()), targets=(target,)),))
    known = {trunk.name: trunk for trunk in trunks}
    return Dialplan("v", (), known, {"sales": chain}, {"100": Route("100", "sales")}, **more)  # type: ignore[arg-type]


def ways(plan: Dialplan, call: str = "call-1", view: HealthView | None = None) -> list[str]:
    made = make_plan(plan, plan.chains["sales"], view or HealthView(), Offer(call, "100"))
    return [path.trunk for stage in made.stages for target in stage.targets for path in target.paths]


def test_each_address_is_a_trunk_that_knows_its_name() -> None:
    plan = expand(plan_with(A, B), {"carrier-a": [ONE, TWO, THREE]})
    names = ["carrier-a/192.0.2.1:5060", "carrier-a/192.0.2.2:5080", "carrier-a/[2001:db8::3]:5060/tcp", "carrier-b"]
    assert list(plan.trunks) == names
    last = plan.trunks[names[2]]
    assert (last.host, last.port, last.transport, last.domain, last.group, last.carrier) == (
        "2001:db8::3", 5060, "tcp", "sbc.carrier-a.example", "carrier-a", "a",
    )  # fmt: skip
    paths = plan.chains["sales"].stages[0].targets[0].paths
    assert [path.name for path in paths] == [f"anna via {name}" for name in names]
    assert {path.address for path in paths[:3]} == {"sip:100@sbc.carrier-a.example"}  # RFC 3263: the name stays


def test_a_name_with_one_address_keeps_its_trunk_and_its_paths() -> None:
    plan = plan_with(A, B)
    expanded = expand(plan, {"carrier-a": [TWO]})
    assert expanded.trunks["carrier-a"] == replace(A, host="192.0.2.2", port=5080, domain="sbc.carrier-a.example")
    assert expanded.chains is plan.chains


def test_nothing_is_made_of_a_dialplan_without_names() -> None:
    plan = plan_with(B)
    assert expand(plan, {}) is plan


@pytest.mark.parametrize("address", [ONE, TWO, THREE])
def test_a_name_made_of_an_address_can_be_read_again(address: Address) -> None:
    plan = expand(plan_with(A), {"carrier-a": [address, Address("192.0.2.77", 1)]})
    name = next(name for name, trunk in plan.trunks.items() if trunk.host == address.host)
    assert address_in(name) == (address.host, address.port, address.transport)
    assert common_name(name) == "carrier-a"


@pytest.mark.parametrize("name", ["carrier-a", "", "carrier-a/", "carrier-a/x", "carrier-a/192.0.2.1"])
def test_other_names_hold_no_address(name: str) -> None:
    assert address_in(name) is None


# --------------------------------------------------------------------------- order


def test_addresses_are_tried_by_rank_before_the_next_trunk() -> None:
    plan = expand(plan_with(A, B), {"carrier-a": [replace(ONE, rank=2), replace(TWO, rank=1)]})
    assert ways(plan) == ["carrier-a/192.0.2.2:5080", "carrier-a/192.0.2.1:5060", "carrier-b"]


def test_names_are_not_mixed_whatever_the_order_of_trunks() -> None:
    one, other = replace(A, weight=0), Trunk("carrier-c", "c.example", 5060, weight=0)
    addresses = {"carrier-a": [ONE, TWO], "carrier-c": [replace(ONE, port=1), replace(TWO, port=1)]}
    for order in (Order.CONFIGURED, Order.PRIORITY, Order.COST):
        plan = expand(plan_with(one, other, stage=Stage((), order=order)), addresses)
        for call in range(50):
            assert [common_name(name) for name in ways(plan, str(call))] == ["carrier-a"] * 2 + ["carrier-c"] * 2


def test_the_same_call_has_the_same_order_in_every_life() -> None:
    addresses = {"carrier-a": [replace(ONE, host=f"192.0.2.{n}") for n in range(1, 9)]}
    first, second = (ways(expand(plan_with(A), addresses), "call-7") for _ in range(2))
    assert first == second
    assert ways(expand(plan_with(A), addresses), "call-8") != first


@given(st.lists(st.integers(0, 3), min_size=2, max_size=6), st.text(max_size=8))
def test_a_worse_rank_never_goes_first_and_nothing_is_lost(ranks: list[int], call: str) -> None:
    addresses = [Address(f"192.0.2.{n}", 5060, rank=rank, weight=n) for n, rank in enumerate(ranks, 1)]
    plan = expand(plan_with(A, B), {"carrier-a": addresses})
    order = ways(plan, call)
    assert all(plan.trunks[a].rank <= plan.trunks[b].rank for a, b in pairwise(order[:-1]))
    assert order[-1] == "carrier-b"
    assert sorted(order) == sorted(plan.trunks)


@given(st.lists(st.integers(1, 100), min_size=2, max_size=4))
def test_equals_of_rank_are_drawn_by_weight(weights: list[int]) -> None:
    addresses = [Address(f"192.0.2.{n}", 5060, weight=weight) for n, weight in enumerate(weights, 1)]
    plan = expand(plan_with(A), {"carrier-a": addresses})
    chain, seen, calls = plan.chains["sales"], Counter[str](), 1500
    for number in range(calls):
        arranged = arrange(plan, chain, Offer(f"call-{number}@192.0.2.1", "100"))
        seen[arranged.stages[0].targets[0].paths[0].trunk] += 1
    for trunk in plan.trunks.values():
        assert seen[trunk.name] / calls == pytest.approx(trunk.share / sum(weights), abs=0.06)


def test_a_plan_with_drawn_addresses_is_plain_data() -> None:
    plan = expand(plan_with(A), {"carrier-a": [ONE, TWO]})
    made = make_plan(plan, plan.chains["sales"], HealthView(), Offer("1", "100"))
    assert load_plan(dump_plan(made)) == made


# --------------------------------------------------------------------------- what names the trunk


def health(state: TargetState, since: float = 0.0) -> TrunkHealth:
    return TrunkHealth(state, since)


@pytest.mark.parametrize(
    ("states", "seen"),
    [
        (("down", "down"), "down"),
        (("down", "up"), "up"),
        (("down", "unknown"), "unknown"),
        (("suspect", "degraded"), "degraded"),
    ],
)
def test_a_name_is_down_when_all_its_addresses_are(states: tuple[str, str], seen: str) -> None:
    plan = expand(plan_with(A, B), {"carrier-a": [ONE, TWO]})
    names = ["carrier-a/192.0.2.1:5060", "carrier-a/192.0.2.2:5080"]
    shown = {name: health(TargetState(state), at) for at, (name, state) in enumerate(zip(names, states, strict=True))}
    add_groups(shown, find_groups(plan.trunks.values()))
    assert shown["carrier-a"].state == seen
    assert is_down(HealthView(1, shown), "carrier-a") == (seen == "down")


def test_a_site_lives_while_one_address_of_one_of_its_pbxs_does() -> None:
    plan = expand(plan_with(A, sites={"hq": Site("hq", ("carrier-a",))}), {"carrier-a": [ONE, TWO]})
    site = plan.sites["hq"]
    names = list(plan.trunks)
    assert not is_site_down(site, HealthView(1, {names[0]: health(TargetState.DOWN)}))
    assert is_site_down(site, HealthView(1, dict.fromkeys(names, health(TargetState.DOWN))))


def test_all_addresses_of_the_active_pbx_go_first() -> None:
    sites = {"hq": Site("hq", ("carrier-b", "carrier-a"), active="carrier-a")}
    plan = plan_with(B, A, sites=sites, stage=Stage((), order=Order.PRIORITY))
    plan = expand(plan, {"carrier-a": [ONE, replace(TWO, rank=1)]})
    assert ways(plan) == ["carrier-a/192.0.2.1:5060", "carrier-a/192.0.2.2:5080", "carrier-b"]


def test_whoever_may_call_out_may_from_each_address() -> None:
    route = Route("", "out", outbound=True)
    plan = expand(plan_with(A, outbound={"": {"carrier-a": route}}), {"carrier-a": [ONE, TWO]})
    assert plan.outbound[""] == dict.fromkeys(["carrier-a", *plan.trunks], route)


def test_a_condition_and_a_question_use_the_name() -> None:
    when = Stage((), when=When(trunks=(("carrier-a", False),)))
    plan = expand(plan_with(A, B, stage=when), {"carrier-a": [ONE, TWO]})
    assert ways(plan) == []
    assert ways(plan, view=assume_down(plan, ["carrier-a/192.0.2.1:5060"])) == []
    first, *rest = ways(plan, view=assume_down(plan, ["carrier-a"]))
    assert (first, {common_name(name) for name in rest}) == ("carrier-b", {"carrier-a"})
