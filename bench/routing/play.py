"""One policy in one world: requests, attempts, reports, in the order of time; and what came of it.

Owns the events and the measures. Must not decide anything: it asks the policy, and it asks the world's dice.

* net: 1000 x (value x completed - cost) / requests. A refused attempt costs nothing.
* flap: the leader of a cell changes; false: away from a route whose true index is within 3 % of the best's.
* detected: seconds from the start of a trouble until half of the traffic it hits leads elsewhere. Counted where at least
  one cell it hits led through it, and where a better route is left. Never: until the end of the trouble, as infinity.
* wasted: first attempts sent into measured troubles, per trouble.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import erf, exp, inf, log, sqrt

from bench.routing.policies import Oracle, Policy
from bench.routing.world import REFUSED, REPORTED, WINDOW, Trouble, World
from controller.health.outcomes import OutcomeClass

ATTEMPTS = 3

#: Delays are lognormal with this deviation of the logarithm.
SPREAD = 0.6

_S, _F, _D = OutcomeClass.SUCCESS, OutcomeClass.FAILURE, OutcomeClass.DESTINATION


@dataclass
class Result:
    """What came of it."""

    policy: str
    requests: int = 0
    completed: int = 0
    cost: float = 0.0
    net: float = 0.0
    delays: list[float] = field(default_factory=list)
    flaps: float = 0.0  # per cell and hour
    false: float = 0.0
    regret: float = 0.0  # lost index per 1000 requests at first attempts
    wasted: float = 0.0
    detected: list[float] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)  # of the troubles detected
    curve: list[float] = field(default_factory=list)  # regret per bin of time

    def delay(self, q: float) -> float:
        if not self.delays:
            return 0.0
        self.delays.sort()
        return self.delays[min(int(q * len(self.delays)), len(self.delays) - 1)]


class Player:
    """Runs one policy."""

    def __init__(self, world: World, policy: Policy, bins: int = 60) -> None:
        self.world, self.policy = world, policy
        # What is true includes being in time: a report after its step's timeout comes too late.
        self.truth = [list(row) for row in world.base]
        self.chance = [list(row) for row in world.base]
        self.slow = [[1.0] * len(world.cells) for _ in world.routes]
        self.active: list[Trouble] = []
        self.result = Result(policy.name)
        self.leader = [-1] * len(world.cells)
        self.flaps = self.false = 0
        self.wasted = 0
        self.bins = bins
        self.done = bytearray(len(world.times))
        self.counts = [[0.0, 0.0] for _ in range(bins)]  # requests and regret
        self.traffic: dict[int, int] = defaultdict(int)
        for cell in world.where:
            self.traffic[cell] += 1
        # Of each measured trouble: cells it took from their leader, and when they left.
        self.hit: dict[int, dict[int, tuple[int, float]]] = {}
        self.over: list[tuple[Trouble, dict[int, tuple[int, float]]]] = []
        self.heap: list[tuple[float, int, int, tuple[object, ...]]] = []
        self.count = 0
        self.refused: set[tuple[int, int]] = set()
        self.silent: set[tuple[int, int]] = set()
        self.fake: set[tuple[int, int]] = set()
        self.full: dict[tuple[int, int], float] = {}

    # ------------------------------------------------------------------ events

    def push(self, at: float, kind: int, *data: object) -> None:
        self.count += 1
        heappush(self.heap, (at, self.count, kind, data))

    def run(self) -> Result:
        world, times = self.world, self.world.times
        for number, trouble in enumerate(world.troubles):
            self.push(trouble.start, 0, number)
            self.push(trouble.end, 1, number)
        if isinstance(self.policy, Oracle):
            self.policy.truth = self.truth
        heap, n, i = self.heap, len(times), 0
        while i < n or heap:
            if i < n and (not heap or times[i] <= heap[0][0]):
                self.attempt(i, times[i], times[i], ())
                i += 1
                continue
            now, _, kind, data = heappop(heap)
            if kind == 2:
                self.outcome(now, *data)  # type: ignore[arg-type]
            elif kind == 0:
                self.begins(data[0], now)  # type: ignore[arg-type]
            elif kind == 1:
                self.ends(data[0], now)  # type: ignore[arg-type]
            else:
                self.policy.told(*data[:3], now, *data[3:])  # type: ignore[arg-type, misc]
        return self.measure()

    def attempt(self, request: int, born: float, now: float, after: tuple[int, ...]) -> None:
        """Ask the policy and send."""
        world, policy = self.world, self.policy
        cell = world.where[request]
        route, leader = policy.order(request, cell, now, after)
        if route is None:
            return
        if not after:
            self.first(request, cell, route, leader, now)
        base = (request * len(world.routes) + route) * 3
        u, kind, z = world.dice[base], world.dice[base + 1], world.dice[base + 2]
        place = (route, cell)
        wait = world.waits[route]
        delay = world.delay * exp(SPREAD * z) * self.slow[route][cell]
        cost = world.costs[route][cell] * policy.cost_factor[route]
        late = inf
        if kind < self.full.get(place, 0.0):
            after_seconds, what, cost = 0.2, OutcomeClass.CAPACITY, 0.0
        elif not world.dead[request] and u < self.chance[route][cell]:
            after_seconds, what = delay, _S
            if delay > wait:
                after_seconds, what, late = wait, _F, delay
        elif place in self.fake:
            after_seconds, what = delay, OutcomeClass.UNCONFIRMED
        elif place not in self.silent and (kind < REFUSED or place in self.refused):
            after_seconds, what, cost = 0.3, _F, 0.0
        elif place not in self.silent and kind < REPORTED and delay < wait:
            after_seconds, what = delay, _D if world.dead[request] else _F
        else:
            after_seconds, what = wait, _F
        self.result.cost += cost
        patience = policy.overdue_after(route, cell, now)
        overdue = patience < after_seconds
        if overdue:
            self.push(now + patience, 3, route, cell, OutcomeClass.OVERDUE, patience, after, world.fraud[request])
        self.push(now + after_seconds, 2, request, born, route, what, now, after, overdue)
        if late < inf and now + late - born <= WINDOW:
            self.push(now + late, 2, request, born, route, None, now, after, False)  # completes, and nobody is told

    def outcome(
        self, now: float, request: int, born: float, route: int, kind: OutcomeClass | None, sent: float,
        after: tuple[int, ...], overdue: bool,
    ) -> None:  # fmt: skip
        world, told = self.world, self.policy.told
        cell, fraud = world.where[request], world.fraud[request]
        if kind is _S or kind is None:
            if not self.done[request] and now - born <= WINDOW:
                self.done[request] = 1
                self.result.completed += 1
                self.result.delays.append(now - born)
            if kind is None:
                return
        if kind is OutcomeClass.UNCONFIRMED:  # a lie: delivered, says the report
            told(route, cell, _S, now, now - sent, after, fraud, overdue)
            self.push(now + 60.0, 3, route, cell, kind, 0.0, (), fraud)
            return
        told(route, cell, kind, now, now - sent, after, fraud, overdue)
        if kind is _S:
            if world.confirmed:
                base = (request * len(world.routes) + route) * 3
                true = world.dice[base] / max(self.chance[route][cell], 1e-9) < world.confirmed
                good = OutcomeClass.CONFIRMED if true else OutcomeClass.UNCONFIRMED
                self.push(now + 30.0, 3, route, cell, good, 0.0, (), fraud)
            return
        tried = (*after, route)
        if not self.done[request] and len(tried) < ATTEMPTS and now - born < WINDOW - 5.0 and kind is not _D:
            self.attempt(request, born, now, tried)

    # ------------------------------------------------------------------ troubles

    def begins(self, number: int, now: float) -> None:
        trouble = self.world.troubles[number]
        self.active.append(trouble)
        before = {cell: self.leader[cell] for cell in trouble.cells if self.leader[cell] in trouble.routes}
        self.refresh()
        if trouble.measured and len(trouble.routes) < len(self.world.routes):
            self.hit[number] = {cell: (route, inf) for cell, route in before.items()}

    def ends(self, number: int, now: float) -> None:
        trouble = self.world.troubles[number]
        self.active.remove(trouble)
        self.refresh()
        hit = self.hit.pop(number, None)
        if hit:
            self.over.append((trouble, hit))

    def refresh(self) -> None:
        world = self.world
        for r, row in enumerate(world.base):
            self.truth[r][:] = row
            self.chance[r][:] = row
            self.slow[r] = [1.0] * len(row)
            self.policy.cost_factor[r] = 1.0
        self.refused.clear()
        self.silent.clear()
        self.fake.clear()
        self.full.clear()
        for trouble in self.active:
            for r in trouble.routes:
                self.policy.cost_factor[r] *= trouble.cost
                for cell in trouble.cells:
                    self.slow[r][cell] *= trouble.slow
                    late = self.in_time(r, self.slow[r][cell]) / self.in_time(r, self.slow[r][cell] / trouble.slow)
                    self.truth[r][cell] *= trouble.factor * late
                    self.chance[r][cell] *= trouble.factor
                    if trouble.refused:
                        self.refused.add((r, cell))
                    if trouble.silent:
                        self.silent.add((r, cell))
                    if trouble.fake:
                        self.fake.add((r, cell))
                    if trouble.capacity:
                        self.full[r, cell] = trouble.capacity

    def in_time(self, route: int, slow: float) -> float:
        """The probability that a report is not later than the step's timeout."""
        z = log(self.world.waits[route] / (self.world.delay * slow)) / SPREAD
        return 0.5 * (1.0 + erf(z / sqrt(2.0)))

    # ------------------------------------------------------------------ measures

    def first(self, request: int, cell: int, route: int, leader: int, now: float) -> None:
        world, policy = self.world, self.policy
        self.result.requests += 1
        best = max(policy.index(r, cell, self.truth[r][cell]) for r in range(len(world.routes)))
        regret = best - policy.index(route, cell, self.truth[route][cell])
        self.result.regret += regret
        count = self.counts[min(int(now / world.length * self.bins), self.bins - 1)]
        count[0] += 1.0
        count[1] += regret
        for trouble in self.active:
            if trouble.measured and route in trouble.routes and cell in trouble.cells:
                self.wasted += 1
        old = self.leader[cell]
        if leader >= 0 and leader != old:
            if old >= 0:
                self.flaps += 1
                if policy.index(old, cell, self.truth[old][cell]) >= best * 0.97:
                    self.false += 1
            self.leader[cell] = leader
            for number, hit in self.hit.items():
                if cell in hit and hit[cell][1] == inf and leader not in world.troubles[number].routes:
                    hit[cell] = (hit[cell][0], now - world.troubles[number].start)

    def measure(self) -> Result:
        world, result = self.world, self.result
        result.net = 1000.0 * (world.value * result.completed - result.cost) / max(1, result.requests)
        result.regret *= 1000.0 / max(1, result.requests)
        hours = len(world.cells) * world.length / 3600.0
        result.flaps, result.false = self.flaps / hours, self.false / hours
        measured = [t for t in world.troubles if t.measured]
        result.wasted = self.wasted / max(1, len(measured))
        for trouble, hit in self.over:
            total, moved = sum(self.traffic[cell] for cell in hit), 0
            when = inf
            for cell, (_, left) in sorted(hit.items(), key=lambda row: row[1][1]):
                moved += self.traffic[cell]
                if moved * 2 >= total:
                    when = left
                    break
            result.detected.append(when)
            result.kinds.append(trouble.kind)
        result.curve = [1000.0 * regret / max(1.0, count) for count, regret in self.counts]
        return result


def play(world: World, policy: type[Policy]) -> Result:
    """Run one policy in a world."""
    return Player(world, policy(world)).run()
