"""Who decides: the engine through its port, five baselines, and the oracle that knows what is true.

All answer the same question (`order`: whom to try, for this request, now, after those failed) and are told the same
outcomes. Baselines rank by the same index of chance and cost wherever they have an estimate at all.
"""

from __future__ import annotations

from math import exp, inf
from random import Random

from bench.routing.world import World
from controller.health.choice import Candidate, Decision, Ordering
from controller.health.outcomes import Outcome, OutcomeClass
from controller.health.score import Scores, Target

#: tau of the index, seconds: the window.
PATIENCE = 120.0


class Policy:
    """A baseline: knows the static order and the costs."""

    name = "static"

    def __init__(self, world: World) -> None:
        self.world = world
        self.static = world.static_order()
        self.cost_factor = [1.0] * len(world.routes)
        self.gamma = [exp(-wait / PATIENCE) for wait in world.waits]

    def index(self, route: int, cell: int, p: float) -> float:
        cost = self.world.costs[route][cell] * self.cost_factor[route]
        return (p * self.world.value - cost) / (1.0 - self.gamma[route] * (1.0 - p))

    def order(self, request: int, cell: int, now: float, after: tuple[int, ...]) -> tuple[int | None, int]:
        """Whom to try next (None: nobody is worth it), and who leads in this cell (-1: as before)."""
        for route in self.static:
            if route not in after:
                return route, self.static[0]
        return None, -1

    def told(self, route: int, cell: int, kind: OutcomeClass, now: float, age: float, after: tuple[int, ...],
             fraud: float, overdue: bool = False) -> None:  # fmt: skip
        """An outcome."""

    def overdue_after(self, route: int, cell: int, now: float) -> float:
        """When it wants to be told that nothing came yet: seconds."""
        return inf

    def estimate(self, route: int, cell: int) -> float:
        raise NotImplementedError

    def best(self, cell: int, after: tuple[int, ...]) -> tuple[int | None, int]:
        """By index over estimates."""
        ranked = sorted(range(len(self.world.routes)), key=lambda r: -self.index(r, cell, self.estimate(r, cell)))
        for route in ranked:
            if route not in after:
                return route, ranked[0]
        return None, -1


class Breaker(Policy):
    """Five failures in a row open a route's breaker for 30 s; then one attempt decides."""

    name = "breaker"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.failures = [0] * len(world.routes)
        self.open_until = [0.0] * len(world.routes)

    def order(self, request: int, cell: int, now: float, after: tuple[int, ...]) -> tuple[int | None, int]:
        free = [r for r in self.static if r not in after]
        shut = [r for r in free if now < self.open_until[r]]
        ranked = [r for r in free if r not in shut] + shut
        if not ranked:
            return None, -1
        route = ranked[0]
        if self.failures[route] >= 5 and now >= self.open_until[route]:
            self.open_until[route] = now + 30.0  # half open: this one, and no other until it is known
        return route, route if not after else -1

    def told(self, route: int, cell: int, kind: OutcomeClass, now: float, age: float, after: tuple[int, ...],
             fraud: float, overdue: bool = False) -> None:  # fmt: skip
        if kind is OutcomeClass.SUCCESS:
            self.failures[route] = 0
            self.open_until[route] = 0.0
        elif kind in {OutcomeClass.FAILURE, OutcomeClass.CAPACITY}:
            self.failures[route] += 1
            if self.failures[route] >= 5:
                self.open_until[route] = now + 30.0


class Window(Policy):
    """Success rates of the last 30 minutes per route and country, as quality-based routing modules keep them."""

    name = "window30"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.counts: dict[tuple[int, str], list[list[float]]] = {}
        self.sums: dict[tuple[int, str], list[float]] = {}

    def estimate(self, route: int, cell: int) -> float:
        good, bad = self.sums.get((route, self.world.cells[cell][0]), (0.0, 0.0))
        return (good + 9.0) / (good + bad + 10.0)

    def order(self, request: int, cell: int, now: float, after: tuple[int, ...]) -> tuple[int | None, int]:
        minute = now // 60
        for route in range(len(self.world.routes)):
            key = route, self.world.cells[cell][0]
            rows = self.counts.get(key)
            while rows and rows[0][0] <= minute - 30:
                _, good, bad = rows.pop(0)
                self.sums[key][0] -= good
                self.sums[key][1] -= bad
        return self.best(cell, after)

    def told(self, route: int, cell: int, kind: OutcomeClass, now: float, age: float, after: tuple[int, ...],
             fraud: float, overdue: bool = False) -> None:  # fmt: skip
        if kind not in {OutcomeClass.SUCCESS, OutcomeClass.FAILURE}:
            return
        key = route, self.world.cells[cell][0]
        rows, minute = self.counts.setdefault(key, []), now // 60
        if not rows or rows[-1][0] != minute:
            rows.append([minute, 0.0, 0.0])
        place = 0 if kind is OutcomeClass.SUCCESS else 1
        rows[-1][1 + place] += 1
        self.sums.setdefault(key, [0.0, 0.0])[place] += 1


