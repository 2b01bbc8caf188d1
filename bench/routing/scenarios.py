"""The scenarios: which world, and what goes wrong in it.

Each is a function of a seed. Seeds for tuning and seeds for reports are apart: `TUNING` and `REPORT`. Whoever changes a
constant of the engine looks at the former only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from bench.routing.world import Trouble, World, make_world

TUNING = (101, 102, 103)
REPORT = (1, 2, 3, 4, 5)

MINUTE, HOUR = 60.0, 3600.0


def _all(world: World) -> frozenset[int]:
    return frozenset(range(len(world.cells)))


def _country(world: World, c: int) -> frozenset[int]:
    return frozenset(i for i, (country, _) in enumerate(world.cells) if country == f"C{c}")


def _usual(world: World, hours: float = 4.0) -> None:
    """The troubles of so many hours: 8 countries, 2 outages, 3 upstreams, 6 operators, 3 slowdowns, 30 blips."""
    dice = Random(f"troubles {world.name} {world.seed}")
    routes, everywhere = len(world.routes), _all(world)
    shared = [r for r in range(routes) if world.upstreams.count(world.upstreams[r]) > 1]
    times = world.length / (hours * HOUR)

    # Half of the troubles strike a route in use: the other half shows whether health of the unused ones misleads.
    ranking = world.static_order()
    for_use = {}
    for cell in range(len(world.cells)):
        for_use[cell] = max(ranking, key=lambda r: world.base[r][cell] - world.costs[r][cell] / world.value)

    def add(count: int, kind: str, length: float, routes: Callable[[frozenset[int]], set[int]],
            cells: Callable[[], frozenset[int]], factor: float = 1.0, slow: float = 1.0,
            measured: bool = True) -> None:  # fmt: skip
        for _ in range(round(count * times)):
            start = dice.uniform(0.05, 0.92) * world.length
            where = cells()
            hit = frozenset(routes(where))
            world.troubles.append(Trouble(kind, start, start + length, hit, where, factor, slow, measured=measured))

    def one(where: frozenset[int]) -> set[int]:
        if dice.random() < 0.5:
            return {dice.randrange(routes)}
        return {for_use[dice.choice(sorted(where))]}

    def popular() -> frozenset[int]:
        # Where the traffic is: troubles in places nobody calls would be no test.
        return _country(world, min(int(dice.expovariate(0.4)), 9))

    def operator() -> frozenset[int]:
        return frozenset({dice.choice(sorted(popular()))})

    add(8, "country", 20 * MINUTE, one, popular, 0.3)
    add(2, "outage", 10 * MINUTE, one, lambda: everywhere, 0.0)
    add(3, "upstream", 10 * MINUTE, lambda where: set(shared), popular, 0.1)
    add(6, "operator", 20 * MINUTE, one, operator, 0.15)
    add(3, "slow", 10 * MINUTE, one, lambda: everywhere, 1.0, 6.0)
    add(30, "blip", 10.0, one, popular, 0.1, measured=False)


def dense(seed: int, length: float = 4 * HOUR, rate: float = 8.0) -> World:
    """8 requests a second for four hours, the usual troubles."""
    world = make_world("dense", seed, length=length, rate=rate)
    _usual(world)
    return world


def sparse(seed: int, length: float = 24 * HOUR) -> World:
    """Half a request a second for a day, with as many troubles as four dense hours have."""
    world = make_world("sparse", seed, length=length, rate=0.5)
    _usual(world, hours=24.0)
    return world


def _hour(name: str, seed: int, *, length: float = HOUR, rate: float = 3.0, **more: Any) -> World:
    return make_world(name, seed, length=length, rate=rate, **more)


def _strike(world: World, kind: str, start: float, length: float, *, routes: Iterable[int] = (),
            cells: frozenset[int] | None = None, **more: Any) -> None:  # fmt: skip
    """Trouble for these routes, by default the first of the static order; everywhere, by default."""
    hit = frozenset(routes) or frozenset({world.static_order()[0]})
    where = _all(world) if cells is None else cells
    world.troubles.append(Trouble(kind, start, start + length, hit, where, **more))


def _leading(world: World, cell: int) -> int:
    """The route with the best index in a cell, but for patience."""
    return max(range(len(world.routes)), key=lambda r: world.base[r][cell] - world.costs[r][cell] / world.value)


def cold_start(seed: int) -> World:
    """Nothing is known, nothing happens."""
    return _hour("cold start", seed)


def operator_fault(seed: int) -> World:
    """One operator cannot be reached through whoever is best there; four times in two hours."""
    world = _hour("operator fault", seed, length=2 * HOUR)
    for n in range(4):
        _strike(world, "operator", (10 + 28 * n) * MINUTE, 20 * MINUTE, routes=[_leading(world, n)],
                cells=frozenset({n}), factor=0.15)  # fmt: skip
    return world


def silent(seed: int) -> World:
    """A provider accepts everything and delivers nothing."""
    world = _hour("silent provider", seed)
    _strike(world, "silent", 20 * MINUTE, 20 * MINUTE, factor=0.0, silent=True)
    return world


def fake(seed: int) -> World:
    """A provider delivers nothing in the two largest countries and reports that it did; codes are typed in, or not."""
    world = _hour("fake reports", seed, length=2 * HOUR, confirmed=0.85)
    where = _country(world, 0) | _country(world, 1)
    _strike(world, "fake", 20 * MINUTE, 100 * MINUTE, cells=where, factor=0.0, fake=True)
    return world


def shared_upstream(seed: int) -> World:
    """Three of five providers hang on one upstream, which fails, twice."""
    world = _hour("shared upstream", seed, shared=((1, 2, 3),))
    for start in (15.0, 40.0):
        _strike(world, "upstream", start * MINUTE, 10 * MINUTE, routes=[1, 2, 3], factor=0.05)
    return world


def flapping(seed: int) -> World:
    """The best provider is dead for 30 s of every minute, for half an hour."""
    world = _hour("flapping", seed)
    for n in range(30):
        _strike(world, "flap", (15 + n) * MINUTE, 30.0, factor=0.0, measured=False)
    return world


def blips(seed: int) -> World:
    """Sixty troubles of ten seconds."""
    world = _hour("blips", seed)
    dice = Random(f"blips {seed}")
    for _ in range(60):
        _strike(world, "blip", dice.uniform(300.0, 3500.0), 10.0, routes=[dice.randrange(5)],
                cells=_country(world, dice.randrange(4)), factor=0.1, measured=False)  # fmt: skip
    return world


def nightly(seed: int) -> World:
    """Four days; each night all routes do worse in the largest country, and the best one in the second."""
    world = _hour("nightly dip", seed, length=96 * HOUR, rate=0.08, countries=3)
    for day in range(4):
        start = (24 * day + 1) * HOUR
        every = range(len(world.routes))
        where = _country(world, 0)
        _strike(world, "night", start, 4 * HOUR, routes=every, cells=where, factor=0.65, measured=False)
        _strike(world, "night", start, 4 * HOUR, cells=_country(world, 1), factor=0.7, measured=False)
    return world


def pumping(seed: int) -> World:
    """Traffic to numbers that do not exist, three times the usual of everything, flagged 0.95 by the fraud score."""
    return _hour("pumping", seed, pumps=((20 * MINUTE, 40 * MINUTE, 9.0),))


def price(seed: int) -> World:
    """The best provider's prices double at half time."""
    world = _hour("price change", seed)
    _strike(world, "price", 30 * MINUTE, 30 * MINUTE, cost=2.0, measured=False)
    return world


