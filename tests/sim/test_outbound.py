"""Calls of a PBX outward, through the whole engine in virtual time: they fail over between carriers like any other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.scenario.network import Port
from controller.types import DIALLED, NO_ROUTE, Chain, Order, Path, Probe, Route, Stage, Target, Trunk
from sip.agent import Script
from tests.playbook import stage
from tests.sim.world import CALLER, ENGINE, World

ANSWERS = Script(ring_after=0.1, answer_after=2.0, hang_up_after=5.0)
NUMBER = "+12125550100"
URI = f"sip:{NUMBER}@{ENGINE.host}:{ENGINE.port}"


def make_world(probe: Probe | None = None, order: Order = Order.CONFIGURED, **trunks: dict[str, float]) -> World:
    """The caller is a PBX that may call anywhere by carrier-a and carrier-b."""
    world = World(stage("desk/carrier-a,carrier-b"), probe=probe)
    paths = tuple(
        Path(f"outbound * via {name}", "outbound *", name, f"sip:{DIALLED}@{name}.example") for name in world.hops
    )
    out = Chain("outbound *", (Stage((Target("outbound *", paths, dialled=True),), order=order),))
    plan = world.engine.switchboard.dialplan
    known = {name: replace(trunk, **trunks.get(name.replace("-", "_"), {})) for name, trunk in plan.trunks.items()}
    plan = replace(
        plan,
        trunks={**known, "hq-pbx": Trunk("hq-pbx", CALLER.host, CALLER.port, probe=None)},
        chains={**plan.chains, "outbound *": out},
        outbound={"": {"hq-pbx": Route("", "outbound *", prefix=True, outbound=True)}},
    )
    world.engine.reload(plan, {**world.hops, "hq-pbx": CALLER}, world.now)
    world.behave(NUMBER, ANSWERS)
    return world


def ways(world: World, call: str) -> list[str]:
    return [attempt.path.removeprefix("outbound * via ") for attempt in world.record(call).attempts]


def test_a_call_of_a_pbx_goes_out_to_the_number_it_dialled() -> None:
    world = make_world()
    call = world.call(URI)
    world.calm()
    assert world.winner(call) == "outbound * via carrier-a"
    assert len(world.rang(NUMBER)) == 1
    assert world.record(call).offer.trunk == "hq-pbx"


@pytest.mark.parametrize("status", [500, 503])
def test_a_carrier_that_refuses_is_passed_at_once(status: int) -> None:
    world = make_world()
    world.trunks["carrier-a"].scripts[NUMBER] = Script(trying=False, ring_after=None, reject=status)
    call = world.call(URI)
    world.calm()
    record = world.record(call)
    assert (record.winner, record.attempts[0].cause) == ("outbound * via carrier-b", str(status))
    assert record.attempts[1].started < 0.05


def test_a_silent_carrier_costs_a_quarter_of_a_second() -> None:
    world = make_world()
    world.set_port("carrier-a", Port.GONE)
    call = world.call(URI)
    world.run_until(0.5)
    assert world.caller.story(call) == ["placed", "trying", "ringing"]
    world.calm()
    assert world.winner(call) == "outbound * via carrier-b"


def test_a_carrier_that_is_down_is_not_tried_at_all() -> None:
    world = make_world(Probe())
    world.set_port("carrier-a", Port.GONE)
    world.run_until(3.0)
    call = world.call(URI)
    world.calm()
    assert ways(world, call) == ["carrier-b"]


def test_a_busy_number_is_not_dialled_again_over_another_carrier() -> None:
    world = make_world()
    world.behave(NUMBER, Script(ring_after=None, reject=486))
    call = world.call(URI)
    world.calm()
    assert (world.status(call), ways(world, call)) == (486, ["carrier-a"])


def test_the_carrier_with_the_lowest_priority_is_tried_first() -> None:
    world = make_world(order=Order.PRIORITY, carrier_a={"priority": 10}, carrier_b={"priority": 5})
    world.behave(NUMBER, Script(trying=False, ring_after=None, reject=503))
    call = world.call(URI)
    world.calm()
    assert ways(world, call) == ["carrier-b", "carrier-a"]


def test_the_cheapest_carrier_is_tried_first() -> None:
    world = make_world(order=Order.COST, carrier_a={"cost": 0.02}, carrier_b={"cost": 0.01})
    world.behave(NUMBER, Script(trying=False, ring_after=None, reject=503))
    call = world.call(URI)
    world.calm()
    assert ways(world, call) == ["carrier-b", "carrier-a"]


def test_the_best_carrier_is_tried_first_and_its_share_follows_what_calls_come_to() -> None:
    """`order: best`: the cheaper one leads until its calls fail; the other takes over, and it is asked no more."""
    world = make_world(order=Order.BEST, carrier_a={"cost": 0.01}, carrier_b={"cost": 0.02})
    world.behave(NUMBER, replace(ANSWERS, answer_after=0.5, hang_up_after=1.0))

    def calls(count: int) -> list[str]:
        placed = []
        for _ in range(count):
            placed.append(world.call(URI))
            world.run_until(world.now + 3.0)
        assert all(world.status(call) == 200 for call in placed)
        return [ways(world, call)[0] for call in placed]

    assert calls(10) == ["carrier-a"] * 10, "both work, and it costs less"
    world.trunks["carrier-a"].scripts[NUMBER] = Script(trying=False, ring_after=None, reject=503)
    moved = calls(10)
    assert moved[0] == "carrier-a"
    assert moved[-5:] == ["carrier-b"] * 5
    world.calm()


def test_calls_are_shared_among_carriers_by_weight() -> None:
    world = make_world(order=Order.PRIORITY, carrier_a={"weight": 3}, carrier_b={"weight": 1})
    for number in range(200):
        world.at(number * 0.1, lambda: world.call(URI))
    world.run_until(21.0)
    world.calm()
    first = [ways(world, call.id)[0] for call in world.caller.calls]
    assert len(first) == 200
    assert 0.65 < first.count("carrier-a") / 200 < 0.85
    assert {call.status for call in world.caller.calls} == {200}


def test_a_carrier_cannot_call_through_us() -> None:
    world = make_world()
    carrier = world.trunks["carrier-a"]
    premium = f"sip:+19005550100@{ENGINE.host}:{ENGINE.port}"
    calls = [carrier.place_call(uri, ENGINE, world.now, caller="100") for uri in (premium, URI)]
    world.network.settle(carrier.local)
    world.calm()
    assert [carrier.find(call).status for call in calls] == [404, 404]
    assert [world.record(call).cause for call in calls] == [NO_ROUTE, NO_ROUTE]
    assert not world.trunks["carrier-b"].calls


def test_a_pbx_that_loses_its_route_by_a_reload_gets_out_no_more() -> None:
    world = make_world()
    plan = world.engine.switchboard.dialplan
    first = world.call(URI)
    world.run_until(0.5)
    world.engine.reload(replace(plan, outbound={}), {**world.hops, "hq-pbx": CALLER}, world.now)
    second = world.call(URI)
    world.engine.reload(plan, world.hops, world.now)  # the trunk itself is gone, so nobody is known by its address
    third = world.call(URI)
    world.calm()
    assert [world.status(call) for call in (first, second, third)] == [200, 404, 404]
    assert world.winner(first) == "outbound * via carrier-a", "a ringing call keeps its plan"
