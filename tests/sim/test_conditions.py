"""Calls through the whole engine whose chains have conditions: the hour, the caller, a site that goes dark."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import Any

from controller.scenario.network import Port
from controller.types import Hours, Probe, Site, When
from sip.agent import Script
from tests.playbook import stage
from tests.sim.world import CALLER, ENGINE, URI, World

ANSWERS = Script(ring_after=0.1, answer_after=1.0, hang_up_after=3.0)
FIRST_HOUR = Hours("first-hour", UTC, (((0, 3600),),) * 7)


def follow(world: World, **changes: Any) -> None:
    """Reload the engine with another dialplan."""
    dialplan = replace(world.engine.switchboard.dialplan, **changes)
    world.engine.reload(dialplan, world.hops, world.now)


def test_the_same_number_rings_somebody_else_after_hours() -> None:
    world = World(stage("anna/t1", when=When(hours="first-hour")), stage("ben/t2"))
    follow(world, hours={"first-hour": FIRST_HOUR})
    for user in ("anna", "ben"):
        world.behave(user, ANSWERS)
    calls = []
    for seconds in (3590.0, 3600.0, 86400.0):
        world.engine.plane.epoch_offset = seconds - world.now
        calls.append(world.call())
        world.run_until(world.now + 0.5)
    world.calm()
    assert [world.winner(call) for call in calls] == ["anna via t1", "ben via t2", "anna via t1"]
    (skipped,) = world.record(calls[1]).skipped
    assert (skipped.what, skipped.why) == ("stage 1", "first-hour is closed: Thu 1970-01-01 01:00 UTC")


def test_the_same_number_rings_somebody_else_for_other_callers() -> None:
    """Whoever writes his number with or without the plus is the same caller."""
    world = World(stage("anna/t1", when=When(callers=("+1555", "+44"))), stage("ben/t2"))
    for user in ("anna", "ben"):
        world.behave(user, ANSWERS)
    calls = []
    for caller in ("+15550001", "15550001", "+442071234567", "+16665550001", "anonymous"):
        calls.append(world.caller.place_call(URI, ENGINE, world.now, caller=caller))
        world.network.settle(CALLER)
        world.calm()
    assert [world.winner(call) for call in calls] == ["anna via t1"] * 3 + ["ben via t2"] * 2
    (skipped,) = world.record(calls[3]).skipped
    assert (skipped.what, skipped.why) == ("stage 1", "caller +16665550001 does not begin with +1555 or +44")


def test_a_chain_whose_turn_never_comes_is_refused_at_once() -> None:
    world = World(stage("anna/t1", when=When(not_hours="first-hour")))
    follow(world, hours={"first-hour": FIRST_HOUR})
    call = world.call()
    world.calm()
    assert world.status(call) == 480
    assert world.record(call).attempts == []


def test_a_site_that_goes_dark_moves_its_numbers_together_and_takes_them_back() -> None:
    """Both PBXs of headquarters die; the carrier's line that ends there still answers probes, and is not used."""
    world = World(
        stage("desk/hq-1,hq-2,branch"),
        stage("help/branch", when=When(sites=(("hq", False),))),
        stage("mobile/hq-line,carrier"),
        probe=Probe(),
    )
    trunks = dict(world.engine.switchboard.dialplan.trunks)
    for name in ("hq-1", "hq-2", "hq-line"):
        trunks[name] = replace(trunks[name], site="hq")
    follow(world, trunks=trunks, sites={"hq": Site("hq", ("hq-1", "hq-2"))})
    world.behave("mobile", ANSWERS)
    for user in ("desk", "help"):
        world.behave(user, Script(ring_after=None, reject=486, reject_after=0.05))

    def ways() -> list[str]:
        call = world.call()
        world.calm()
        assert world.winner(call) == world.record(call).attempts[-1].path
        return [attempt.path for attempt in world.record(call).attempts]

    assert ways() == ["desk via hq-1", "mobile via hq-line"]
    world.set_port("hq-1", Port.GONE)
    world.run_until(world.now + 2.0)
    assert ways() == ["desk via hq-2", "mobile via hq-line"]
    world.set_port("hq-2", Port.GONE)
    world.run_until(world.now + 2.0)
    assert ways() == ["desk via branch", "help via branch", "mobile via carrier"]
    world.set_port("hq-2", Port.OPEN)
    world.run_until(world.now + 90.0)  # it gets its calls back in steps
    assert ways() == ["desk via hq-2", "mobile via hq-line"]
