"""Who goes first: from what is known of the candidates to an order, and the record that replays to it.

Owns the index, the order, exploration and canaries, stickiness, and the `Record`. `choose` is a function of a `Record`'s
inputs and of nothing else, so `replay(record)` runs the very function that decided. Must not read scores itself.

**Index.** With the value V of a success, cost c, probability p and patience g = e^(-t/tau) over its step timeout t,
exchanging neighbours shows that the best order is by decreasing (p V - c) / (1 - g (1 - p)); for patience without end
that is ascending c / p. Later places are ranked under the condition that those before failed: the
destination may be unreachable, and what shares a failure domain with one that failed is likely to fail too.

**No dice.** Whether an offer is an exploration, a canary or within a rising share is drawn from a hash of its key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from hashlib import blake2b
from math import exp, inf, sqrt
from typing import Any, NamedTuple

#: What shares a failure domain with a target that failed for this offer is trusted this much.
SHARED = 0.2

#: What is closed is expected to succeed as often as this, of its estimate.
SHUT = 0.2

#: Base rate of destinations that nobody can reach.
UNREACHABLE = 0.03

#: Nobody's failure speaks louder about the destination than that of a target with this chance: an incident that has
#: not been noticed yet explains it as well.
MOST_CERTAIN = 0.92

#: A canary goes to one in so many offers at most, and only where that costs little: index within 10 % of the leader's.
CANARY_SHARE = 0.2
CANARY_WORTH = 0.9

#: An exploration needs a chance that the target is better: this many standard errors.
OPTIMISM = 1.5


@dataclass(frozen=True, slots=True)
class Ordering:
    """How offers of one class want to be ordered."""

    name: str = "best"
    best: bool = True  # by index; else the order of the candidates stands, and only gates change it
    value: float = 1.0  # of a success, in the unit of costs
    patience: float = 60.0  # tau in seconds
    explore: float = 0.01  # share of offers that try what is little known
    margin: float = 1.01  # a new leader's index must be better by this factor ...
    dwell: float = 120.0  # ... and the old one have led for so many seconds
    depth: int = 3  # places ranked under the condition that those before failed


#: For calls without `order: best`: the configured order, no exploration.
CONFIGURED = Ordering("configured", best=False, value=inf, explore=0.0)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One target that rules allow for an offer."""

    target: str
    cost: float = 0.0  # of an attempt
    wait: float = 20.0  # step timeout in seconds


class Seen(NamedTuple):
    """What was known of a candidate when the choice was made. Ten of them per decision: hence no dataclass."""

    target: str
    cost: float
    wait: float
    domains: tuple[str, ...]
    p: float  # estimate
    n: float  # samples behind it
    share: float  # of the offers that it may have now: 0 closed, 1 open
    canary: bool  # closed, but a single offer may try it
    patience: float  # g over its wait
    rank: float  # its index; p where costs do not count
    state: str
    why: str


_TUPLES = ("region", "after", "order", "circumstances")


@dataclass(frozen=True, slots=True)
class Record:
    """Everything a decision was made of, and what came out."""

    offer_key: str
    region: tuple[str, ...]
    now: float
    ordering: Ordering
    seen: tuple[Seen, ...]
    primary: str  # who led so far
    settled: bool  # the primary has led for its dwell time
    after: tuple[str, ...]  # failed before for this offer
    dead: float  # probability that the destination cannot be reached
    order: tuple[str, ...] = ()
    worth: int = 0  # so many of the order promise more than they cost
    leader: str = ""  # first but for explorations, canaries and rising shares
    how: str = ""  # leader, explore, canary, rising, panic
    circumstances: tuple[str, ...] = ()  # that estimates were shifted by, the hour among them

    def plain(self) -> dict[str, Any]:
        """For a journal: what JSON can hold, where infinity is null."""
        ordering = dict(_plain_ordering(self.ordering))
        lists = {key: list(getattr(self, key)) for key in _TUPLES}
        seen = [[*row[:3], list(row[3]), *row[4:]] for row in self.seen]
        return {**{key: getattr(self, key) for key in self.__slots__}, **lists, "ordering": ordering, "seen": seen}

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Record:
        """What `plain` gave, after JSON too."""
        seen = tuple(Seen(*row)._replace(domains=tuple(row[3])) for row in data["seen"])
        ordering: dict[str, Any] = {k: inf if v is None else v for k, v in data["ordering"].items()}
        tuples = {key: tuple(data.get(key, ())) for key in _TUPLES}
        return cls(**{**data, **tuples, "seen": seen, "ordering": Ordering(**ordering)})