def slow(seed: int) -> World:
    """Reports of the best provider take six times as long."""
    world = _hour("slow", seed)
    _strike(world, "slow", 20 * MINUTE, 20 * MINUTE, slow=6.0)
    return world


def all_down(seed: int) -> World:
    """Everything fails for ten minutes, then one provider after the other comes back."""
    world = _hour("all down", seed)
    for place, route in enumerate(reversed(world.static_order())):
        _strike(world, "down", 20 * MINUTE, (10 + 2 * place) * MINUTE, routes=[route], factor=0.02)
    return world


def recovery(seed: int) -> World:
    """The best provider is out for ten minutes, three times."""
    world = _hour("recovery", seed, length=1.5 * HOUR)
    for n in range(3):
        _strike(world, "outage", (10 + 25 * n) * MINUTE, 10 * MINUTE, factor=0.0)
    return world


def trunks(seed: int) -> World:
    """SIP: four trunks, answered in 1.2 s; 503 at once, then 408 in silence, then slow set-up, then 503 Retry-After."""
    world = _hour("SIP trunks", seed, length=1.5 * HOUR, routes=4, countries=2, shared=(), dead_share=0.0, wait=4.0,
                  delay=1.2, value=1.0, costly=0.3)  # fmt: skip
    _strike(world, "503", 10 * MINUTE, 10 * MINUTE, factor=0.0, refused=True)
    _strike(world, "408", 30 * MINUTE, 10 * MINUTE, factor=0.0, silent=True)
    _strike(world, "slow", 50 * MINUTE, 10 * MINUTE, slow=5.0)
    _strike(world, "full", 70 * MINUTE, 10 * MINUTE, capacity=0.5, measured=False)
    return world


SCENARIOS: dict[str, Callable[[int], World]] = {
    "dense": dense, "sparse": sparse, "cold-start": cold_start, "operator-fault": operator_fault, "silent": silent,
    "fake": fake, "shared-upstream": shared_upstream, "flapping": flapping, "blips": blips, "nightly": nightly,
    "pumping": pumping, "price": price, "slow": slow, "all-down": all_down, "recovery": recovery, "trunks": trunks,
}  # fmt: skip
