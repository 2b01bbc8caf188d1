"""What `explain` says is what the whole engine then does, packet for packet."""

from __future__ import annotations

import random

from controller.explain import explain
from controller.types import Mode, Order
from sip.agent import Script
from tests.playbook import stage
from tests.sim.world import World

BROKEN = Script(trying=False, ring_after=None, reject=503)


def test_attempts_that_all_fail_come_in_the_order_that_was_explained() -> None:
    for seed in range(100):
        dice = random.Random(seed)
        stages = []
        for number in range(dice.randint(1, 3)):
            people = [
                f"p{number}{n}/{','.join(dice.sample(['t1', 't2', 't3'], dice.randint(1, 3)))}"
                for n in range(dice.randint(1, 3))
            ]
            stages.append(stage(" | ".join(people), mode=dice.choice([*Mode]), order=dice.choice([*Order])))
        world = World(*stages, seed=seed)
        for trunk in world.trunks.values():
            trunk.script = BROKEN
        call = world.call()
        world.calm()
        record = world.record(call)
        found = explain(world.engine.switchboard.dialplan, record.offer, world.engine.board.view)
        assert tuple(attempt.path for attempt in record.attempts) == found.order, f"seed {seed}"