@lru_cache(maxsize=1024)
def _plain_ordering(ordering: Ordering) -> dict[str, Any]:
    return {key: None if value == inf else value for key, value in asdict(ordering).items()}


@dataclass(frozen=True, slots=True)
class Decision:
    """An order, and why."""

    order: tuple[str, ...]
    record: Record

    @property
    def worthwhile(self) -> tuple[str, ...]:
        """Those of the order that promise more than they cost; of a fresh offer the first one always."""
        return self.order[: self.record.worth]


def index(p: float, cost: float, wait: float, ordering: Ordering) -> float:
    """The rank of a candidate: its gain per unit of what it takes from the chance of those behind it."""
    if ordering.value == inf:
        return p
    patience = patience_over(wait, ordering)
    return (p * ordering.value - cost) / max(1e-9, 1.0 - patience * (1.0 - p))


def patience_over(wait: float, ordering: Ordering) -> float:
    """g: what is left of the user's patience after this wait."""
    return exp(-wait / ordering.patience) if ordering.patience < inf else 1.0


def draw(offer_key: str) -> tuple[float, float, float]:
    """Three numbers in 0 .. 1 that are the offer's own."""
    digest = int.from_bytes(blake2b(offer_key.encode("utf-8", "surrogatepass"), digest_size=12).digest(), "big")
    return (digest >> 64) / 2**32, (digest >> 32 & 0xFFFFFFFF) / 2**32, (digest & 0xFFFFFFFF) / 2**32


def dead_after(chances: Sequence[float], unreachable: float = UNREACHABLE) -> float:
    """The probability that the destination is unreachable, after independent targets with these chances failed."""
    missed = 1.0
    for p in chances:
        missed *= 1.0 - min(p, MOST_CERTAIN)
    return unreachable / (unreachable + (1.0 - unreachable) * missed)


def choose(record: Record) -> tuple[tuple[str, ...], int, str, str]:
    """Order, how many are worth their cost, leader, how. Every candidate is in the order: the last one is never lost."""
    seen, ordering = record.seen, record.ordering
    dice, pick, gate = draw(record.offer_key)
    usable = [c for c in seen if c.share >= 1.0 or gate < c.share]
    if not usable:
        # The likeliest first, whatever it costs. Those whose quarantine is over are likelier than their estimate says.
        ranked = sorted(seen, key=lambda c: (c.state == "parked", not c.canary, -c.p if ordering.best else 0))
        order = tuple(c.target for c in ranked)
        return order, len(order), order[0] if order else "", "panic"
    first, leader, how = _lead(record, usable, gate), "", "leader"
    if first.share < 1.0:
        how = "rising"
        steady = [c for c in usable if c.share >= 1.0]
        leader = _lead(record, steady, gate).target if steady else ""
    else:
        leader = first.target
    if not record.after:
        tried = _venture(record, usable, first, dice, pick)
        if tried is not None:
            how = "explore" if tried.share >= 1.0 else "canary"
            first = tried
    order, worth = _arrange(record, usable, first)
    return order, worth, leader, how


def _lead(record: Record, usable: list[Seen], gate: float) -> Seen:
    """The first by index; or the primary, as long as nobody is clearly better or it has just begun."""
    if not record.ordering.best:
        return usable[0]
    top = max(usable, key=lambda c: c.rank)
    if record.after or top.target == record.primary:
        return top
    for c in usable:
        if c.target == record.primary and c.share >= 1.0:
            better = top.rank > c.rank + abs(c.rank) * (record.ordering.margin - 1.0)
            return top if better and (record.settled or top.share < 1.0) else c
    return top


