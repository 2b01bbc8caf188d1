"""What `explain` says is what the whole engine then does, packet for packet."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import inf

import pytest

from controller.explain import Explanation, explain
from controller.health.outcomes import Outcome, OutcomeClass
from controller.health.score import Scores
from controller.rules.quality import Quality, trunk_targets
from controller.scenario.network import Port
from controller.types import CallRecord, HealthView, Mode, Order, Stage, TargetState
from sip.agent import Script
from tests.playbook import stage
from tests.sim.world import World

BROKEN = Script(trying=False, ring_after=None, reject=503)
TRUNKS = ("t1", "t2", "t3")


def random_stages(dice: random.Random) -> list[Stage]:
    stages = []
    for number in range(dice.randint(1, 3)):
        people = [
            f"p{number}{n}/{','.join(dice.sample(TRUNKS, dice.randint(1, 3)))}" for n in range(dice.randint(1, 3))
        ]
        hedge = dice.choice(["auto", "auto", 0.4])
        stages.append(stage(" | ".join(people), mode=dice.choice([*Mode]), order=dice.choice([*Order]), hedge=hedge))
    return stages


def trouble(world: World, dice: random.Random) -> None:
    """Trunks that are parked, on their way back, or held after failures."""
    scores, now = world.engine.scores, world.now
    for name in world.trunks:
        fate = dice.choice(["well", "well", "parked", "home", "failing"])
        if fate in {"parked", "home"}:
            scores.park(name, now)
        if fate == "home":
            scores.home(name, now)
        for _ in range(10 if fate == "failing" else 0):
            scores.observe(Outcome(name, OutcomeClass.FAILURE), now)


def explain_then_call(seed: int, prepare: Callable[[World], None]) -> tuple[Explanation, CallRecord, float]:
    """What was said of a call with all that was known when it came, and what became of it; and after how many seconds
    a trunk was found dead, which nobody could have said."""
    dice = random.Random(seed)
    world = World(*random_stages(dice), seed=seed)
    prepare(world)
    world.run_until(10.0)
    if dice.random() < 0.5:
        trouble(world, dice)
    engine = world.engine
    dialplan = engine.switchboard.dialplan
    view: HealthView = engine.board.view
    now, known = world.now, Scores.load(engine.scores.dump(), trunk_targets(dialplan))
    call = world.call()
    world.calm()
    record = world.record(call)
    found = explain(dialplan, record.offer, view, Quality(known, now))
    deaths = (each.at - now for each in world.transitions if each.new is TargetState.DOWN and each.at > now)
    return found, record, min(deaths, default=inf)


def refuse_all(world: World) -> None:
    for trunk in world.trunks.values():
        trunk.script = BROKEN


def silence_all(world: World) -> None:
    for trunk in world.hops:
        world.set_port(trunk, Port.GONE)


def test_attempts_that_all_fail_come_in_the_order_that_was_explained() -> None:
    decided = 0
    for seed in range(40):
        found, record, _ = explain_then_call(seed, refuse_all)
        assert tuple(attempt.path for attempt in record.attempts) == found.order, f"seed {seed}"
        decided += any(target.quality for each in found.stages for target in each.targets)
    assert decided > 6, "quarantine had a say"


def test_attempts_that_nothing_is_heard_of_are_hedged_as_was_explained() -> None:
    hedged = compared = 0
    for seed in range(40):
        found, record, learnt = explain_then_call(seed, silence_all)
        foreseen = [step for step in found.silent if step.at < learnt - 0.05]
        happened = [attempt for attempt in record.attempts if attempt.started < learnt - 0.05]
        assert [attempt.path for attempt in happened] == [step.path for step in foreseen], f"seed {seed}"
        for attempt, step in zip(happened, foreseen, strict=True):
            assert attempt.started == pytest.approx(step.at, abs=1e-3), f"seed {seed}"
        compared += len(foreseen)
        hedged += any(0 < step.at < 1.0 for step in foreseen)
    assert hedged > 20
    assert compared > 100
