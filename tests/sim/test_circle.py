"""Three callwards that send a call to each other: it ends, soon, and with few messages (RFC 3261 §16.3, RFC 5393)."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

import pytest

from controller.engine import Engine
from controller.scenario.network import Link, Network, Packet
from controller.types import Chain, Dialplan, Listen, Mode, Route, Stage, Trunk
from sip.agent import Agent, Script
from sip.element import Element
from sip.seal import Seal
from sip.transaction import Hop
from tests.playbook import stage

CALLER = Hop("198.51.100.1", 5060)
HOPS = {name: Hop(f"192.0.2.{number}", 5060) for number, name in enumerate(("a", "b", "c"), 1)}
DID = "+15557000"

RING = {"a": stage(f"{DID}/b"), "b": stage(f"{DID}/c"), "c": stage(f"{DID}/a")}  # each knows one other
MESH = {
    name: stage(f"{DID}/{one} | {DID}/{other}") for name, one, other in ("abc", "bca", "cab")
}  # first one, then the other
FORK = {name: replace(chain, mode=Mode.PARALLEL) for name, chain in MESH.items()}  # both at once


def make_engine(name: str, chain: Stage) -> Engine:
    """A callward of its own: its keys, its trunks to the others, probing off."""
    hop = HOPS[name]
    others = {other: there for other, there in HOPS.items() if other != name}
    dialplan = Dialplan(
        name,
        (Listen(hop.host, hop.port),),
        {other: Trunk(other, there.host, there.port, probe=None) for other, there in others.items()},
        {"round": Chain("round", (chain,))},
        {DID: Route(DID, "round")},
    )
    element = Element(hop, f"the branch key of {name}".ljust(32).encode(), Seal({"1": bytes(range(32))}, "1"))
    tokens = random.Random(name)
    return Engine(dialplan, element, others, 0.0, token=lambda: f"{tokens.getrandbits(96):024x}")


def play(chains: Mapping[str, Stage], link: Link | None = None) -> tuple[list[int], list[Packet]]:
    """One INVITE to the first of them; the finals that the caller got, and all packets."""
    packets: list[Packet] = []
    network = Network(random.Random(1), link)
    network.on_packet = packets.append
    caller = Agent("caller", CALLER, Script())
    network.join(caller, CALLER)
    engines = {name: make_engine(name, chain) for name, chain in chains.items()}
    for name, engine in engines.items():
        network.join(engine, HOPS[name])
    call = caller.place_call(f"sip:{DID}@{HOPS['a'].host}", HOPS["a"], 0.0)
    network.settle(CALLER)
    network.run_until(300.0)
    for engine in engines.values():
        assert not len(engine.plane)
        assert not engine.switchboard.usage.held
    return [status for status, _ in caller.find(call).finals], packets


@pytest.mark.parametrize(
    ("chains", "expected"), [(RING, {482}), (MESH, {482}), (FORK, {440, 482})], ids=["ring", "mesh", "fork"]
)
def test_a_call_that_runs_in_a_circle_ends_with_few_messages(chains: Mapping[str, Stage], expected: set[int]) -> None:
    """440 is RFC 5393's: whoever forks has no breadth left to try everybody."""
    finals, packets = play(chains)
    assert len(finals) == 1
    assert set(finals) <= expected
    assert len(packets) <= 70
    assert packets[-1].sent < 1.0


def test_it_ends_on_a_lossy_network_too() -> None:
    finals, packets = play(RING, Link(loss=0.2, delay=0.02))
    assert len(finals) == 1
    assert 400 <= finals[0] < 700
    assert len(packets) < 200