def _venture(record: Record, usable: list[Seen], first: Seen, dice: float, pick: float) -> Seen | None:
    """A canary or an exploration in place of the first, if this offer is to be one."""
    ordering = record.ordering
    if pick < CANARY_SHARE:
        least = first.rank - abs(first.rank) * (1.0 - CANARY_WORTH)
        due = [c for c in record.seen if c.canary and (c.rank >= least or not ordering.best)]
        if not ordering.best:
            # Only who would stand before the first: nobody needs to know more about a reserve.
            due = due[:1] if due and record.seen.index(due[0]) < record.seen.index(first) else []
        if due:
            return due[min(int(pick / CANARY_SHARE * len(due)), len(due) - 1)]
    if ordering.best and dice < ordering.explore:
        hopeful = []
        for c in usable:
            if c.share >= 1.0 and c is not first:
                error = OPTIMISM * sqrt(c.p * (1.0 - c.p) / (c.n + 1.0))
                if index(min(1.0, c.p + error), c.cost, c.wait, ordering) > first.rank:
                    hopeful.append(c)
        if hopeful:
            return hopeful[min(int(pick * len(hopeful)), len(hopeful) - 1)]
    return None


def _arrange(record: Record, usable: list[Seen], first: Seen) -> tuple[tuple[str, ...], int]:
    """Everybody behind the first: usable ones by what they are worth once those before failed, then closed ones."""
    ordering = record.ordering
    order, rest = [first], [c for c in usable if c is not first]
    open_to = {c.target for c in usable}
    closed = [c for c in record.seen if c.target not in open_to and c is not first]
    tainted = set(first.domains)
    if ordering.best:
        dead = _still_dead(record.dead, first.p)
        # Whether a further attempt is worth its cost is asked without the doubt about shared domains: that doubt is
        # there to prefer another way, not to give up.
        worth = (
            1
            if not record.after or ordering.value == inf or first.p * (1.0 - record.dead) * ordering.value > first.cost
            else 0
        )
        value, costless = ordering.value, ordering.value == inf
        while rest and len(order) < ordering.depth:
            best_rank, best, alive = -inf, rest[0], 1.0 - dead
            for c in rest:  # `index`, without its calls: this is most of the work of a decision
                p = c.p * alive
                if tainted and not tainted.isdisjoint(c.domains):
                    p *= SHARED
                rank = p if costless else (p * value - c.cost) / max(1e-9, 1.0 - c.patience * (1.0 - p))
                if rank > best_rank:
                    best_rank, best = rank, c
            worth = _count_worth(worth, len(order), best.p * alive, best.cost, ordering)
            order.append(best)
            rest = [c for c in rest if c is not best]
            tainted.update(best.domains)
            dead = _still_dead(dead, best.p)
        rest.sort(key=lambda c: -c.rank)
        closed.sort(key=lambda c: (c.state == "parked", -c.rank))
        for c in (*rest, *closed):
            p = c.p * (1.0 - dead) * (1.0 if c.target in open_to else SHUT)
            worth = _count_worth(worth, len(order), p, c.cost, ordering)
            order.append(c)
            dead = _still_dead(dead, c.p if c.target in open_to else 0.0)
    else:
        closed.sort(key=lambda c: c.state == "parked")
        worth = len(record.seen)
        order += rest
        order += closed
    return tuple(c.target for c in order), worth


def _still_dead(dead: float, p: float) -> float:
    """The probability that the destination is unreachable, after one more failure of a target with this chance."""
    return dead / (dead + (1.0 - dead) * (1.0 - min(p, MOST_CERTAIN))) if dead < 1.0 else 1.0


def _count_worth(worth: int, place: int, p: float, cost: float, ordering: Ordering) -> int:
    """One more is worth its cost, if all before it were: the first that is not ends the count."""
    return worth + 1 if worth == place and (ordering.value == inf or p * ordering.value > cost) else worth


def replay(record: Record) -> tuple[str, ...]:
    """The order that a record leads to."""
    return choose(record)[0]
