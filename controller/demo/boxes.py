"""The simulated trunks: a scripted agent on a real socket, which can lose power, lose its process, and come back.

Owns sockets and what state a box is in. Must not know the story.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from random import Random

from controller import clock
from controller.demo.daemon import DemoError
from controller.demo.line import SLOW, Line
from sip.agent import Agent, Script
from sip.endpoint import UdpEndpoint, open_udp
from sip.transaction import Hop


class Condition(StrEnum):
    """What is wrong with a simulated part."""

    RUNNING = "running"
    SILENT = "silent"  # no power: packets vanish
    CLOSED = "port closed"  # no process: the kernel refuses packets
    SLOW = "slow"  # everything takes its time
    FAILING = "failing"  # answers every call, or message, with an error


#: What can be done to a part, by the word for it. An error is 503, of SIP and of HTTP.
VERBS = {
    "kill": Condition.CLOSED,
    "silence": Condition.SILENT,
    "slow": Condition.SLOW,
    "fail": Condition.FAILING,
    "revive": Condition.RUNNING,
}
FAILURE = 503


class Box:
    """One agent and its socket. ``on_turn`` is called whenever it may have done something."""

    def __init__(self, name: str, hop: Hop, on_turn: Callable[[], None]) -> None:
        """Binds the socket.

        Raises `DemoError`.
        """
        self.name = name
        self.condition = Condition.RUNNING
        self.since = clock.monotonic()  # when the condition changed last
        self._on_turn = on_turn
        self._endpoint = self._bind(hop)
        self.hop = self._endpoint.local
        self.agent = Agent(name, self.hop)
        self._line = Line(self.agent, Random(name))
        self._phones: dict[str, Script] = {}
        self._start()

    def install(self, user: str, script: Script) -> None:
        """Put a phone (or whatever answers for this user) behind the box."""
        self._phones[user] = script
        if self.condition is not Condition.FAILING:
            self.agent.scripts[user] = script

    def silence(self) -> None:
        """Power off: packets arrive nowhere and nobody says so."""
        self._leave(Condition.SILENT)
        self._die()

    def kill(self) -> None:
        """The process is gone: the kernel answers each packet with an ICMP error."""
        self._leave(Condition.CLOSED)
        self._die()
        self._endpoint.close()

    def slow(self) -> None:
        """Alive and well, at the end of a bad line."""
        self._leave(Condition.SLOW)
        self._line.change(SLOW)

    def fail(self, status: int) -> None:
        """Alive, but answers every call with this status."""
        self._leave(Condition.FAILING)
        self.agent.script, self.agent.scripts = Script(ring_after=None, reject=status), {}

    def revive(self) -> None:
        """As good as new.

        Raises `DemoError` if its port was taken meanwhile.
        """
        if self.condition is Condition.CLOSED:
            self._endpoint = self._bind(self.hop)
            self._start()
        if self.agent.dead:
            self.agent.revive(clock.monotonic())
        self.agent.script, self.agent.scripts = Script(), dict(self._phones)
        self._line.change()
        self._enter(Condition.RUNNING)

    def become(self, condition: Condition) -> None:
        """Any of these.

        Raises `DemoError` as `revive` does.
        """
        match condition:
            case Condition.RUNNING:
                self.revive()
            case Condition.SILENT:
                self.silence()
            case Condition.CLOSED:
                self.kill()
            case Condition.SLOW:
                self.slow()
            case Condition.FAILING:
                self.fail(FAILURE)

    def pump(self) -> None:
        """Send what the agent wants to send; to be called after telling it to do something."""
        self._line.settle(clock.monotonic())
        self._endpoint.pump()

    def close(self) -> None:
        """Let go of the socket; a second time is harmless."""
        self._endpoint.close()

    def _leave(self, condition: Condition) -> None:
        if self.condition is not Condition.RUNNING:
            self.revive()
        self._enter(condition)

    def _enter(self, condition: Condition) -> None:
        self.condition, self.since = condition, clock.monotonic()

    def _die(self) -> None:
        self.agent.die(clock.monotonic())
        self._line.clear()

    def _start(self) -> None:
        self._endpoint.on_turn = self._on_turn
        self._endpoint.start(self._line, asyncio.get_running_loop())

    @staticmethod
    def _bind(hop: Hop) -> UdpEndpoint:
        try:
            return UdpEndpoint(open_udp(hop.host, hop.port), clock.monotonic)
        except OSError as error:
            raise DemoError(
                f"udp {hop.host}:{hop.port}: {error.strerror}; another program took the port, end it and try again"
            ) from error
