"""kill -9 in virtual time: what survives the daemon because it is computed, not remembered."""

from __future__ import annotations

from controller.scenario.network import Link
from sip.agent import Script
from tests.playbook import stage
from tests.sim.world import AFTERMATH, CALLER, ENGINE, World

ANNA = stage("anna/t1,t2", ring=60.0)


def test_an_established_call_ends_properly_in_another_life() -> None:
    for who in ("caller", "callee"):
        world = World(ANNA)
        world.behave("anna", Script(answer_after=1.0, hang_up_after=9.0 if who == "callee" else None))
        call = world.call()
        world.run_until(5.0)
        world.kill_engine()
        if who == "caller":
            world.hang_up(call)
        world.run_until(20.0)
        assert world.caller.story(call)[-1] == ("bye 200" if who == "caller" else "ended")
        assert world.trunks["t1"].story(call)[-1] == ("ended" if who == "caller" else "bye 200")


def test_a_phone_that_rings_may_still_answer() -> None:
    world = World(ANNA)
    world.behave("anna", Script(answer_after=8.0, hang_up_after=5.0))
    call = world.call()
    world.run_until(5.0)
    world.kill_engine()
    world.run_until(30.0 + AFTERMATH)
    assert world.caller.story(call) == ["placed", "trying", "ringing", "answered", "ended"]
    assert world.trunks["t1"].story(call) == ["invited", "ringing", "answered", "acked", "hung up", "bye 200"]
    world.check_empty()


def test_a_phone_that_rings_is_silent_when_the_caller_gives_up() -> None:
    world = World(ANNA)
    world.behave("anna", Script(answer_after=30.0))
    call = world.call()
    world.run_until(5.0)
    world.kill_engine()
    world.cancel(call)
    world.run_until(6.0)
    assert [rang.cancelled for rang in world.rang("anna")] == [True]
    world.run_until(60.0 + AFTERMATH)
    assert world.caller.story(call) == ["placed", "trying", "ringing", "cancelling", "final 487"]
    assert world.trunks["t1"].story(call) == ["invited", "ringing", "cancelled"]
    world.check_empty()


def test_an_invite_that_is_repeated_into_another_life_rings_once() -> None:
    world = World(ANNA)
    world.network.links[ENGINE, CALLER] = Link(loss=1.0)  # the caller hears nothing, so it repeats itself
    world.behave("anna", Script(answer_after=8.0, hang_up_after=5.0))
    call = world.call()
    world.run_until(0.3)
    assert [rang.user for rang in world.rang("anna")] == ["anna"]
    world.kill_engine()
    del world.network.links[ENGINE, CALLER]
    world.run_until(60.0 + AFTERMATH)
    assert len(world.rang("anna")) == 1, "the second life used the branch of the first"
    assert world.winner(call) == "anna via t1"
    world.check([call])
    world.check_empty()


def test_a_second_life_finds_its_trunks_again() -> None:
    world = World(ANNA)
    world.behave("anna", Script(answer_after=1.0, hang_up_after=1.0))
    world.kill_engine()
    call = world.call()
    world.calm()
    assert world.winner(call) == "anna via t1"
