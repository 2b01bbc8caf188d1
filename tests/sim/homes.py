"""An engine at home in several networks, between a carrier and two phones of a PBX, in virtual time.

Owns the doors: each listener is an address of its own on the network, and what it takes and sends goes by that one.
A peer behind NAT is one whose own address is another than the network's: what is sent to that reaches nobody.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from controller.engine import Engine
from controller.scenario.network import Fate, Network, Packet
from controller.types import Chain, Dialplan, Mode, Path, Route, Stage, Target, Trunk
from sip.agent import Agent, Script
from sip.element import Element
from sip.seal import Seal
from sip.transaction import Hop
from sip.uri import bracketed

DESK, MOBILE = "+15557000", "+15550100"  # rung at the PBX, and by the carrier
TALKS = Script(ring_after=0.1, answer_after=1.0)


class _Door:
    """One listener of the engine, as the network drives it."""

    def __init__(self, homes: Homes, ours: Hop) -> None:
        self._homes = homes
        self.ours = ours
        self.outbox: list[tuple[bytes, Hop]] = []

    def receive(self, data: bytes, source: Hop, now: float) -> None:
        self._homes.engine.receive(data, source._replace(listener=self.ours.listener), now)
        self._homes.settle()

    def unreachable(self, quoted: bytes, hop: Hop, now: float) -> None:
        self._homes.engine.unreachable(quoted, hop._replace(listener=self.ours.listener), now)
        self._homes.settle()

    def next_deadline(self) -> float:
        return self._homes.engine.next_deadline() if self is self._homes.doors[0] else inf

    def handle_timer(self, now: float) -> None:
        self._homes.engine.handle_timer(now)
        self._homes.settle()


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody on the network. ``hop`` is where we reach it, by which listener; ``own`` its address as it knows itself."""

    hop: Hop
    own: Hop

    @property
    def is_behind_nat(self) -> bool:
        return self.own != on_network(self.hop)


def peer(host: str, listener: str = "", *, port: int = 5060, own: Hop | None = None) -> Peer:
    """A peer over UDP; ``own`` is its address behind NAT."""
    return Peer(Hop(host, port, "udp", listener), own or Hop(host, port))


class Homes:
    """See the top of the file. ``ours`` are the listeners, ``peers`` has carrier, pbx and, for forks, pbx-2."""

    def __init__(self, ours: Sequence[Hop], peers: Mapping[str, Peer], *, nat: bool = True) -> None:
        """``nat`` says whether the dialplan tells what is behind NAT."""
        self._ours = ours
        self.peers = peers
        self._hops = {name: peer.hop for name, peer in peers.items()}
        self.network = Network(random.Random(0))
        self.packets: list[Packet] = []
        self.network.on_packet = self.packets.append
        trunks = {
            name: Trunk(name, *peer.hop[:2], probe=None, nat=nat and peer.is_behind_nat) for name, peer in peers.items()
        }
        desks = tuple(
            Target(f"desk {name}", (_path("desk", "100", name, peers),)) for name in peers if name != "carrier"
        )
        chains = {
            "in": Chain("in", (Stage(desks, mode=Mode.PARALLEL),)),
            "out": Chain("out", (Stage((Target("mobile", (_path("mobile", MOBILE, "carrier", peers),)),)),)),
        }
        routes = {DESK: Route(DESK, "in"), MOBILE: Route(MOBILE, "out")}
        self._plan = Dialplan("homes", (), trunks, chains, routes)
        self.engine = self._make_engine()
        self.doors = [_Door(self, hop) for hop in ours]
        self.agents = {name: Agent(name, peer.own, TALKS) for name, peer in peers.items()}
        for door in self.doors:
            self.network.join(door, on_network(door.ours))
        for name, agent in self.agents.items():
            self.network.join(agent, on_network(peers[name].hop))

    def _make_engine(self) -> Engine:
        element = Element(self._ours[0], b"b" * 32, Seal({"1": b"s" * 32}, "1"), {}, *self._ours[1:])
        return Engine(self._plan, element, dict(self._hops), self.network.now, token=lambda: "token")

    def kill_engine(self) -> None:
        """kill -9: another life, with the same keys."""
        self.engine = self._make_engine()

    def reload(self, **hops: Hop) -> None:
        """The dialplan is the same; trunks have other addresses, or are reached by other listeners."""
        self._hops.update(hops)
        self.engine.reload(self._plan, dict(self._hops), self.network.now)
        self.settle()

    def settle(self) -> None:
        """What the engine sends leaves by the door that it names."""
        batch = self.engine.outbox[:]
        self.engine.outbox.clear()
        doors = {door.ours[2:]: door for door in self.doors}
        for data, hop in batch:
            doors[hop[2:]].outbox.append((data, on_network(hop)))
        for door in self.doors:
            self.network.settle(on_network(door.ours))

    # -- what tests do

    def call(self, caller: str, number: str) -> str:
        """Somebody calls, by the listener that it knows; returns the Call-ID."""
        ours = next(hop for hop in self._ours if hop.listener == self.peers[caller].hop.listener)
        uri = f"sip:{number}@{bracketed(ours.host)}:{ours.port}"
        call_id = self.agents[caller].place_call(uri, on_network(ours), self.network.now)
        self.network.settle(on_network(self.peers[caller].hop))
        return call_id

    def tell(self, who: str, order: str, call_id: str) -> None:
        """``hang_up``, ``cancel`` or ``reinvite`` by one side of a call."""
        getattr(self.agents[who], order)(call_id, self.network.now)
        self.network.settle(on_network(self.peers[who].hop))

    def wait(self, seconds: float) -> None:
        self.network.run_until(self.network.now + seconds)

    # -- what tests look at

    def story(self, who: str, call_id: str) -> list[str]:
        return self.agents[who].story(call_id)

    def strangers(self) -> list[str]:
        """Packets of ours that went to nobody, or came to somebody from an address that it does not know."""
        ours = {on_network(door.ours): door.ours.listener for door in self.doors}
        knows = {on_network(peer.hop): peer.hop.listener for peer in self.peers.values()}
        return [
            f"{packet.source} to {packet.target}: {packet.data[:40]!r}"
            for packet in self.packets
            if packet.source in ours
            and (packet.fate is Fate.SWALLOWED or knows.get(packet.target) != ours[packet.source])
        ]


def on_network(hop: Hop) -> Hop:
    """The address alone."""
    return Hop(*hop[:3])


def _path(endpoint: str, user: str, trunk: str, peers: Mapping[str, Peer]) -> Path:
    host, port = peers[trunk].hop[:2]
    return Path(f"{endpoint} via {trunk}", endpoint, trunk, f"sip:{user}@{bracketed(host)}:{port}")