class Ewma(Policy):
    """An exponential average per route and country, the best of which gets everything."""

    name = "ewma"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.p: dict[tuple[int, str], float] = {}

    def estimate(self, route: int, cell: int) -> float:
        return self.p.get((route, self.world.cells[cell][0]), 0.9)

    def order(self, request: int, cell: int, now: float, after: tuple[int, ...]) -> tuple[int | None, int]:
        return self.best(cell, after)

    def told(self, route: int, cell: int, kind: OutcomeClass, now: float, age: float, after: tuple[int, ...],
             fraud: float, overdue: bool = False) -> None:  # fmt: skip
        if kind in {OutcomeClass.SUCCESS, OutcomeClass.FAILURE}:
            key = route, self.world.cells[cell][0]
            p = self.p.get(key, 0.9)
            self.p[key] = p + 0.1 * ((kind is OutcomeClass.SUCCESS) - p)


class Thompson(Policy):
    """A discounted Beta per route and cell, from which each decision draws."""

    name = "thompson"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.dice = Random(f"thompson {world.name} {world.seed}")
        self.counts: dict[tuple[int, int], list[float]] = {}

    def order(self, request: int, cell: int, now: float, after: tuple[int, ...]) -> tuple[int | None, int]:
        drawn = {}
        for route in range(len(self.world.routes)):
            good, bad, at = self.counts.get((route, cell), (0.0, 0.0, now))
            fade = 0.5 ** ((now - at) / 3600.0)
            drawn[route] = self.dice.betavariate(good * fade + 9.0, bad * fade + 1.0)
        ranked = sorted(drawn, key=lambda r: -self.index(r, cell, drawn[r]))
        for route in ranked:
            if route not in after:
                return route, ranked[0] if not after else -1
        return None, -1

    def told(self, route: int, cell: int, kind: OutcomeClass, now: float, age: float, after: tuple[int, ...],
             fraud: float, overdue: bool = False) -> None:  # fmt: skip
        if kind not in {OutcomeClass.SUCCESS, OutcomeClass.FAILURE}:
            return
        row = self.counts.setdefault((route, cell), [0.0, 0.0, now])
        fade = 0.5 ** ((now - row[2]) / 3600.0)
        row[0] = row[0] * fade + (kind is OutcomeClass.SUCCESS)
        row[1] = row[1] * fade + (kind is not OutcomeClass.SUCCESS)
        row[2] = now


class Oracle(Policy):
    """Knows every true chance of the moment, but not the dice."""

    name = "oracle"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.truth: list[list[float]] = []  # the player's, kept up to date by it

    def order(self, request: int, cell: int, now: float, after: tuple[int, ...]) -> tuple[int | None, int]:
        missed = 1.0
        for route in after:
            missed *= 1.0 - self.truth[route][cell]
        dead = self.world.dead_share
        alive = (1.0 - dead) * missed / ((1.0 - dead) * missed + dead) if missed > 0 else 0.0
        if after and missed <= 0.0:
            alive = 0.0
        top, top_index = None, -1e9
        for route in range(len(self.world.routes)):
            if route not in after:
                rank = self.index(route, cell, self.truth[route][cell] * alive)
                if rank > top_index:
                    top, top_index = route, rank
        if after and top_index <= 0.0:
            return None, -1
        return top, -1 if after or top is None else top


class Engine(Policy):
    """The engine itself, through its port."""

    name = "callward"
    best_order = True

    def __init__(self, world: World) -> None:
        super().__init__(world)
        targets = [Target(name, (up,)) for name, up in zip(world.routes, world.upstreams, strict=True)]
        self.scores = Scores(targets)
        self.number = {name: i for i, name in enumerate(world.routes)}
        self.ordering = Ordering("standard", value=world.value, patience=PATIENCE, best=self.best_order)
        self.candidates: dict[int, list[Candidate]] = {}
        self.priced: list[float] = []
        self.changes: list[object] = []
        self.last: Decision | None = None

    def order(self, request: int, cell: int, now: float, after: tuple[int, ...]) -> tuple[int | None, int]:
        if self.priced != self.cost_factor:
            self.candidates.clear()
            self.priced = list(self.cost_factor)
        candidates = self.candidates.get(cell)
        if candidates is None:
            world, routes = self.world, self.static
            candidates = self.candidates[cell] = [
                Candidate(world.routes[r], world.costs[r][cell] * self.cost_factor[r], world.waits[r]) for r in routes
            ]
        names = tuple(self.world.routes[r] for r in after)
        if names:
            candidates = [c for c in candidates if c.target not in names]
            if not candidates:
                return None, -1
        decision = self.scores.order(candidates, f"{request}", self.world.cells[cell], now, self.ordering, names)
        self.last = decision
        leader = decision.record.leader
        first = decision.worthwhile[:1]
        return (self.number[first[0]] if first else None), self.number[leader] if leader and not after else -1

    def told(self, route: int, cell: int, kind: OutcomeClass, now: float, age: float, after: tuple[int, ...],
             fraud: float, overdue: bool = False) -> None:  # fmt: skip
        world = self.world
        names = tuple(world.routes[r] for r in after)
        retry_after = 5.0 if kind is OutcomeClass.CAPACITY else 0.0
        outcome = Outcome(
            world.routes[route], kind, world.cells[cell], 1.0 - fraud, names, age, retry_after, overdue=overdue
        )
        self.changes += self.scores.observe(outcome, now)

    def overdue_after(self, route: int, cell: int, now: float) -> float:
        return self.scores.overdue_after(self.world.routes[route], self.world.cells[cell], now)


class Configured(Engine):
    """The engine where the configured order stands: gates only."""

    name = "callward-configured"
    best_order = False


POLICIES: dict[str, type[Policy]] = {
    policy.name: policy for policy in (Policy, Breaker, Window, Ewma, Thompson, Engine, Oracle)
}
