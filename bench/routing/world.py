"""A world made from a seed: routes, places, true chances, troubles, and every request with the dice it will meet.

Owns what is true. Must not know who decides: all policies meet the very same requests, and the dice of a request on a
route are the same whoever sends it there (common random numbers), so that differences are the policies'.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from random import Random

#: Seconds that a request is worth waiting for.
WINDOW = 120.0

#: Of failures: refused at once, reported as failed, never heard of again.
REFUSED, REPORTED = 0.3, 0.6


@dataclass(frozen=True)
class Trouble:
    """Something that goes wrong: chances times ``factor``, delays times ``slow``, where and for how long."""

    kind: str
    start: float
    end: float
    routes: frozenset[int]
    cells: frozenset[int]
    factor: float = 1.0
    slow: float = 1.0
    silent: bool = False  # failures are never heard of
    refused: bool = False  # failures are refusals, at once
    fake: bool = False  # failures are reported as successes
    capacity: float = 0.0  # share of attempts that are told "too many"
    cost: float = 1.0
    measured: bool = True  # counts for detection


@dataclass
class World:
    """All there is to know, the future included."""

    name: str
    seed: int
    length: float  # seconds
    routes: list[str]
    upstreams: list[str]
    waits: list[float]  # step timeouts
    cells: list[tuple[str, str]]  # (country, operator)
    base: list[list[float]]  # [route][cell]
    costs: list[list[float]]  # [route][cell]
    troubles: list[Trouble]
    dead_share: float
    value: float
    delay: float = 3.0  # median of reports, seconds
    confirmed: float = 0.0  # share of true successes that are confirmed later; 0: nobody tells
    times: array[float] = field(default_factory=lambda: array("d"))
    where: array[int] = field(default_factory=lambda: array("H"))
    dead: array[int] = field(default_factory=lambda: array("b"))
    fraud: array[float] = field(default_factory=lambda: array("f"))
    dice: array[float] = field(
        default_factory=lambda: array("f")
    )  # success, kind, delay for each route of each request

    def static_order(self) -> list[int]:
        """The best single list of routes, known by hindsight: what a careful operator would have configured."""
        weights = [0.0] * len(self.cells)
        for cell in self.where:
            weights[cell] += 1.0

        def gain(route: int) -> float:
            return sum(
                w * (self.base[route][cell] * self.value - self.costs[route][cell]) for cell, w in enumerate(weights)
            )

        return sorted(range(len(self.routes)), key=gain, reverse=True)


def make_world(
    name: str,
    seed: int,
    *,
    length: float,
    rate: float,
    routes: int = 5,
    countries: int = 10,
    operators: tuple[int, int] = (2, 3),
    shared: tuple[tuple[int, ...], ...] = ((1, 2),),
    dead_share: float = 0.03,
    value: float = 0.5,
    wait: float = 20.0,
    delay: float = 3.0,
    confirmed: float = 0.0,
    costly: float = 1.0,
    pumps: tuple[tuple[float, float, float], ...] = (),  # (from, to, rate): fraud to numbers that do not exist
) -> World:
    """Routes and places, without troubles and requests yet: `fill` adds those."""
    dice = Random(f"world {name} {seed}")
    cells = [(f"C{c}", f"C{c}/{o}") for c in range(countries) for o in range(dice.randint(*operators))]
    base: list[list[float]] = []
    costs: list[list[float]] = []
    prices = [dice.uniform(0.012, 0.06) for _ in range(countries)]
    for _ in range(routes):
        own = dice.uniform(0.88, 0.94)
        by_country = [dice.gauss(0.0, 0.02) for _ in range(countries)]
        price = dice.uniform(0.75, 1.25)
        by_price = [dice.uniform(0.85, 1.15) for _ in range(countries)]
        row, cost = [], []
        for country, _ in cells:
            c = int(country[1:])
            row.append(min(max(own + by_country[c] + dice.gauss(0.0, 0.012), 0.84), 0.96))
            cost.append(min(max(prices[c] * price * by_price[c], 0.01), 0.076) * costly)
        base.append(row)
        costs.append(cost)
    upstreams = [f"up-{r}" for r in range(routes)]
    for group in shared:
        for r in group:
            if r < routes:
                upstreams[r] = f"up-{group[0]}"
    world = World(
        name, seed, length, [f"r{r}" for r in range(routes)], upstreams, [wait] * routes, cells, base, costs,
        [], dead_share, value, delay, confirmed,
    )  # fmt: skip
    _requests(world, rate, pumps, dice)
    return world


def _requests(world: World, rate: float, pumps: tuple[tuple[float, float, float], ...], dice: Random) -> None:
    sizes: dict[str, int] = {}
    for country, _ in world.cells:
        sizes[country] = sizes.get(country, 0) + 1
    weights = [1.0 / (int(country[1:]) + 1) / sizes[country] for country, _ in world.cells]  # Zipf over countries
    total, up, table = sum(weights), 0.0, []
    for weight in weights:
        up += weight / total
        table.append(up)
    calm, now, last = [], 0.0, len(table) - 1
    while (now := now + dice.expovariate(rate)) < world.length:
        calm.append((now, min(bisect_left(table, dice.random()), last), dice.random() < world.dead_share, 0.0))
    for start, end, attack in pumps:
        now = start
        while (now := now + dice.expovariate(attack)) < end:
            calm.append((now, min(3, last), True, 0.95))
    calm.sort()
    routes = range(len(world.routes))
    for now, cell, dead, fraud in calm:
        world.times.append(now)
        world.where.append(cell)
        world.dead.append(dead)
        world.fraud.append(fraud)
        for _ in routes:
            world.dice.append(dice.random())
            world.dice.append(dice.random())
            world.dice.append(dice.gauss(0.0, 1.0))
