"""A simulated day: trunks come and go, callers call, every call is held to every invariant.

Owns what happens (all of it from one seed) and the summary. The chain ends at an answering service with one trunk that
never fails, so every caller who does not give up must be answered. Six trunks, five of them flapping in ten ways:

    front-desk via t1, t2   ->   anna via t3, t4 and ben via t4, t3, staggered   ->   answering via t5, t6
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from controller.scenario.network import Link, Port
from controller.types import CallRecord, Mode, Probe, TargetState
from sip.agent import AgentCall, Script
from tests.playbook import stage
from tests.sim.world import AFTERMATH, Broken, World

HOUR = 3600.0
CHAIN = (
    stage("front-desk/t1,t2", ring=10.0),
    stage("anna/t3,t4 | ben/t4,t3", mode=Mode.HYBRID, stagger=4.0, ring=16.0),
    stage("answering/t5,t6", ring=20.0),
)
#: Slow enough that a day is affordable; t5 is known by its calls alone.
PROBES = {
    "t1": Probe(every=10.0),
    "t2": Probe(every=15.0),
    "t3": Probe(every=30.0),
    "t4": Probe(every=30.0),
    "t5": None,
    "t6": Probe(every=60.0),
}
STEADY = "t6"  # never fails
UP, DOWN = 5400.0, 400.0  # mean length of good and bad times, seconds
CLEAN = Link(delay=0.008, jitter=0.004)

DEAD = ("gone", "closed", "crashed")  # what probes must find out
FAULTS = (*DEAD, "deaf", "503", "stuck", "mute", "slow", "lossy", "untidy")

#: Ringing at most (three stages with all their paths), then talking at most, then what lingers.
LONGEST = 150.0 + 120.0 + AFTERMATH
LOOK = 900.0  # how often calls that are over are checked and forgotten


@dataclass(slots=True)
class Summary:
    """What the day brought."""

    seed: int
    hours: float
    calls: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    transitions: Counter[str] = field(default_factory=Counter)
    packets: int = 0
    digest: str = ""

    def __str__(self) -> str:
        def counts(of: Counter[str]) -> str:
            return ", ".join(f"{name} {count}" for name, count in sorted(of.items())) or "none"

        return (
            f"seed {self.seed}, {self.hours:g} h: {self.calls} calls, {self.packets} packets, {self.digest}\n"
            f"  calls: {counts(self.outcomes)}\n"
            f"  faults: {counts(self.faults)}\n"
            f"  trunks became: {counts(self.transitions)}"
        )


class Day:
    """One day. ``run`` it once."""

    def __init__(self, seed: int, hours: float = 24.0, calls: float = 60.0) -> None:
        """``calls`` is their mean number in an hour."""
        self.end = hours * HOUR
        self.summary = Summary(seed, hours)
        self.world = World(*CHAIN, seed=seed, link=CLEAN, probes=PROBES)
        self.world.choose = self._choose
        self._every = HOUR / calls
        self._fault: dict[str, str] = {}  # of the trunks that fail now
        self._dice = random.Random(f"{seed}/day")
        self._patience: dict[str, float] = {}  # Call-ID -> when its caller gives up

    def run(self) -> Summary:
        """Let the day pass.

        Raises `Broken` at the first call that breaks an invariant.
        """
        world = self.world
        for trunk in world.trunks:
            if trunk != STEADY:
                world.at(self._dice.expovariate(1 / UP), self._fail, trunk)
        world.at(self._dice.expovariate(1 / self._every), self._call)
        while world.now < self.end:
            world.run_until(min(world.now + LOOK, self.end))
            self._look_back(world.now - LONGEST)
        world.run_until(self.end + LONGEST)
        self._look_back(world.now)
        self._check_empty()
        self.summary.packets = world.network.packets
        self.summary.digest = world.network.digest()
        self.summary.transitions = Counter(str(transition.new) for transition in world.transitions)
        self.summary.outcomes["glare"] = world.engine.plane.counters["glare"]
        return self.summary

    # -- callers and people

    def _call(self) -> None:
        world = self.world
        if world.now < self.end:
            call = world.call()
            self.summary.calls += 1
            if self._dice.random() < 0.12:
                world.at(world.now + self._dice.expovariate(1 / 8.0), world.cancel, call)
            world.at(world.now + self._dice.expovariate(1 / self._every), self._call)

    def _choose(self, trunk: str, user: str, call: str) -> Script:
        """How somebody treats this call, the same on every trunk; a trunk that fails has the first word."""
        fault = self._fault.get(trunk)
        if fault == "503":
            return Script(trying=False, ring_after=None, reject=503)
        if fault == "stuck":
            return Script(ring_after=None)
        if fault == "mute":
            return Script(silent=True)
        dice = random.Random(f"{self.summary.seed}/{call}/{user}")
        talk = min(dice.expovariate(1 / 30.0), 120.0)
        if user == "answering":
            return Script(ring_after=0.05, answer_after=0.5, hang_up_after=talk)
        rings, answers = dice.uniform(0.0, 1.5), dice.uniform(2.0, 12.0)
        kind = dice.random()
        if kind < 0.5:
            return Script(ring_after=rings, answer_after=answers, hang_up_after=talk)
        if kind < 0.75:
            return Script(ring_after=rings)
        if kind < 0.85:
            return Script(ring_after=None, reject=486, reject_after=0.05)
        if kind < 0.92:
            return Script(ring_after=rings, reject=603, reject_after=answers)
        return Script(ring_after=rings, answer_cancelled=dice.choice((0.0, 0.4)), hang_up_after=talk)

    # -- trunks

    def _fail(self, trunk: str) -> None:
        world, fault = self.world, self._dice.choice(FAULTS)
        if world.now >= self.end:
            return
        self._expect(trunk, down=False)
        self._fault[trunk] = fault
        self.summary.faults[fault] += 1
        if fault == "crashed":
            world.crash(trunk)
        elif fault in ("gone", "closed", "deaf"):
            world.set_port(trunk, Port(fault))
        elif fault == "slow":
            world.set_link(trunk, Link(delay=0.3))
        elif fault == "lossy":
            world.set_link(trunk, Link(delay=0.008, loss=0.2))
        elif fault == "untidy":
            world.set_link(trunk, Link(delay=0.02, jitter=0.2, duplicate=0.1, reorder=0.1, held=0.5))
        ends = world.now + self._dice.expovariate(1 / DOWN)
        probe = PROBES[trunk]
        if fault in DEAD and probe is not None and ends - world.now > probe.every + 3.0:
            world.at(ends, self._expect, trunk, True)
        world.at(ends, self._recover, trunk)

    def _recover(self, trunk: str) -> None:
        world = self.world
        if self._fault.pop(trunk) == "crashed":
            world.restart(trunk)
        world.set_port(trunk, Port.OPEN)
        world.set_link(trunk, CLEAN)
        probe = PROBES[trunk]
        pause = 0.0 if probe is None else (probe.rise + 1) * probe.every
        world.at(world.now + pause + self._dice.expovariate(1 / UP), self._fail, trunk)

    def _expect(self, trunk: str, down: bool) -> None:
        """Health must know by now."""
        state = self.world.engine.board.view.trunks[trunk].state
        if (state is TargetState.DOWN) is not down:
            fault = self._fault.get(trunk, "well")
            raise Broken(f"seed {self.summary.seed}, {self.world.now:.3f} s: {trunk} is {fault}, but seen as {state}")

    # -- looking back

    def _look_back(self, before: float) -> None:
        """Check the calls that began before, count them, and forget them."""
        world = self.world
        over = [call for call in world.caller.calls if call.started <= before]
        gone = {call.id for call in over}
        world.check(gone)
        for call in over:
            for record in world.records.pop(call.id, []):
                self._count(call, record)
            world.packets.pop(call.id, None)
        for agent in (world.caller, *world.trunks.values()):
            agent.calls[:] = [call for call in agent.calls if call.id not in gone]
            agent.events.clear()

    def _count(self, call: AgentCall, record: CallRecord) -> None:
        outcomes = self.summary.outcomes
        if record.winner is None:
            outcomes["cancelled" if call.cancelled else "unanswered"] += 1
            if not call.cancelled:
                raise Broken(
                    f"seed {self.summary.seed}, call {call.id}: nobody answered although somebody would\n"
                    f"{record}\n{self.world.ladder(call.id)}"
                )
            return
        outcomes["answered"] += 1
        outcomes["failed over"] += any(attempt.cause and attempt.milestone == "none" for attempt in record.attempts)
        answered = [attempt for attempt in record.attempts if attempt.milestone == "answered"]
        outcomes["late successes"] += bool(answered[0].cause)
        outcomes["not by the first"] += record.attempts[0].path != record.winner

    def _check_empty(self) -> None:
        """Only the prober's business is left."""
        world, engine = self.world, self.world.engine
        if len(engine.plane) or engine.switchboard.runs or world.caller.calls:
            raise Broken(f"seed {self.summary.seed}: calls are left behind")
        waiting = len(engine.plane._layer)
        if waiting:
            raise Broken(f"seed {self.summary.seed}: {waiting} transactions are left behind")
