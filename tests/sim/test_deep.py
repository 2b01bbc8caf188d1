"""Trunks that answer every probe and carry no calls: found by test calls, and new calls go elsewhere first."""

from __future__ import annotations

from typing import Any

import pytest

from controller.scenario.network import Link, Port
from controller.types import DeepProbe, Demoted, Probe, TargetState, Transition
from sip.agent import CallState, Script
from tests.playbook import stage
from tests.sim.world import AFTERMATH, World

TEST_NUMBER = "9196"
DEEP = {"t1": DeepProbe(TEST_NUMBER, every=60.0)}
ECHO = Script(ring_after=None, answer_after=0.0)
PERSON = Script(ring_after=0.1, answer_after=1.0, hang_up_after=3.0)
REFUSES = Script(trying=False, ring_after=None, reject=500)
SWALLOWS = Script(silent=True)
RINGS_FOR_EVER = Script()
ONLY_TRIES = Script(ring_after=None)


def make_world(*texts: str, **settings: object) -> World:
    known: dict[str, Any] = {"probe": Probe(), "deep": DEEP, **settings}
    world = World(*(stage(text) for text in texts), **known)
    world.behave("anna", PERSON)
    world.behave(TEST_NUMBER, ECHO)
    return world


def break_calls(world: World, script: Script) -> None:
    """From now on the first trunk treats every INVITE so; it goes on answering OPTIONS."""
    world.trunks["t1"].scripts.update({"anna": script, TEST_NUMBER: script})


def news_of(world: World, trunk: str = "t1") -> list[Transition]:
    return [item for item in world.transitions if item.trunk == trunk]


def check_ended(world: World, *, lossy: bool = False) -> None:
    """Test calls that began long enough ago are over, and those that were answered were acknowledged; where packets get
    lost a BYE may do for both."""
    calls = [call for call in world.trunks["t1"].calls if call.user == TEST_NUMBER]
    assert calls
    for call in calls:
        if call.started < world.now - AFTERMATH:
            assert call.state is CallState.ENDED, call
            assert call.acked or not call.answered or lossy, call


@pytest.mark.parametrize("script", [REFUSES, SWALLOWS, RINGS_FOR_EVER, ONLY_TRIES], ids=["500", "silent", "180", "100"])
def test_a_trunk_that_answers_probes_and_carries_no_calls_is_found(script: Script) -> None:
    world = make_world("anna/t1,t2")
    world.run_until(200.0)
    assert [item.new for item in news_of(world)] == [TargetState.UP]
    break_calls(world, script)
    world.run_until(200.0 + 1.1 * 60.0 + 42.0)
    assert [(item.old, item.new, item.code) for item in news_of(world)[1:]] == [
        (TargetState.UP, TargetState.DEGRADED, "DEEP_FAILED")
    ]
    call = world.call()
    world.run_until(world.now + 10.0)
    record = world.record(call)
    assert [attempt.path for attempt in record.attempts] == ["anna via t2"], "nobody has to wait for t1"
    assert record.demoted == (Demoted("anna via t1", "t1 is degraded (DEEP_FAILED)"),)

    break_calls(world, ECHO)
    world.behave("anna", PERSON)
    world.run_until(world.now + 70.0)
    assert (news_of(world)[-1].new, news_of(world)[-1].code) == (TargetState.UP, "RECOVERED")
    call = world.call()
    world.run_until(world.now + AFTERMATH)
    assert (world.winner(call), world.record(call).demoted) == ("anna via t1", ())
    world.check()
    check_ended(world)


def test_a_degraded_trunk_is_better_than_none() -> None:
    world = make_world("anna/t1,t2", "ben/t2")
    world.trunks["t1"].scripts[TEST_NUMBER] = REFUSES  # it is only the test number that is broken
    world.run_until(200.0)
    assert world.engine.board.view.trunks["t1"].state is TargetState.DEGRADED
    world.set_port("t2", Port.GONE)
    world.run_until(210.0)
    call = world.call()
    world.run_until(world.now + AFTERMATH)
    assert world.winner(call) == "anna via t1"
    assert world.record(call).demoted == (), "there was nothing better"
    world.check()


def test_a_dead_trunk_is_dead_and_not_degraded() -> None:
    world = make_world("anna/t1,t2")
    world.run_until(200.0)
    world.set_port("t1", Port.GONE)
    world.run_until(600.0)
    world.set_port("t1", Port.OPEN)
    world.run_until(700.0)
    assert [item.new for item in news_of(world)] == [
        TargetState.UP,
        TargetState.SUSPECT,
        TargetState.DOWN,
        TargetState.UP,
    ]
    check_ended(world)


@pytest.mark.parametrize("seed", range(3))
def test_a_bad_line_does_not_degrade_a_good_trunk(seed: int) -> None:
    link = Link(delay=0.03, jitter=0.2, loss=0.2, duplicate=0.02)
    world = make_world("anna/t1,t2", seed=seed, link=link, probe=Probe(every=30.0), keep=False)
    world.run_until(6 * 3600.0)
    assert len([call for call in world.trunks["t1"].calls if call.user == TEST_NUMBER]) > 350
    assert TargetState.DEGRADED not in {item.new for item in world.transitions}
    check_ended(world, lossy=True)


def test_a_world_with_test_calls_replays_from_its_seed() -> None:
    digests = set()
    for _ in range(2):
        world = make_world("anna/t1,t2", seed=7, link=Link(jitter=0.05, loss=0.1))
        world.run_until(300.0)
        break_calls(world, REFUSES)
        world.run_until(600.0)
        digests.add(world.network.digest())
    assert len(digests) == 1
