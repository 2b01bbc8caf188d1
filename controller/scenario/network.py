"""A network in virtual time: one heap of events, links that are impaired, ports that are closed.

Owns time and the ways of packets; what a link does to them is `callward relay`'s model. It drives everything that keeps the contract of `sip.endpoint.Core` and knows no
SIP. All chance comes from the dice it is given, so the same seed gives the same packets at the same times.

A packet to a closed port comes back as an ICMP error to its sender; one into a black hole just disappears.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from heapq import heappop, heappush
from math import inf
from typing import Any, Protocol

from controller.relay.impairment import Dice, Direction, Impairment
from sip.transaction import Hop

QUOTED = 520  # bytes of a packet that an ICMP error gives back: 576 less the headers (RFC 1812 §4.3.2.3)


class Core(Protocol):
    """What the network drives: an engine or a user agent."""

    outbox: list[tuple[bytes, Hop]]

    def receive(self, data: bytes, source: Hop, now: float) -> object:
        """Take one datagram."""

    def unreachable(self, quoted: bytes, hop: Hop, now: float) -> None:
        """``hop`` cannot be reached."""

    def next_deadline(self) -> float:
        """When `handle_timer` is wanted next."""

    def handle_timer(self, now: float) -> None:
        """Do what is due."""


Link = Impairment  # of one direction


class Port(StrEnum):
    """What becomes of packets to an address."""

    OPEN = "open"
    CLOSED = "closed"  # refused, and the sender is told: nobody listens, or a firewall says so
    DEAF = "deaf"  # swallowed; what it sends itself arrives
    GONE = "gone"  # swallowed, and so is what it sends: the line is cut


class Fate(StrEnum):
    """What became of a packet."""

    UNDER_WAY = "under way"
    DELIVERED = "delivered"
    LOST = "lost"
    REFUSED = "refused"
    SWALLOWED = "swallowed"


@dataclass(slots=True, eq=False)
class Packet:
    """One datagram on its way; a duplicate is another one."""

    number: int  # in the order of sending
    sent: float
    arrives: float
    source: Hop
    target: Hop
    data: bytes
    fate: Fate = Fate.UNDER_WAY


class Network:
    """See the top of the file. ``on_packet`` sees each packet as it is sent; its fate may still be open then."""

    def __init__(self, dice: Dice, link: Link | None = None) -> None:
        self.now = 0.0
        self.link = link or Link(delay=0.005)  # where no other is set
        self.links: dict[tuple[Hop, Hop], Link] = {}
        self.ports: dict[Hop, Port] = {}  # open where none is set
        self.on_packet: Callable[[Packet], None] = lambda packet: None
        self.packets = 0
        self._dice = dice
        self._cores: dict[Hop, Core] = {}
        self._wakes: dict[Hop, float] = {}
        self._directions: dict[tuple[Hop, Hop], Direction] = {}
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0
        self._digest = hashlib.blake2b(digest_size=16)

    def join(self, core: Core, hop: Hop) -> None:
        """Connect a core at its address."""
        self._cores[hop] = core
        self._wakes[hop] = inf
        self.settle(hop)

    def connect(self, one: Hop, other: Hop, link: Link) -> None:
        """Set the link between two addresses, both ways."""
        self.links[one, other] = self.links[other, one] = link

    def at(self, when: float, action: Callable[..., None], *args: Any) -> None:
        """Do something at a moment."""
        self._count += 1
        heappush(self._heap, (when, self._count, action, args))

    def run_until(self, end: float) -> None:
        """Let time pass."""
        heap = self._heap
        while heap and heap[0][0] <= end:
            self.now, _, action, args = heappop(heap)
            action(*args)
        self.now = end

    def settle(self, hop: Hop) -> None:
        """Take what a core wants to send and when it wants to be woken; needed after touching one from outside."""
        core = self._cores[hop]
        if core.outbox:
            batch = core.outbox[:]
            core.outbox.clear()
            for data, target in batch:
                self._send(data, hop, target)
        wake = core.next_deadline()
        if wake != self._wakes[hop]:
            self._wakes[hop] = wake
            if wake < inf:
                self.at(max(wake, self.now), self._wake, hop, wake)

    def digest(self) -> str:
        """A hash of every packet so far: who sent what to whom and when, and when it arrived."""
        return self._digest.hexdigest()

    # -- inside

    def _wake(self, hop: Hop, wake: float) -> None:
        if self._wakes[hop] != wake:
            return  # put off meanwhile
        self._wakes[hop] = inf
        self._cores[hop].handle_timer(self.now)
        self.settle(hop)

    def _send(self, data: bytes, source: Hop, target: Hop) -> None:
        if self.ports.get(source) is Port.GONE:
            self._launch(data, source, target, self.now, Fate.SWALLOWED)
            return
        way = source, target
        direction = self._directions.get(way)
        if direction is None:
            direction = self._directions[way] = Direction(self._dice)
        link = self.links.get(way, self.link)
        if direction.impairment is not link:
            direction.change(link)
        arrivals = direction.carry(data, self.now)
        for arrives, what in arrivals:
            self._launch(what, source, target, arrives, Fate.UNDER_WAY)
        if not arrivals:
            self._launch(data, source, target, self.now, Fate.LOST)

    def _launch(self, data: bytes, source: Hop, target: Hop, arrives: float, fate: Fate) -> None:
        self.packets += 1
        packet = Packet(self.packets, self.now, arrives, source, target, data, fate)
        if fate is Fate.UNDER_WAY:
            self.at(arrives, self._arrive, packet)
        self._digest.update(f"{self.now!r} {arrives!r} {source} {target} {fate} ".encode() + data)
        self.on_packet(packet)

    def _arrive(self, packet: Packet) -> None:
        target = packet.target
        port = self.ports.get(target, Port.OPEN)
        core = self._cores.get(target)
        if core is None or port is Port.GONE or port is Port.DEAF:
            packet.fate = Fate.SWALLOWED
        elif port is Port.CLOSED:
            packet.fate = Fate.REFUSED
            back = self.links.get((target, packet.source), self.link)
            self.at(self.now + back.delay, self._refuse, packet)
        else:
            packet.fate = Fate.DELIVERED
            core.receive(packet.data, packet.source, self.now)
            self.settle(target)

    def _refuse(self, packet: Packet) -> None:
        self._cores[packet.source].unreachable(packet.data[:QUOTED], packet.target, self.now)
        self.settle(packet.source)
