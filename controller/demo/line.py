"""The line in front of a simulated part: what the relay does to packets, done between a socket and its agent.

Owns datagrams that are late. The model is `controller.relay.impairment`, the dice are handed in. Pure: the contract of
`sip.endpoint`'s core on both sides. While the line is clean, everything passes at once.
"""

from __future__ import annotations

from random import Random

from controller.relay.impairment import CLEAN, Direction, Impairment
from sip.agent import Agent
from sip.timing import Deadlines
from sip.transaction import Hop

#: A line as bad as people still have it: an answer takes 0.3 to 0.5 s, so whoever is called by it gets a stand-in.
SLOW = Impairment(delay=0.15, jitter=0.1)


class Line:
    """An agent, and the way of its packets."""

    def __init__(self, agent: Agent, dice: Random) -> None:
        self.agent = agent
        self.outbox: list[tuple[bytes, Hop]] = []
        self._to, self._from = Direction(dice), Direction(dice)
        self._deadlines = Deadlines()

    def change(self, impairment: Impairment = CLEAN) -> None:
        """From now on so, both ways; what is under way keeps its fate."""
        self._to.change(impairment)
        self._from.change(impairment)

    def clear(self) -> None:
        """What is under way is lost."""
        self._deadlines = Deadlines()
        self.outbox.clear()

    def settle(self, now: float) -> None:
        """Put what the agent has said on its way; whoever tells the agent to do something calls this afterwards."""
        said = self.agent.outbox[:]
        self.agent.outbox.clear()
        for data, hop in said:
            for at, what in self._from.carry(data, now):
                if at <= now:
                    self.outbox.append((what, hop))
                else:
                    self._deadlines.arm(at, self._leave, what, hop)

    # -- the contract of the driver

    def receive(self, data: bytes, source: Hop, now: float) -> None:
        """Take one datagram."""
        for at, what in self._to.carry(data, now):
            if at <= now:
                self.agent.receive(what, source, now)
            else:
                self._deadlines.arm(at, self._arrive, what, source)
        self.settle(now)

    def unreachable(self, quoted: bytes, hop: Hop, now: float) -> None:
        """``hop`` cannot be reached."""
        self.agent.unreachable(quoted, hop, now)
        self.settle(now)

    def next_deadline(self) -> float:
        """When `handle_timer` is wanted next."""
        return min(self.agent.next_deadline(), self._deadlines.next_deadline())

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self._deadlines.fire_due(now)
        self.agent.handle_timer(now)
        self.settle(now)

    def _leave(self, _now: float, data: bytes, hop: Hop) -> None:
        self.outbox.append((data, hop))

    def _arrive(self, now: float, data: bytes, source: Hop) -> None:
        self.agent.receive(data, source, now)
