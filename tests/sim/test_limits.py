"""Limits through the whole engine, in virtual time: overflow, pace, busy, session timers, Retry-After, another life."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pytest

from controller.rules.up import dump_rows, load_rows
from controller.scenario.network import Port
from controller.types import (
    ANYTHING,
    BUSY,
    FORBIDDEN,
    FULL,
    THE_NUMBER,
    UNANSWERED,
    Limits,
    Stage,
    Tenant,
    Tolls,
    When,
)
from sip.agent import Script
from tests.playbook import stage
from tests.sim.test_outbound import NUMBER
from tests.sim.test_outbound import URI as OUTWARD
from tests.sim.test_outbound import make_world as make_outbound
from tests.sim.world import DID, ENGINE, World

TALKS = Script(ring_after=0.1, answer_after=0.5)
BUSY_PHONE = Script(ring_after=None, reject=486)
RINGS = Script(ring_after=0.1)


def limited(
    *stages: Stage, trunks: Mapping[str, Limits] | None = None, did: Limits | None = None, seed: int = 0
) -> World:
    """A world whose trunks, and whose number, have limits; everybody answers."""
    world = World(*stages, seed=seed)
    plan = world.engine.switchboard.dialplan
    known = {name: replace(trunk, limits=(trunks or {}).get(name)) for name, trunk in plan.trunks.items()}
    routes = {DID: replace(plan.routes[DID], limits=did)}
    world.engine.reload(replace(plan, trunks=known, routes=routes), world.hops, world.now)
    for target in (target for each in stages for target in each.targets):
        world.behave(target.endpoint, TALKS)
    return world


def talk(world: World, count: int) -> list[str]:
    """So many calls, one after the other, until each is answered or refused."""
    calls = []
    for _ in range(count):
        calls.append(world.call())
        world.run_until(world.now + 1.0)
    return calls


def winners(world: World, calls: list[str]) -> list[str | None]:
    return [world.winner(call) for call in calls]


# --------------------------------------------------------------------------- overflow


def test_a_full_trunk_overflows_to_the_next_and_takes_calls_again() -> None:
    world = limited(stage("anna/t1,t2"), trunks={"t1": Limits(calls=2)})
    calls = talk(world, 3)
    assert winners(world, calls) == ["anna via t1", "anna via t1", "anna via t2"]
    (skipped,) = world.record(calls[2]).skipped
    assert (skipped.what, skipped.why) == ("anna via t1", "t1 is full: 2 of 2 calls")
    world.hang_up(calls[0])
    assert winners(world, talk(world, 1)) == ["anna via t1"]
    world.calm()


def test_when_all_is_full_the_service_takes_the_call() -> None:
    service = stage("service/t3", when=When(overflow=(ANYTHING,)))
    world = limited(stage("anna/t1"), service, trunks={"t1": Limits(calls=1)})
    calls = talk(world, 2)
    assert winners(world, calls) == ["anna via t1", "service via t3"]
    world.calm()


def test_without_a_service_the_caller_hears_503_and_the_record_says_why() -> None:
    world = limited(stage("anna/t1"), trunks={"t1": Limits(calls=1)})
    calls = talk(world, 2)
    assert world.status(calls[1]) == 503
    record = world.record(calls[1])
    assert (record.cause, record.refusal) == (FULL, "t1 is full: 1 of 1 call")
    assert record.seconds < 0.01
    world.calm()


def test_a_number_at_its_limit_is_busy_and_its_overflow_rings_elsewhere() -> None:
    world = limited(stage("anna/t1"), did=Limits(calls=1))
    calls = talk(world, 2)
    assert (world.status(calls[1]), world.record(calls[1]).refusal) == (486, f"{DID} is full: 1 of 1 call")
    world.calm()
    world = limited(stage("anna/t1"), stage("ben/t2", when=When(overflow=(THE_NUMBER,))), did=Limits(calls=1))
    calls = talk(world, 3)
    assert winners(world, calls) == ["anna via t1", "ben via t2", "ben via t2"]
    world.hang_up(calls[0])
    assert winners(world, talk(world, 1)) == ["anna via t1"], "what overflowed does not occupy the number"
    world.calm()


def test_a_ringing_phone_occupies_its_line() -> None:
    world = limited(stage("anna/t1"), stage("ben/t2"), trunks={"t1": Limits(calls=1)})
    world.behave("anna", RINGS)
    first = world.call()
    world.run_until(1.0)
    (second,) = talk(world, 1)
    assert world.winner(second) == "ben via t2"
    world.cancel(first)
    world.run_until(world.now + 1.0)
    world.behave("anna", TALKS)
    assert winners(world, talk(world, 1)) == ["anna via t1"]
    world.calm()


def test_no_more_calls_a_second_than_the_carrier_takes() -> None:
    world = limited(stage("anna/t1,t2"), trunks={"t1": Limits(cps=3)})
    calls = []
    for number in range(100):
        world.at(number * 0.1, lambda: calls.append(world.call()))
    world.run_until(10.0)
    starts = sorted(call.started for call in world.trunks["t1"].calls)
    assert 27 <= len(starts) <= 30
    assert all(later - earlier >= 0.99 for earlier, later in zip(starts, starts[3:], strict=False))
    world.calm()
    assert all(world.winner(call) for call in calls)


def test_a_trunk_that_fills_up_while_a_call_rings_elsewhere_is_passed_by() -> None:
    world = limited(stage("desk/t3", ring=5.0, no_progress=4.0), stage("anna/t1,t2"), trunks={"t1": Limits(calls=1)})
    world.behave("desk", RINGS)
    calls = [world.call(), world.call()]
    world.run_until(7.0)
    assert winners(world, calls) == ["anna via t1", "anna via t2"]
    assert [attempt.cause for attempt in world.record(calls[1]).attempts] == ["NO_ANSWER", FULL, ""]
    world.calm()


def test_a_dead_trunk_keeps_no_lines() -> None:
    world = limited(stage("anna/t1,t2"), trunks={"t1": Limits(calls=1)})
    world.set_port("t1", Port.GONE)
    talk(world, 1)
    world.set_port("t1", Port.OPEN)
    world.run_until(world.now + 40.0)
    assert winners(world, talk(world, 1)) == ["anna via t1"]
    world.calm()


def test_tenants_share() -> None:
    world = limited(stage("anna/t1"))
    plan = world.engine.switchboard.dialplan
    routes = {did: replace(plan.routes[DID], did=did, tenant="acme") for did in (DID, "+15557001")}
    plan = replace(plan, routes=routes, tenants={"acme": Tenant("acme", Limits(calls=1, answer=503))})
    world.engine.reload(plan, world.hops, world.now)
    talk(world, 1)
    other = world.call(f"sip:+15557001@{ENGINE.host}")
    world.run_until(3.0)
    assert (world.status(other), world.record(other).refusal) == (503, "tenant acme is full: 1 of 1 call")
    world.calm()


# --------------------------------------------------------------------------- stages that wait


def test_busy_goes_to_a_stage_of_its_own() -> None:
    stages = (stage("desk/t1"), stage("mailbox/t1", after=(BUSY,)), stage("ben/t2"))
    world = limited(*stages)
    world.behave("desk", BUSY_PHONE)
    (call,) = talk(world, 1)
    assert world.winner(call) == "mailbox via t1"
    world.behave("desk", Script(trying=False, ring_after=None, reject=404))
    (call,) = talk(world, 1)
    assert world.winner(call) == "ben via t2", "nobody was busy"
    world.calm()


def test_no_answer_goes_to_a_stage_of_its_own() -> None:
    world = limited(stage("desk/t1", ring=5.0, no_progress=4.0), stage("mailbox/t1", after=(UNANSWERED,)))
    world.behave("desk", RINGS)
    call = world.call()
    world.run_until(7.0)
    assert world.winner(call) == "mailbox via t1"
    world.calm()


# --------------------------------------------------------------------------- how long a call counts


def test_a_call_whose_end_nobody_saw_counts_until_its_session_timer_is_over() -> None:
    """RFC 4028: refreshed by re-INVITE it counts on; when refreshes stay out, no more."""
    world = limited(stage("anna/t1,t2"), trunks={"t1": Limits(calls=1)})
    world.behave("anna", replace(TALKS, headers=("Session-Expires: 90;refresher=uac",)))
    (call,) = talk(world, 1)
    for _ in range(3):
        world.run_until(world.now + 80.0)
        world.caller.reinvite(call, world.now)
        world.network.settle(world.caller.local)
        world.run_until(world.now + 1.0)
    assert winners(world, talk(world, 1)) == ["anna via t2"], "four minutes later it is up"
    assert world.trunks["t1"].story(call).count("reinvited") == 3
    world.run_until(world.now + 130.0)
    assert winners(world, talk(world, 1)) == ["anna via t1"], "both ends died without a word"
    for each in world.caller.talking:
        world.hang_up(each.id)
    world.run_until(world.now + 100.0)
    world.check_empty()


def test_a_call_without_a_timer_counts_for_four_hours() -> None:
    world = limited(stage("anna/t1,t2"), trunks={"t1": Limits(calls=1)})
    (call,) = talk(world, 1)
    world.run_until(4 * 3600.0 - 10.0)
    assert winners(world, talk(world, 1)) == ["anna via t2"]
    world.run_until(4 * 3600.0 + 10.0)
    assert winners(world, talk(world, 1)) == ["anna via t1"]
    world.hang_up(call)
    world.run_until(world.now + 1.0)
    assert world.caller.story(call)[-1] == "bye 200", "what counts no more is carried all the same"
    world.calm()


def test_422_passes_and_the_second_try_counts_once() -> None:
    world = limited(stage("anna/t1"), trunks={"t1": Limits(calls=1)})
    world.behave("anna", Script(trying=False, ring_after=None, reject=422, headers=("Min-SE: 120",)))
    first = world.call()
    world.run_until(1.0)
    assert world.status(first) == 422
    final = next(
        p for p in world.packets[first] if p.data.startswith(b"SIP/2.0 422") and p.target == world.caller.local
    )
    assert b"\r\nMin-SE: 120\r\n" in final.data
    world.behave("anna", TALKS)
    assert winners(world, talk(world, 1)) == ["anna via t1"]
    world.calm()


def test_limits_hold_after_kill_9_by_what_was_written_down() -> None:
    world = limited(stage("anna/t1,t2"), trunks={"t1": Limits(calls=2)}, did=Limits(calls=3))
    calls = talk(world, 2)
    usage, plan = world.engine.switchboard.usage, world.engine.switchboard.dialplan
    written = json.dumps(dump_rows(usage.up.copy(), wall=1e9))
    world.kill_engine()
    world.engine.reload(plan, world.hops, world.now)
    world.engine.switchboard.usage.restore(load_rows(json.loads(written), wall=1e9), world.now)
    assert world.engine.switchboard.usage.held == usage.held
    third, fourth = talk(world, 2)
    assert world.winner(third) == "anna via t2"
    assert world.status(fourth) == 486
    world.hang_up(calls[0])
    world.run_until(world.now + 1.0)
    assert winners(world, talk(world, 1)) == ["anna via t1"]
    world.calm()


# --------------------------------------------------------------------------- Retry-After


def test_retry_after_holds_a_trunk_out_but_no_longer_than_the_dialplan_says() -> None:
    """Must show 8; the carrier asks for an hour."""
    world = limited(stage("anna/t1,t2"))
    plan = world.engine.switchboard.dialplan
    trunks = {**plan.trunks, "t1": replace(plan.trunks["t1"], retry_after=20.0)}
    world.engine.reload(replace(plan, trunks=trunks), world.hops, world.now)
    away = Script(trying=False, ring_after=None, reject=503, headers=("Retry-After: 3600",))
    world.trunks["t1"].scripts["anna"] = away
    (first,) = talk(world, 1)
    assert [attempt.path for attempt in world.record(first).attempts] == ["anna via t1", "anna via t2"]
    world.trunks["t1"].scripts["anna"] = TALKS
    held = talk(world, 15)
    assert winners(world, held) == ["anna via t2"] * 15
    assert all(len(world.record(call).attempts) == 1 for call in held), "it is not even asked"
    world.run_until(60.0)
    back = Counter(winners(world, talk(world, 5)))
    assert back["anna via t1"] == 5
    world.calm()


def test_retry_after_never_holds_out_the_last_way() -> None:
    world = limited(stage("anna/t1,t2"))
    away = Script(trying=False, ring_after=None, reject=503, headers=("Retry-After: 3600",))
    for trunk in ("t1", "t2"):
        world.trunks[trunk].scripts["anna"] = away
    talk(world, 1)
    world.behave("anna", TALKS)
    (call,) = talk(world, 1)
    assert world.winner(call) is not None
    world.calm()


def test_retry_after_may_be_ignored() -> None:
    world = limited(stage("anna/t1,t2"))
    plan = world.engine.switchboard.dialplan
    trunks = {**plan.trunks, "t1": replace(plan.trunks["t1"], retry_after=0.0)}
    world.engine.reload(replace(plan, trunks=trunks), world.hops, world.now)
    away = Script(trying=False, ring_after=None, reject=503, headers=("Retry-After: 3600",))
    world.trunks["t1"].scripts["anna"] = away
    talk(world, 1)
    world.trunks["t1"].scripts["anna"] = TALKS
    assert winners(world, talk(world, 3)) == ["anna via t1"] * 3
    world.calm()


# --------------------------------------------------------------------------- calls out


def outbound(tolls: Tolls | None, max_cost: float | None = None, **trunks: dict[str, float]) -> World:
    world = make_outbound(**trunks)
    plan = world.engine.switchboard.dialplan
    chain = plan.chains["outbound *"]
    chain = replace(chain, stages=(replace(chain.stages[0], max_cost=max_cost),))
    routes = {"": {"hq-pbx": replace(plan.outbound[""]["hq-pbx"], tolls=tolls)}}
    plan = replace(plan, chains={**plan.chains, "outbound *": chain}, outbound=routes)
    hops = {**world.hops, "hq-pbx": world.caller.local}
    world.engine.reload(plan, hops, world.now)
    return world


@pytest.mark.parametrize("dialled", ["+19005550100", "190055501001", "*6719005550100", "+442079460000", "+18765550100"])
def test_what_may_not_be_dialled_reaches_no_carrier(dialled: str) -> None:
    world = outbound(Tolls(("US", "CA")))
    call = world.call(f"sip:{dialled}@{ENGINE.host}")
    world.calm()
    assert world.status(call) == 403
    record = world.record(call)
    assert (record.cause, record.attempts) == (FORBIDDEN, [])
    assert record.refusal.startswith(f"{dialled} is a")
    assert not [call for trunk in world.trunks.values() for call in trunk.calls]


@pytest.mark.parametrize("dialled", ["911", "112", "999"])
def test_emergency_calls_know_no_limit_no_price_and_no_country(dialled: str) -> None:
    world = outbound(Tolls(("GB",)), 0.05, carrier_a={"cost": 1.0}, carrier_b={"cost": 1.0})
    plan = world.engine.switchboard.dialplan
    trunks = {name: replace(trunk, limits=Limits(calls=1, cps=0.1)) for name, trunk in plan.trunks.items()}
    routes = {"": {"hq-pbx": replace(plan.outbound[""]["hq-pbx"], limits=Limits(calls=1))}}
    hops = {**world.hops, "hq-pbx": world.caller.local}
    world.engine.reload(replace(plan, trunks=trunks, outbound=routes), hops, world.now)
    world.behave(dialled, TALKS)
    calls = []
    for _ in range(4):
        calls.append(world.call(f"sip:{dialled}@{ENGINE.host}"))
        world.run_until(world.now + 1.0)
    assert [world.status(call) for call in calls] == [200] * 4
    other = world.call("sip:+442079460000@192.0.2.10")
    world.run_until(world.now + 1.0)
    assert world.status(other) == 486, "they count all the same"
    world.calm()


def test_an_outbound_route_has_a_limit_of_its_own() -> None:
    world = outbound(Tolls())
    plan = world.engine.switchboard.dialplan
    routes = {"": {"hq-pbx": replace(plan.outbound[""]["hq-pbx"], limits=Limits(calls=1, answer=503))}}
    world.engine.reload(replace(plan, outbound=routes), {**world.hops, "hq-pbx": world.caller.local}, world.now)
    world.behave(NUMBER, TALKS)
    calls = [world.call(OUTWARD), world.call(OUTWARD)]
    world.run_until(2.0)
    assert [world.status(call) for call in calls] == [200, 503]
    assert world.record(calls[1]).refusal == "outbound * is full: 1 of 1 call"
    world.calm()


def test_what_may_be_dialled_goes_out() -> None:
    world = outbound(Tolls(("US", "CA")))
    call = world.call(OUTWARD)
    world.calm()
    assert world.winner(call) == "outbound * via carrier-a"


def test_a_carrier_that_costs_too_much_is_never_used() -> None:
    world = outbound(Tolls(), 0.05, carrier_a={"cost": 0.06}, carrier_b={"cost": 0.01})
    world.behave(NUMBER, Script(trying=False, ring_after=None, reject=503))
    call = world.call(OUTWARD)
    world.calm()
    record = world.record(call)
    assert [attempt.path for attempt in record.attempts] == ["outbound * via carrier-b"]
    assert [skipped.why for skipped in record.skipped] == ["carrier-a costs 0.06 a minute, more than 0.05"]


# --------------------------------------------------------------------------- whatever happens


def test_whatever_happens_no_trunk_has_more_calls_than_its_limit_and_no_line_is_lost() -> None:
    """What the far side counts: transactions in progress and dialogs, never more than the limit beside those cancelled."""
    seen: Counter[str] = Counter()
    for seed in range(25):
        dice = random.Random(seed)
        world = limited(
            stage("anna/t1,t2 | ben/t2,t1", mode=dice.choice(["sequential", "parallel", "hybrid"])),
            stage("service/t3", when=When(overflow=("t1", "t2"))),
            trunks={"t1": Limits(calls=dice.randint(1, 3)), "t2": Limits(outward=2, cps=dice.choice([None, 2.0]))},
            did=Limits(calls=dice.choice([1, 5])),
            seed=seed,
        )
        plan = world.engine.switchboard.dialplan
        for user in ("anna", "ben", "service"):
            world.behave(
                user, replace(TALKS, answer_after=dice.choice([0.2, 3.0]), hang_up_after=dice.choice([None, 4.0]))
            )
        most = {name: trunk.limits for name, trunk in plan.trunks.items() if trunk.limits is not None}
        for _ in range(25):
            world.call()
            world.run_until(world.now + dice.choice([0.0, 0.05, 0.3, 1.0]))
            held = world.engine.switchboard.usage.held
            for name, limits in most.items():
                allowed = limits.calls or limits.outward or 0
                assert held.get(f"out {name}", 0) <= allowed, f"seed {seed}"
                talking = [call for call in world.trunks[name].calls if call.answered and call.ended is None]
                assert len(talking) <= allowed, f"seed {seed}"
                seen["full"] += len(talking) == allowed
            if dice.random() < 0.3 and world.caller.talking:
                world.hang_up(dice.choice(world.caller.talking).id)
        world.calm()
        for records in world.records.values():
            seen[str(records[0].status)] += 1
            seen["service"] += (records[0].winner or "").startswith("service")
    assert min(seen[kind] for kind in ("full", "200", "486", "service")) > 20, seen
