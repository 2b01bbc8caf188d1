"""What is known of each target in each region: the nodes, how they hang together, and the estimates they give.

Owns the tree of nodes (target, target in country, target in operator), the gates of failure domains and the patterns
of each target in each country. Must not decide what an outcome means: that is `score`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.health.estimate import KAPPA, Tally, Times, logit, shrink, unlogit
from controller.health.incident import Alarm
from controller.health.outcomes import Region
from controller.health.patterns import HOURS, Patterns
from controller.health.readmission import Gate, Stage

#: With fewer confirmations than this elsewhere, there is nothing to compare with.
LEAST_POOL = 20.0

#: Successes that prove untrue: worth of the pool in samples; the share of the pool's that is suspect, from so many on.
HELD_KAPPA = 100.0
SUSPECT = 0.6
SUSPECT_FROM = 50.0
#: Conversion differs for many reasons: only what falls below this share of the pool's counts.
CREDIBLE = 0.85

#: As far as a gate may be closed for those that come in the middle of a cascade: canaries are chosen at its beginning.
CLOSED = frozenset((Stage.HELD, Stage.CANARY, Stage.PARKED))


def share_of(good: float, bad: float) -> float:
    """The share of successes that proved true. 0: too few were told of."""
    return good / (good + bad) if good + bad >= LEAST_POOL and good > 0.0 else 0.0


Key = tuple[str, ...]

_OPEN = Stage.OPEN


@dataclass(frozen=True, slots=True)
class Target:
    """Something that offers can be sent to, and what it fails together with (carrier, site, address, upstream)."""

    name: str
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A gate that opened or closed."""

    target: str  # or a domain: "domain agg-1"
    region: Region
    old: str
    new: str
    at: float
    why: str


@dataclass(frozen=True, slots=True)
class Row:
    """One target in one region, for a status page."""

    target: str
    region: Region
    estimate: float
    samples: float
    state: str
    why: str


class Node:
    """Evidence about one target, in one region or everywhere."""

    __slots__ = ("alarm", "doubt", "gate", "held", "key", "tally", "times")

    def __init__(self, key: Key, now: float) -> None:
        self.key = key
        self.tally = Tally(now)
        self.held = Tally(now)  # successes that proved true, or not
        self.times = Times()  # of successes; kept for whole targets only
        self.alarm = Alarm()
        self.doubt = Alarm()  # about its reports
        self.gate = Gate(" in ".join((key[0], key[-1])) if len(key) > 1 else key[0])

    def dump(self) -> list[Any]:
        return [
            list(self.key),
            self.tally.dump(),
            self.held.dump(),
            self.alarm.dump(),
            self.gate.dump(),
            self.times.dump(),
            self.doubt.dump(),
        ]

    @classmethod
    def load(cls, data: Sequence[Any]) -> Node:
        node = cls(tuple(data[0]), 0.0)
        node.tally.load(data[1])
        node.held.load(data[2])
        node.alarm.load(data[3])
        node.gate.load(data[4])
        node.times.load(data[5])
        node.doubt.load(data[6])
        return node


def narrowest(gates: list[Gate], now: float) -> tuple[float, bool, str, str]:
    """Share, whether a canary is due, state and reason, where several gates stand one behind the other."""
    share, canary, state, why = 1.0, False, "open", ""
    ready = True  # for a canary: every gate in the way must be
    for gate in gates:
        stage = gate.settle(now)
        if stage is Stage.OPEN:
            continue
        one = gate.share(now)
        if one < share or state == "open":
            share, state, why = one, stage.value, gate.why
        if stage is Stage.CANARY:
            canary = True
            ready = ready and now >= gate.canary_at
        elif stage is not Stage.RISING:
            ready = False
    return share, canary and ready, state, why


