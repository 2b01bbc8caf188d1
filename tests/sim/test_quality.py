"""What calls come to decides who goes first: broken call handling, the way back in steps, `order: best`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.health.choice import Record, replay
from controller.health.signals import Signal
from controller.scenario.network import Port
from controller.types import Order, Probe, Readmit
from sip.agent import Script
from tests.playbook import stage
from tests.sim.world import World

ANSWERS = Script(ring_after=0.1, answer_after=1.0, hang_up_after=30.0)
UNABLE = Script(trying=False, ring_after=None, reject=503)
BUSY = Script(ring_after=None, reject=486, reject_after=0.05)


def make_world(order: Order = Order.CONFIGURED, readmit: Readmit = Readmit.GENTLY, **costs: float) -> World:
    """Anna behind two trunks that answer OPTIONS."""
    world = World(stage("anna/t1,t2", order=order), probe=Probe(every=1.0))
    plan = world.engine.switchboard.dialplan
    trunks = {
        name: replace(trunk, readmit=readmit, cost=costs.get(name, 0.0), carrier=f"carrier {name}")
        for name, trunk in plan.trunks.items()
    }
    world.engine.reload(replace(plan, trunks=trunks), world.hops, world.now)
    world.behave("anna", ANSWERS)
    world.run_until(5.0)
    return world


def call_for(world: World, seconds: float, every: float = 1.0) -> list[list[str]]:
    """Calls for a while: the trunks that each was offered to, in order."""
    end, calls = world.now + seconds, []
    while world.now < end:
        calls.append(world.call())
        world.run_until(world.now + every)
    world.run_until(world.now + 5.0)
    return [[attempt.path.split()[-1] for attempt in world.record(call).attempts] for call in calls]


def share(calls: list[list[str]], trunk: str) -> float:
    """Of the calls that went there first."""
    return sum(trunks[0] == trunk for trunks in calls) / len(calls)


def test_a_trunk_that_says_503_to_every_call_is_found_by_three_of_them() -> None:
    """It answers OPTIONS all the while (C3)."""
    world = make_world()
    world.trunks["t1"].scripts["anna"] = UNABLE
    calls = call_for(world, 20.0)
    assert calls[:3] == [["t1", "t2"]] * 3
    assert calls[3:] == [["t2"]] * (len(calls) - 3)
    assert {trunk: health.state.value for trunk, health in world.engine.board.view.trunks.items()} == {
        "t1": "up",
        "t2": "up",
    }
    (change,) = world.changes
    assert (change.target, change.old, change.new) == ("t1", "open", "held")


def test_it_gets_its_calls_back_once_single_ones_went_well() -> None:
    world = make_world()
    world.trunks["t1"].scripts["anna"] = UNABLE
    call_for(world, 20.0)
    world.trunks["t1"].scripts["anna"] = ANSWERS
    calls = call_for(world, 240.0)
    assert all(trunks == ["t1"] for trunks in calls[-30:])
    stages = [(change.old, change.new) for change in world.changes if change.target == "t1"]
    assert stages[:2] == [("open", "held"), ("canary", "rising")]
    world.calm()


def test_a_call_that_tries_a_trunk_in_vain_goes_on_at_once() -> None:
    world = make_world()
    world.trunks["t1"].scripts["anna"] = UNABLE
    calls = call_for(world, 120.0)
    tried = [trunks for trunks in calls[3:] if trunks[0] == "t1"]
    assert tried, "single calls try it"
    assert all(trunks == ["t1", "t2"] for trunks in tried)
    assert len(tried) <= 0.25 * len(calls)
    world.calm()


def test_people_who_are_busy_are_no_fault_of_a_trunk() -> None:
    world = make_world()
    world.behave("anna", BUSY)
    calls = call_for(world, 60.0)
    assert calls == [["t1"]] * len(calls)
    assert world.changes == []


def test_the_written_order_stands_where_both_trunks_work() -> None:
    world = make_world(t1=9.0)
    world.trunks["t1"].scripts["anna"] = replace(ANSWERS, ring_after=0.2)
    assert share(call_for(world, 60.0), "t1") == 1.0
    assert not any(record.decisions for records in world.records.values() for record in records)


def test_order_best_takes_the_cheaper_of_two_good_trunks_and_leaves_it_when_its_calls_fail() -> None:
    world = make_world(Order.BEST, t1=0.05, t2=0.01)
    assert share(call_for(world, 60.0), "t2") == 1.0
    world.trunks["t2"].scripts["anna"] = UNABLE
    calls = call_for(world, 60.0)
    assert share(calls[3:], "t1") > 0.75
    world.calm()


def test_every_decision_replays_to_the_order_that_the_call_took() -> None:
    world = make_world(Order.BEST, t1=0.05, t2=0.01)
    world.trunks["t2"].scripts["anna"] = UNABLE
    call_for(world, 200.0)
    decided = [
        (record, found) for records in world.records.values() for record in records for found in record.decisions
    ]
    assert len(decided) == len(world.records)
    for record, found in decided:
        assert replay(Record.from_plain(dict(found.record))) == found.order
        assert record.attempts[0].path == f"anna via {found.order[0]}"
        assert "t1 " in found.why


def test_a_trunk_that_was_down_gets_its_calls_back_in_steps() -> None:
    """Single calls, 5 %, 25 %, all (C16); the other trunk has the rest, and nobody waits."""
    world = make_world()
    world.set_port("t1", Port.GONE)
    world.run_until(world.now + 5.0)
    assert share(call_for(world, 10.0), "t2") == 1.0
    world.set_port("t1", Port.OPEN)
    world.run_until(world.now + 5.0)
    first, second, third, late = (share(call_for(world, 15.0, every=0.1), "t1") for _ in range(4))
    assert 0 < first <= 0.05, "one of five, but not more than one in five seconds"
    assert second <= 0.15
    assert third <= 0.45
    assert first < third
    call_for(world, 30.0)
    assert share(call_for(world, 10.0), "t1") == 1.0
    assert late > second


def test_with_little_traffic_a_trunk_is_back_after_a_minute_all_the_same() -> None:
    world = make_world()
    world.set_port("t1", Port.GONE)
    world.run_until(world.now + 5.0)
    world.set_port("t1", Port.OPEN)
    world.run_until(world.now + 90.0)
    assert call_for(world, 1.0) == [["t1"]]


def test_a_trunk_may_come_back_at_once() -> None:
    world = make_world(readmit=Readmit.AT_ONCE)
    world.set_port("t1", Port.GONE)
    world.run_until(world.now + 5.0)
    world.set_port("t1", Port.OPEN)
    world.run_until(world.now + 5.0)
    assert share(call_for(world, 10.0), "t1") == 1.0


def test_the_only_way_is_never_taken_out() -> None:
    world = World(stage("anna/t1"), probe=Probe(every=1.0))
    world.behave("anna", UNABLE)
    calls = call_for(world, 60.0)
    assert calls == [["t1"]] * len(calls)


def test_signals_of_calls_are_measured() -> None:
    world = make_world()
    world.trunks["t1"].scripts["anna"] = replace(ANSWERS, hang_up_after=2.0)
    call_for(world, 20.0)
    world.calm()
    signal = world.engine.signals.by_trunk["t1"]
    assert isinstance(signal, Signal)
    assert signal.answer_ratio == 1.0
    assert signal.post_dial_delay == pytest.approx(0.14, abs=0.05)
    assert signal.short == 1.0
