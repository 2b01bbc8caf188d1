"""Rewriting in worlds made of chance: loss, glare, dead trunks, a dead daemon. No side ever sees the other's From and To."""

from __future__ import annotations

import random

import pytest

from controller.types import Asserted, Identity, Show
from sip.guise import address_in
from sip.parser import parse_message
from tests.sim.chaos import make_chaos
from tests.sim.world import CALLER, DID, ENGINE, World

SHOWN = Identity(Show.OWN, name="Acme", asserted=Asserted.ASSERTED, trusted=False, diversion=True, history=True)
OURS = f'"Acme" <sip:{DID}@{ENGINE.host}>'


def seen_by(world: World, call: str) -> dict[str, set[tuple[str, str]]]:
    """The addresses of caller and callee in every message of a call, by who sent or got it."""
    caller_tag = next(parse_message(packet.data).from_tag for packet in world.packets[call])
    found: dict[str, set[tuple[str, str]]] = {"caller": set(), "trunks": set()}
    for packet in world.packets[call]:
        message = parse_message(packet.data)
        sender, receiver = (address_in(message.require(name)) for name in ("from", "to"))
        pair = (sender, receiver) if message.from_tag == caller_tag else (receiver, sender)
        found["caller" if CALLER in (packet.source, packet.target) else "trunks"].add(pair)
    return found


@pytest.mark.parametrize("killed", [False, True], ids=["one life", "kill -9 in mid-call"])
def test_each_side_sees_one_from_and_to_whatever_happens(killed: bool) -> None:
    for seed in range(150):
        chaos = make_chaos(seed, shown=SHOWN)
        world, call = chaos.world, chaos.call
        if killed:
            world.at(world.now + random.Random(seed).uniform(0.1, 8.0), world.kill_engine)
            world.run_until(world.now + 60.0)
        else:
            world.calm()
        found = seen_by(world, call)
        (as_written,) = found["caller"]
        assert as_written[0] != OURS, f"seed {seed}"
        assert found["trunks"] in ({(OURS, as_written[1])}, set()), f"seed {seed}\n{world.ladder(call)}"
