"""Ways for a trunk to fail, each played to the real engine in virtual time: how long until it is told DOWN?

Owns the kinds of failure and the virtual link of one trunk. A trial lives for a random while, then the failure sets in
at a random moment; probes are real messages, parsed and matched by the engine.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from math import inf

from bench.engine import respond
from controller.engine import Engine
from controller.types import Dialplan, Listen, Probe, TargetState, Transition, Trunk
from sip.element import Element
from sip.seal import Seal
from sip.transaction import Hop

ROUND_TRIP = 0.02  # seconds, of a healthy trunk; a tenth of it more or less
WATCHED = 5.0  # seconds after the failure sets in

#: What becomes of a probe that leaves ``age`` seconds after the failure set in: ("answer" or "refuse", seconds), or lost.
Fate = tuple[str, float] | None
Fates = Callable[[float, random.Random], Fate]


@dataclass(frozen=True, slots=True)
class Failure:
    """One kind of failure."""

    name: str
    fate: Fates  # once it has set in
    loss: float = 0.0  # of packets each way, before and after
    jitter: float = 0.0  # seconds on top of the round trip, before
    transport: str = "udp"
    from_packet: bool = False  # the clock starts with the first packet that meets the failure
    bar: float | None = None  # seconds, p99
    dies: bool = True  # whether it is to be told DOWN at all
    warm: float = 10.0  # seconds of healthy life at least


def _gone(_age: float, _dice: random.Random) -> Fate:
    return None


def _eaten(_age: float, _dice: random.Random) -> Fate:
    return ("eaten", 0.0)


def _refused(_age: float, _dice: random.Random) -> Fate:
    return ("refuse", 0.0003)


def _refused_far(_age: float, dice: random.Random) -> Fate:
    return ("refuse", ROUND_TRIP * dice.uniform(0.9, 1.1))


def _slow(_age: float, dice: random.Random) -> Fate:
    return ("answer", 10 * ROUND_TRIP * dice.uniform(0.9, 1.1))


def _flapping(age: float, dice: random.Random) -> Fate:
    return None if age % 3.0 < 1.5 else ("answer", ROUND_TRIP * dice.uniform(0.9, 1.1))


def _blip(age: float, dice: random.Random) -> Fate:
    return None if age < 0.3 else ("answer", ROUND_TRIP * dice.uniform(0.9, 1.1))


def _errors(_age: float, dice: random.Random) -> Fate:
    return ("error", ROUND_TRIP * dice.uniform(0.9, 1.1))


FAILURES = (
    Failure("closed port (ICMP), from the first packet", _refused, from_packet=True, bar=0.05),
    Failure("closed port, ICMP after 20 ms, from the first packet", _refused_far, from_packet=True),
    Failure("silence, clean path", _gone, bar=0.8),
    Failure("silence, 5 % loss each way", _gone, loss=0.05, warm=30.0),
    Failure("silence, 10 % loss each way", _gone, loss=0.10, warm=30.0),
    Failure("silence, 20 % loss each way", _gone, loss=0.20, warm=30.0, bar=1.6),
    Failure("one way: requests are lost", _gone),
    Failure("one way: answers are lost", _eaten),
    Failure("jitter of 200 ms, then silence", _gone, jitter=0.2),
    Failure("TCP refused, from the first packet", _refused, transport="tcp", from_packet=True, bar=0.05),
    Failure("TCP half open: taken, never answered", _gone, transport="tcp", bar=0.8),
    Failure("flapping, 1.5 s off and on", _flapping),
    Failure("ten times slower", _slow, dies=False),
    Failure("reboot, a blip of 300 ms", _blip, dies=False),
    Failure("answers 503 to every probe", _errors, dies=False),
)


class Trial:
    """One life and death."""

    def __init__(self, failure: Failure, seed: int) -> None:
        self._failure = failure
        self._dice = dice = random.Random(seed)
        self._hop = Hop("192.0.2.1", 5060, failure.transport)
        trunk = Trunk("trunk", self._hop.host, self._hop.port, failure.transport, probe=Probe())
        local = Hop("198.51.100.1", 5060), Hop("198.51.100.1", 5060, "tcp")
        element = Element(local[0], b"b" * 32, Seal({"1": b"s" * 32}, "1"), {}, local[1])
        plan = Dialplan("bench", (Listen("198.51.100.1", 5060),), {"trunk": trunk}, {}, {})
        now = dice.random() * 1000.0
        self._engine = Engine(plan, element, {"trunk": self._hop}, now, token=lambda: f"{dice.getrandbits(96):024x}")
        self._death = now + failure.warm + dice.random() * 3.0
        self._arrivals: list[tuple[float, int, str, bytes]] = []
        self._numbers = count()
        self._met = inf  # when the first packet met the failure

    def run(self) -> float | None:
        """Seconds from the failure to DOWN, None if it was not told DOWN."""
        engine, arrivals, end = self._engine, self._arrivals, self._death + WATCHED
        while True:
            due, arrival = engine.next_deadline(), arrivals[0][0] if arrivals else inf
            now = min(due, arrival)
            if now > end:
                return None
            if arrival <= due:
                _, _, kind, data = heappop(arrivals)
                if kind == "refuse":
                    engine.unreachable(data, self._hop, now)
                else:
                    engine.receive(data, self._hop, now)
            else:
                engine.handle_timer(now)
            for data, _ in engine.outbox:
                self._send(data, now)
            engine.outbox.clear()
            news, engine.news = engine.news, []
            for item in news:
                if isinstance(item, Transition) and item.new is TargetState.DOWN:
                    if now < self._death:
                        raise AssertionError(f"told dead while it lived: {item.why}")
                    return now - (self._met if self._failure.from_packet else self._death)

    def _send(self, data: bytes, now: float) -> None:
        failure, dice = self._failure, self._dice
        if failure.loss and (dice.random() < failure.loss or dice.random() < failure.loss):
            return
        if now >= self._death:
            self._met = min(self._met, now)
            fate = failure.fate(now - self._death, dice)
        else:
            fate = ("answer", ROUND_TRIP * dice.uniform(0.9, 1.1) + failure.jitter * dice.random())
        if fate is None or fate[0] == "eaten":
            return
        kind, delay = fate
        if kind != "refuse":
            data = respond(data, "503 Service Unavailable" if kind == "error" else "200 OK", "far")
        heappush(self._arrivals, (now + delay, next(self._numbers), kind, data))


def play(failure: Failure, trials: int) -> list[float | None]:
    """Many of them, each with a seed of its own."""
    return [Trial(failure, seed).run() for seed in range(trials)]
