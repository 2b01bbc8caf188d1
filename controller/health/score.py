"""Quality: what outcomes say about each target in each region, and the order that follows for the next offer.

Owns the nodes of evidence and how they hang together. Must not know what a target is (a trunk, a message route), send
anything or read a clock: time is an argument in seconds, and nothing here is random. The parts are `weighing` (what an outcome
changes), `outcomes` (codes to classes), `node` (what is known where), `estimate` (how good), `incident` (did it break), `readmission` and `room` (how
much may it have), `choice` (who first).

Interface, all that the rest needs::

    scores = Scores([Target("sms-1", domains=("agg-1",)), Target("sms-2")], wall=epoch_minus_monotonic)
    kind = classify(SIP, "503", retry_after)                   # controller.health.outcomes; None: nothing to observe
    changes = scores.observe(Outcome("sms-1", kind, region=("US", "US/310260"), after=(...), age=3.1), now)
    decision = scores.order([Candidate("sms-1", cost=0.01, wait=20.0), ...], offer_key, region, now, ordering)
    decision.order, decision.worthwhile, decision.record       # replay(record) == order
    scores.lost("sms-1", now, why); scores.found("sms-1", now, why)     # hard signals: liveness DOWN, UP
    scores.park("sms-1", now, why); scores.home("sms-1", now, why)      # an operator's
    scores.view(now)                                           # rows for a status page
    scores.overdue_after("sms-1", region, now)                 # when an unanswered attempt is worth an OVERDUE
    scores.forget(now)                                         # now and then: drops what has faded
    Scores.load(scores.dump(), targets) -> the same scores     # plain data, JSON

A changed order, gate or flag is never a secret: `observe` returns `Change`s, `order` a `Record`.

**Nodes.** A target has a node for itself and one for each beginning of a region it was seen in: `sms-1`, `sms-1 in US`,
`sms-1 in US/310260`. Each has a tally, an alarm and a gate; the broader tally is the prior of the narrower. An
outcome goes to all of them, until a gate is closed: then it explains the outcome, and only the closed ones weigh it.
An alarm closes the narrowest node that has it, takes the evidence of the incident back out of the
tallies (what a target is when it works does not change because it broke), and takes it out of the alarms above. When
half of a target's traffic, in two countries or more, lies behind closed gates, the target's own gate closes.

**Failure domains.** An alarm of a target gives those that share a domain with it in that country a head start in
their own alarms: they need a third of the evidence. When two of them are closed, the domain is, for all of its targets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf
from typing import Any

from controller.health.choice import (
    SHARED,
    UNREACHABLE,
    Candidate,
    Decision,
    Ordering,
    Record,
    Seen,
    choose,
    patience_over,
)
from controller.health.estimate import PRIOR, logit, unlogit
from controller.health.node import SUSPECT, Change, Node, Row, Target, narrowest
from controller.health.outcomes import Region
from controller.health.patterns import Patterns
from controller.health.readmission import CANARY_GAP, Gate, Stage
from controller.health.room import Room
from controller.health.weighing import Weighing

__all__ = ["Change", "Row", "Scores", "Target"]


class Scores(Weighing):
    """All targets' quality: the evidence, and the order that follows."""

    def __init__(
        self, targets: Iterable[Target], wall: float = 0.0, prior: float = PRIOR, unreachable: float = UNREACHABLE
    ) -> None:
        """``wall`` is what to add to ``now`` for seconds since the epoch: hours of the day are learnt."""
        super().__init__(targets, wall, prior, unreachable)
        self._primary: dict[tuple[str, Region], tuple[str, float]] = {}
        self._spent: list[tuple[Gate, float]] | None = (
            None  # within `undone`: gates, and when their next canary was due
        )

    def update(self, targets: Iterable[Target]) -> None:
        """These are the targets from now on. Of those that stay, all that is known stays."""
        super().update(targets)
        self._primary = {key: row for key, row in self._primary.items() if row[0] in self.targets}

    # ------------------------------------------------------------------ hard signals and operators

    def lost(self, target: str, now: float, why: str) -> list[Change]:
        """A hard signal: it is dead. Closed at once, until `found`."""
        node = self.nodes.path(target, (), now)[0]
        return [self._hold(node, now, why, self.nodes.estimates((node,), now)[0], lost=True)]

    def found(self, target: str, now: float, why: str) -> list[Change]:
        """A hard signal: it is back. Its way back begins."""
        return self._move(target, now, lambda gate: gate.release(now, why))

    def park(self, target: str, now: float, why: str = "parked by an operator") -> list[Change]:
        """Take it out until `home`."""
        return self._move(target, now, lambda gate: gate.park(now, why))

    def is_parked(self, target: str) -> bool:
        """Whether an operator has taken it out."""
        node = self.nodes.all.get((target,))
        return node is not None and node.gate.stage is Stage.PARKED

    def home(self, target: str, now: float, why: str = "brought back by an operator") -> list[Change]:
        """Bring it back, in steps."""
        return self._move(target, now, lambda gate: gate.home(now, why))

    def _move(self, target: str, now: float, act: Any) -> list[Change]:
        self._troubled.add(target)
        gate = self.nodes.path(target, (), now)[0].gate
        old = gate.settle(now)
        act(gate)
        return [] if gate.stage is old else [Change(target, (), old.value, gate.stage.value, now, gate.why)]

    # ------------------------------------------------------------------ the order

    @contextmanager
    def undone(self) -> Iterator[None]:
        """For questions: who leads, and which single offers are spent, is as it was before, once this is left. Within it
        orders know of each other, as those of one plan do."""
        assert self._spent is None, "one question at a time"
        primary, spent = dict(self._primary), list[tuple[Gate, float]]()
        self._spent = spent
        try:
            yield
        finally:
            self._primary, self._spent = primary, None
            for gate, at in reversed(spent):
                gate.canary_at = at

    def order(
        self,
        candidates: Sequence[Candidate],
        offer_key: str,
        region: Region,
        now: float,
        ordering: Ordering,
        after: tuple[str, ...] = (),
        *,
        circumstances: tuple[str, ...] = (),
    ) -> Decision:
        """Order the candidates for an offer. ``after`` are those that have failed for it already,
        ``circumstances`` what its outcomes will be seen under (the hour is added). Who only wants to know asks within
        `undone`."""
        dead = self._dead(after, "", region, now) if after else self.unreachable
        failed = {domain for name in after if name in self.targets for domain in self.targets[name].domains}
        pool = self.nodes.pool(region)
        under = (*circumstances, self.nodes.hour(now))
        seen = tuple(
            [self._see(candidate, region, now, ordering, dead, failed, after, pool, under) for candidate in candidates]
        )
        primary, since = self._primary.get((ordering.name, region), ("", now))
        settled = now - since >= ordering.dwell
        record = Record(offer_key, region, now, ordering, seen, primary, settled, after, dead)
        order, worth, leader, how = choose(record)
        # A primary that was not among the candidates keeps its place: a limit or a rule kept it out of this offer.
        present = not primary or how == "panic" or any(c.target == primary for c in candidates)
        if leader and leader != primary and present and not after:
            self._primary[ordering.name, region] = (leader, now)
        if how == "canary":
            for gate in self.nodes.gates(order[0], region, now):
                if self._spent is not None:
                    self._spent.append((gate, gate.canary_at))
                gate.canary_at = now + CANARY_GAP
        record = Record(
            offer_key, region, now, ordering, seen, primary, settled, after, dead, order, worth, leader, how, under
        )
        return Decision(order, record)

    def _see(
        self,
        candidate: Candidate,
        region: Region,
        now: float,
        ordering: Ordering,
        dead: float,
        failed: set[str],
        after: tuple[str, ...],
        pool: float,
        under: tuple[str, ...],
    ) -> Seen:
        name = candidate.target
        path = self.nodes.paths.get((name, region)) or self.nodes.path(name, region, now)
        p = self.nodes.estimate(path, now)
        share, canary, state, why = 1.0, False, "open", ""
        shift, which = self.nodes.shift(path, under)
        if shift:
            usual, p = p, unlogit(logit(p) + shift)
            why = f"{which}: {p:.0%}, where {usual:.0%} is usual of late"
        if pool:
            others = self.nodes.pool(region, name)
            p *= self.nodes.credit(path, others) if others else 1.0
        chance = p
        target = self.targets.get(name)
        domains = target.domains if target is not None else ()
        if after:
            chance *= 1.0 - dead
            if not failed.isdisjoint(domains) or name in after:
                chance *= SHARED
        gates = [node.gate for node in path if node.gate.stage is not Stage.OPEN]
        if self.nodes.domains:
            gates += [gate for gate in self.nodes.domain_gates(name, region) if gate.stage is not Stage.OPEN]
        if gates:
            share, canary, state, why = narrowest(gates, now)
        room = self._rooms.get(name)
        if room is not None:
            one = room.now(now)
            if one < share:
                share, state, why = one, "full", "asked for less"
        tally = path[0].tally
        patience = patience_over(candidate.wait, ordering)
        rank = chance
        if ordering.value != inf:
            rank = (chance * ordering.value - candidate.cost) / max(1e-9, 1.0 - patience * (1.0 - chance))
        return Seen(
            name,
            candidate.cost,
            candidate.wait,
            domains,
            p,
            tally.good + tally.bad,
            share,
            canary,
            patience,
            rank,
            state,
            why,
        )

    # ------------------------------------------------------------------ looking in, keeping

    def view(self, now: float) -> list[Row]:
        """Everything, in words: targets in the order given, regions by name."""
        rank = {name: place for place, name in enumerate(self.targets)}
        pool_of = self.nodes.pools()
        rows = []
        for key in sorted(self.nodes.all, key=lambda key: (rank.get(key[0], len(rank)), key[1:])):
            node, region = self.nodes.all[key], key[1:]
            path = self.nodes.path(key[0], region, now)
            estimate = self.nodes.estimates(path, now)[0]
            samples = sum(node.tally.seen(now))
            state = node.gate.settle(now)
            pool = pool_of(region, key[0])
            credit = self.nodes.credit(path, pool) if pool else 1.0
            if state is not Stage.OPEN:
                why = node.gate.why
            elif credit < SUSPECT:
                why = f"reports success, and {credit:.0%} as much of it proves true as elsewhere: suspect reports"
            elif key[0] in self._rooms and self._rooms[key[0]].now(now) < 1.0:
                why = f"asked for less: may have {self._rooms[key[0]].now(now):.0%}"
            else:
                why = f"{estimate:.0%} succeed" if samples >= 1 else "too little is known"
            rows.append(Row(key[0], region, estimate, samples, state.value, why))
        for (domain, country), gate in sorted(self.nodes.domains.items()):
            if gate.settle(now) is not Stage.OPEN:
                rows.append(Row(f"domain {domain}", (country,), 0.0, 0.0, gate.stage.value, gate.why))
        return rows

    def learnt(self, now: float) -> list[tuple[str, str, str, float, float, float]]:
        """(target, country, circumstance, share of successes under it, share under all, samples): where these differ."""
        rows = sorted(self.nodes.patterns.items())
        return [(key[0], key[1], *row) for key, patterns in rows for row in patterns.learnt(now)]

    def forget(self, now: float) -> int:
        """Drop what has faded: open nodes with less than a hundredth of a sample. Returns how many."""
        faded = [
            key
            for key, node in self.nodes.all.items()
            if len(key) > 1 and node.gate.settle(now) is Stage.OPEN and sum(node.tally.seen(now)) < 0.01
        ]
        for key in sorted(faded, key=len, reverse=True):  # operators before their countries
            if not any(other[: len(key)] == key for other in self.nodes.all if len(other) > len(key)):
                del self.nodes.all[key]
                self.nodes.patterns.pop(key, None)
        self._primary = {key: row for key, row in self._primary.items() if (row[0], *key[1]) in self.nodes.all}
        self.nodes.forget_paths()
        return len(faded)

    def dump(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "wall": self.wall,
            "prior": self.prior,
            "unreachable": self.unreachable,
            "nodes": [node.dump() for node in self.nodes.all.values()],
            "domains": [[*key, gate.name, gate.dump()] for key, gate in self.nodes.domains.items()],
            "patterns": [[list(key), each.dump()] for key, each in self.nodes.patterns.items()],
            "rooms": {n: [r.share, r.at, r.full_since, r.shut_until] for n, r in self._rooms.items()},
            "ours": dict(self._ours),
            "unable": dict(self._unable),
            "primary": [[name, list(region), *row] for (name, region), row in self._primary.items()],
        }

    @classmethod
    def load(cls, data: Mapping[str, Any], targets: Iterable[Target]) -> Scores:
        """What `dump` gave."""
        scores = cls(targets, data["wall"], data["prior"], data["unreachable"])
        for row in data["nodes"]:
            node = Node.load(row)
            scores.nodes.all[node.key] = node
        for domain, country, name, row in data["domains"]:
            gate = scores.nodes.domains[domain, country] = Gate(name)
            gate.load(row)
        for key, row in data["patterns"]:
            patterns = scores.nodes.patterns[tuple(key)] = Patterns()
            patterns.load(row)
        for name, row in data["rooms"].items():
            room = scores._rooms[name] = Room(0.0)
            room.share, room.at, room.full_since, room.shut_until = row
        scores._ours = dict(data["ours"])
        scores._unable = dict(data["unable"])
        scores._troubled = set(scores.targets)
        scores._primary = {(name, tuple(region)): (leader, at) for name, region, leader, at in data["primary"]}
        scores.update(scores.targets.values())  # what was dumped may know targets that are gone
        return scores
