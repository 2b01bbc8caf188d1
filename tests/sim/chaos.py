"""Worlds made of chance: a seed chooses chain, links, faults, people and the caller's patience.

Owns the choice only; what must be true of such a world is checked by `World.calm` and test_chaos.py.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from controller.scenario.network import Link, Port
from controller.types import Identity, Mode, Stage
from sip.agent import Script
from tests.playbook import stage
from tests.sim.world import World

ANCHOR = "tz"  # the trunk of the last stage
OLD = 200.0  # the engine is no newborn: what it does not know is not of a past life
MODES = (Mode.SEQUENTIAL, Mode.PARALLEL, Mode.HYBRID)

#: How a network may be: an office, an ocean, a bad line, a storm.
LINKS = {
    "clean": Link(delay=0.005),
    "far": Link(delay=0.12, jitter=0.06),
    "untidy": Link(delay=0.02, jitter=0.2, duplicate=0.2, reorder=0.1, held=0.7),
    "lossy": Link(delay=0.02, jitter=0.05, loss=0.2, duplicate=0.05),
}


@dataclass(slots=True)
class Chaos:
    """One world and its one call, which rings from the start."""

    world: World
    call: str
    line: str  # the kind of network
    cancels: bool  # whether the caller gives up at some moment
    healthy: bool  # whether the last stage would answer


def make_chaos(seed: int, line: str | None = None, *, faults: bool = True, shown: Identity | None = None) -> Chaos:
    """The world of a seed; ``line`` chooses the network, ``healthy`` anchors are the rule; ``shown`` is what trunks are
    shown of the caller."""
    dice = random.Random(f"{seed}/chaos")
    line = line or dice.choice(list(LINKS))
    healthy = dice.random() < 0.8
    world = World(*_chain(dice), seed=seed, link=LINKS[line])
    world.run_until(OLD)
    if shown is not None:
        world.show(shown)
    for user in ("anna", "ben", "carla", "dora"):
        world.behave(user, _person(dice))
    anchor = world.trunks[ANCHOR]
    anchor.script = Script(ring_after=0.05, answer_after=0.4, hang_up_after=3.0) if healthy else _person(dice)
    if faults:
        for trunk in world.trunks:
            if trunk != ANCHOR and dice.random() < 0.3:
                _break(world, trunk, dice)
    call = world.call()
    cancels = dice.random() < 0.25
    if cancels:
        world.at(world.now + _moment(dice), world.cancel, call)
    return Chaos(world, call, line, cancels, healthy)


def _chain(dice: random.Random) -> list[Stage]:
    def some(text: str) -> Stage:
        hedge = dice.choice(("auto", "auto", "auto", 1.0, None))
        return stage(text, mode=dice.choice(MODES), ring=dice.choice((4.0, 8.0)), stagger=2.0, hedge=hedge)

    first = dice.choice(("anna/t1,t2", "anna/t1 | ben/t2", "anna/t1,t2 | ben/t2,t3 | carla/t3", "anna/t1"))
    second = dice.choice(("dora/t3", "ben/t1,t3 | dora/t2", "carla/t4 | dora/t1"))
    return [some(first), *([some(second)] if dice.random() < 0.6 else []), stage(f"answering/{ANCHOR}", ring=20.0)]


def _person(dice: random.Random) -> Script:
    answers = round(dice.uniform(0.2, 10.0), 2)
    rings = dice.choice((0.0, 0.1, 0.5, 2.0))
    return dice.choice(
        (
            Script(ring_after=rings, answer_after=rings + answers, hang_up_after=3.0),
            Script(ring_after=rings, answer_after=rings + answers, hang_up_after=3.0),
            Script(trying=False, ring_after=rings),
            Script(ring_after=rings, answer_cancelled=dice.choice((0.0, 0.3)), hang_up_after=1.0),
            Script(ring_after=None, reject=486, reject_after=rings),
            Script(reject=603, reject_after=answers),
            Script(trying=False, ring_after=None, reject=dice.choice((503, 480, 404, 500, 482))),
            Script(silent=True),
            Script(drop_invites=2, answer_after=1.0),
            Script(ring_after=rings, answer_after=1.0, refuse_merged=True),
        )
    )


def _break(world: World, trunk: str, dice: random.Random) -> None:
    """A fault that is there from the start, comes or goes during the call."""
    begins, ends = dice.choice(((0.0, 0.0), (0.0, _moment(dice)), (_moment(dice), 0.0)))
    fault = dice.choice((Port.GONE, Port.GONE, Port.CLOSED, Port.DEAF, None))
    if fault is None:
        world.at(world.now + begins, world.crash, trunk)
        if ends:
            world.at(world.now + ends, world.restart, trunk)
        return
    world.at(world.now + begins, world.set_port, trunk, fault)
    if ends:
        world.at(world.now + ends, world.set_port, trunk, Port.OPEN)


def _moment(dice: random.Random) -> float:
    return dice.choice((dice.uniform(0.0, 0.1), dice.uniform(0.0, 3.0), dice.uniform(0.0, 20.0)))