class Nodes:
    """All nodes of all targets."""

    def __init__(self, targets: Mapping[str, Target], wall: float, prior: float) -> None:
        self.targets = targets
        self.wall = wall
        self.prior = prior
        self.all: dict[Key, Node] = {}
        self.paths: dict[tuple[str, Region], tuple[Node, ...]] = {}  # narrow to broad
        self._gates: dict[tuple[tuple[str, ...], Region], list[tuple[str, Gate]]] = {}  # of several targets' nodes
        self.domains: dict[Key, Gate] = {}  # (domain, country)
        self.patterns: dict[Key, Patterns] = {}  # (target, country)

    def path(self, target: str, region: Region, now: float) -> tuple[Node, ...]:
        """The target's nodes for a region, narrow to broad."""
        path = self.paths.get((target, region))
        if path is None:
            nodes = []
            for depth in range(len(region), -1, -1):
                key = (target, *region[:depth])
                node = self.all.get(key)
                if node is None:
                    node = self.all[key] = Node(key, now)
                nodes.append(node)
            path = self.paths[target, region] = tuple(nodes)
        return path

    def estimate(self, path: tuple[Node, ...], now: float) -> float:
        """The estimate at the narrow end, but for patterns: what `estimates` begins with, at half the price."""
        p = self.prior
        for depth, node in enumerate(reversed(path)):
            tally = node.tally
            good, bad = tally.good, tally.bad
            if now > tally.at:
                fade = 0.5 ** ((now - tally.at) / tally.half_life)
                good *= fade
                bad *= fade
            kappa = KAPPA[depth] if depth < 3 else KAPPA[2]
            p = (good + kappa * p) / (good + bad + kappa)
        return p

    def shift(self, path: tuple[Node, ...], circumstances: tuple[str, ...]) -> tuple[float, str]:
        """What the circumstances add to the log-odds of a path's estimates, and which of them does; 0 and "": nothing."""
        if len(path) > 1:
            patterns = self.patterns.get(path[-2].key)
            if patterns is not None:
                return patterns.shift(circumstances)
        return 0.0, ""

    def estimates(self, path: tuple[Node, ...], now: float, circumstances: tuple[str, ...] = ()) -> list[float]:
        """The estimate at each node of a path, narrow to broad like the path; the hour is among the circumstances."""
        p = self.prior
        estimates = []
        for depth, node in enumerate(reversed(path)):
            good, bad = node.tally.seen(now)
            p = shrink(good, bad, p, KAPPA[depth] if depth < 3 else KAPPA[2])
            estimates.append(p)
        shift, _ = self.shift(path, (*circumstances, self.hour(now)))
        if shift:
            estimates = [unlogit(logit(p) + shift) for p in estimates]
        estimates.reverse()
        return estimates

    def pool(self, region: Region, but: str = "") -> float:
        """The share of successes that prove true, over all targets in a country, or all but one. 0: nobody tells."""
        return share_of(*self._proved(region, but))

    def pools(self) -> Callable[[Region, str], float]:
        """`pool` of many targets at once: all are added up once for each country, and not for each of them."""
        sums: dict[Region, tuple[float, float]] = {}

        def pool(region: Region, but: str) -> float:
            country = region[:1]
            if country not in sums:
                sums[country] = self._proved(country)
            good, bad = sums[country]
            own = self.all.get((but, *country)) if but in self.targets else None
            return share_of(good - own.held.good, bad - own.held.bad) if own is not None else share_of(good, bad)

        return pool

    def _proved(self, region: Region, but: str = "") -> tuple[float, float]:
        """Successes that proved true, and those that did not, of all targets in a country, or all but one."""
        good = bad = 0.0
        for name in self.targets:
            node = self.all.get((name, *region[:1])) if name != but else None
            if node is not None:
                good += node.held.good
                bad += node.held.bad
        return good, bad

    def credit(self, path: tuple[Node, ...], pool: float) -> float:
        """How far the target's successes can be believed, against those of all targets there. 1: as any other's."""
        held = path[-2].held if len(path) > 1 else path[-1].held
        own = held.good + held.bad
        if own < 1.0:
            return 1.0
        if own >= SUSPECT_FROM and held.good < SUSPECT * pool * own:
            return held.good / own / pool
        credit = shrink(held.good, held.bad, pool, HELD_KAPPA) / pool
        return credit if credit < CREDIBLE else 1.0

    def share(self, target: str, path: tuple[Node, ...], region: Region, now: float) -> float:
        return min(gate.share(now) for gate in self.gates(target, region, now))

    def gates(self, target: str, region: Region, now: float) -> list[Gate]:
        gates = [node.gate for node in self.path(target, region, now)]
        if self.domains:
            gates += self.domain_gates(target, region)
        return gates

    def forget_paths(self) -> None:
        """Nodes came or went."""
        self.paths.clear()
        self._gates.clear()

    def stand_open(self, target: str, region: Region, now: float) -> bool:
        """Whether all gates of a target are open there, once time has done what it does."""
        for node in self.paths.get((target, region)) or self.path(target, region, now):
            if node.gate.stage is not _OPEN and node.gate.settle(now) is not _OPEN:
                return False
        return not self.domains or all(gate.settle(now) is _OPEN for gate in self.domain_gates(target, region))

    def closings(self, targets: tuple[str, ...], region: Region, now: float) -> dict[str, str]:
        """Those of these targets of whom a gate is not open, nor rising, once time has done what it does, and why; cheap."""
        gates = self._gates.get((targets, region))
        if gates is None:
            known = [name for name in targets if name in self.targets]
            gates = [(name, node.gate) for name in known for node in self.path(name, region, now)]
            self._gates[targets, region] = gates
        found: dict[str, str] = {}
        for name, gate in gates:
            if gate.stage is not _OPEN and name not in found and gate.settle(now) in CLOSED:
                found[name] = gate.why
        if self.domains:
            for name in targets:
                closed = [gate for gate in self.domain_gates(name, region) if gate.settle(now) in CLOSED]
                if closed and name not in found:
                    found[name] = closed[0].why
        return found

    def domain_gates(self, target: str, region: Region) -> list[Gate]:
        if not self.domains or not region or target not in self.targets:
            return []
        found = (self.domains.get((domain, region[0])) for domain in self.targets[target].domains)
        return [gate for gate in found if gate is not None]

    def hour(self, now: float) -> str:
        return HOURS[int((now + self.wall) // 3600) % 24]

    def patterns_of(self, target: str, country: str) -> Patterns:
        patterns = self.patterns.get((target, country))
        if patterns is None:
            patterns = self.patterns[target, country] = Patterns()
        return patterns
