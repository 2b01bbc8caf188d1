"""What outcomes say about targets: evidence weighed, alarms that close gates, gates that open again.

Owns how one outcome changes the nodes of a target and of those that share a failure domain with it. Must not order anything:
`score` does. How nodes hang together stands there as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

from controller.health.choice import (
    MOST_CERTAIN,
    UNREACHABLE,
    Candidate,
    dead_after,
)
from controller.health.estimate import PRIOR
from controller.health.incident import LOW, ratio, reference, threshold
from controller.health.node import Change, Node, Nodes, Target
from controller.health.outcomes import Outcome, OutcomeClass, Region
from controller.health.readmission import Gate, Stage
from controller.health.room import Room

#: The head start that an alarm gives to those who share a failure domain, as a share of their threshold.
HEAD_START = 0.6

#: So many outcomes in a row that are our own fault take the target out: it accepts nothing of what we send.
OURS_IN_A_ROW = 5

#: So many times in a row that it says itself that it cannot (5xx), where it hardly ever failed: no more need be known.
UNABLE_IN_A_ROW = 3
HARDLY_EVER = 0.05
UNABLE_WITHIN = 60.0  # seconds

#: Evidence that weighs less is none: nine tenths fraud a thousand times over is not a hundred honest attempts.
LEAST_WEIGHT = 0.25

#: What an attempt counts for that is overdue, of a failure.
OVERDUE_WEIGHT = 0.5


class Weighing:
    """The evidence of all targets."""

    def __init__(
        self, targets: Iterable[Target], wall: float = 0.0, prior: float = PRIOR, unreachable: float = UNREACHABLE
    ) -> None:
        """``wall`` is what to add to ``now`` for seconds since the epoch: hours of the day are learnt."""
        self.targets = {target.name: target for target in targets}
        self.wall = wall
        self.prior = prior
        self.unreachable = unreachable
        self.nodes = Nodes(self.targets, wall, prior)
        self._rooms: dict[str, Room] = {}
        self._ours: dict[str, int] = {}
        self._unable: dict[str, list[float]] = {}  # when it said 5xx, in a row
        self._troubled: set[str] = set()  # targets that may have a closed gate or a room that is not whole

    def update(self, targets: Iterable[Target]) -> None:
        """These are the targets from now on. Of those that stay, all that is known stays."""
        self.targets = self.nodes.targets = {target.name: target for target in targets}
        self.nodes.all = {key: node for key, node in self.nodes.all.items() if key[0] in self.targets}
        self.nodes.patterns = {key: each for key, each in self.nodes.patterns.items() if key[0] in self.targets}
        self._rooms = {name: room for name, room in self._rooms.items() if name in self.targets}
        self._ours = {name: count for name, count in self._ours.items() if name in self.targets}
        self.nodes.forget_paths()

    def observe(self, outcome: Outcome, now: float) -> list[Change]:
        """Take in one outcome. Returns the gates that it moved."""
        target, kind = outcome.target, outcome.kind
        if target not in self.targets:
            return []
        if outcome.overdue and kind is not OutcomeClass.SUCCESS and kind is not OutcomeClass.FAILURE:
            self._excuse(outcome, now)
        if kind is OutcomeClass.DESTINATION:
            self._unable.pop(target, None)  # it got as far as that
            self._ours.pop(target, None)
            return []
        if kind is OutcomeClass.CAPACITY:
            return self._full(outcome, now)
        if kind is OutcomeClass.OVERDUE:
            return self._late(outcome, now)
        if kind is OutcomeClass.OURS:
            return self._our_fault(outcome, now)
        if kind is OutcomeClass.CONFIRMED or kind is OutcomeClass.UNCONFIRMED:
            return self._proved(outcome, kind is OutcomeClass.CONFIRMED, now)
        success = kind is OutcomeClass.SUCCESS
        if success:
            self._ours.pop(target, None)
            self._unable.pop(target, None)
            room = self._rooms.get(target)
            if room is not None and room.now(now) >= 1.0:
                del self._rooms[target]
        changes = self._weigh(outcome, success, now)
        if kind is OutcomeClass.FAILURE and outcome.code[:1] == "5" and not changes:
            return self._unable_again(outcome, now)
        return changes

    def _unable_again(self, outcome: Outcome, now: float) -> list[Change]:
        target = outcome.target
        times = [at for at in self._unable.get(target, ()) if now - at < UNABLE_WITHIN]
        self._unable[target] = [*times, now]
        count = len(times) + 1
        path = self.nodes.path(target, outcome.region, now)
        whole, estimates = path[-1], self.nodes.estimates(path, now)
        before = max(0.0, whole.tally.bad - whole.alarm.bad), whole.tally.good
        rare = before[0] <= HARDLY_EVER * (before[0] + before[1] + 1.0)
        if count < UNABLE_IN_A_ROW or not rare or whole.gate.settle(now) is not Stage.OPEN:
            return []
        del self._unable[target]
        why = f"says itself that it cannot ({outcome.code}), {count} times in a row"
        return self._close(whole, path, estimates, now, why)

    def troubled(self, now: float) -> bool:
        """Whether any target as a whole, of those that are alive, may have less than all offers; cheap while none may."""
        for name in tuple(self._troubled):
            room, gate = self._rooms.get(name), self.nodes.path(name, (), now)[0].gate
            if (room is None or room.now(now) >= 1.0) and (gate.settle(now) is Stage.OPEN or gate.lost):
                self._troubled.discard(name)
        return bool(self._troubled)

    def all_open(self, candidates: Sequence[Candidate], region: Region, now: float) -> bool:
        """Whether all of these may have every offer in this region, so that nothing has to be weighed."""
        for candidate in candidates:
            name = candidate.target
            room = self._rooms.get(name)
            if room is not None and room.now(now) < 1.0:
                return False
            if not self.nodes.stand_open(name, region, now):
                return False
        return True

    def _weigh(self, outcome: Outcome, success: bool, now: float) -> list[Change]:
        weight, target = outcome.weight, outcome.target
        if weight < LEAST_WEIGHT:
            return []
        path = self.nodes.path(target, outcome.region, now)
        seen_under = (*outcome.circumstances, self.nodes.hour(now))
        estimates = self.nodes.estimates(path, now, outcome.circumstances)
        dead = self.unreachable
        if outcome.after:
            dead = self._dead(outcome.after, target, outcome.region, now)
        # A failure counts as far as the destination was there to be reached, so that whoever is asked second, where
        # more destinations are dead, is judged by the same measure as whoever is asked first.
        p = min(estimates[0], MOST_CERTAIN)
        bad = 0.0 if success else weight * (1.0 - dead) * (1.0 - p) / ((1.0 - dead) * (1.0 - p) + dead)
        good = weight if success else 0.0
        patterns = self.nodes.patterns_of(target, outcome.region[0]) if outcome.region else None
        if patterns is not None:
            patterns.add(seen_under, good, bad, now)
        gates = [
            node.gate for node in path if node.gate.stage is not Stage.OPEN and node.gate.settle(now) is not Stage.OPEN
        ]
        gates += [
            gate for gate in self.nodes.domain_gates(target, outcome.region) if gate.settle(now) is not Stage.OPEN
        ]
        if gates:
            changes = []
            for gate in gates:
                old = gate.stage
                if gate.weigh(weight * ratio(reference(gate.p0), success, dead), now, outcome.age):
                    changes.append(self._changed(gate, target, outcome.region, old, now))
            return changes
        alarmed: Node | None = None
        if success:
            path[-1].times.add(outcome.age)
        taken_back = OVERDUE_WEIGHT if outcome.overdue else 0.0  # half of a failure was counted before it was known
        for node, estimate in zip(path, estimates, strict=True):
            p0 = reference(estimate)
            change = weight * ratio(p0, success, dead)
            if taken_back:
                change -= taken_back * weight * ratio(p0, False, dead)
            g = node.alarm.step(change, good, bad, now)
            node.tally.add(good, bad, now)
            if g >= LOW and alarmed is None and g >= threshold(node.tally.rate(), wide=len(node.key) == 1):
                alarmed = node
        if patterns is not None:
            country = path[-2].tally
            patterns.lean_on(seen_under, (good + bad) / max(country.good + country.bad, 1e-9))
        return [] if alarmed is None else self._close(alarmed, path, estimates, now)

    def _proved(self, outcome: Outcome, held: bool, now: float) -> list[Change]:
        """An earlier success proved true, or not. Too few that do, against the neighbours', are an incident as well."""
        weight = outcome.weight
        if weight < LEAST_WEIGHT:
            return []
        path = self.nodes.path(outcome.target, outcome.region, now)[-2:]
        pool = self.nodes.pool(outcome.region, outcome.target)
        good = weight if held else 0.0
        for node in path:
            node.held.add(good, weight - good, now)
        node = path[0]
        if not pool or node.gate.settle(now) is not Stage.OPEN:
            return []
        g = node.doubt.step(weight * ratio(reference(pool), held), good, weight - good, now)
        if g < threshold(node.held.rate(), wide=True):
            return []
        since = now - node.doubt.since
        why = f"reports successes that prove untrue: {node.doubt.bad:.0f} of {node.doubt.bad + node.doubt.good:.0f}"
        node.doubt.reset()
        return [self._hold(node, now, f"{why} within {since:.0f} s, where {pool:.0%} do elsewhere", reference(pool))]

    def _late(self, outcome: Outcome, now: float) -> list[Change]:
        """Nothing heard for longer than nearly all successes take: half of a failure, taken back if it succeeds."""
        path = self.nodes.path(outcome.target, outcome.region, now)
        if outcome.weight < LEAST_WEIGHT or any(
            gate.stage is not Stage.OPEN for gate in self.nodes.gates(outcome.target, outcome.region, now)
        ):
            return []
        estimates = self.nodes.estimates(path, now, outcome.circumstances)
        dead = self._dead(outcome.after, outcome.target, outcome.region, now) if outcome.after else self.unreachable
        alarmed: Node | None = None
        for node, estimate in zip(path, estimates, strict=True):
            g = node.alarm.step(
                OVERDUE_WEIGHT * outcome.weight * ratio(reference(estimate), False, dead), 0.0, 0.0, now
            )
            if alarmed is None and g >= threshold(node.tally.rate(), wide=len(node.key) == 1):
                alarmed = node
        if alarmed is None:
            return []
        since = now - alarmed.alarm.since
        why = f"says nothing of what it took: within {since:.0f} s so much is overdue, where {estimates[0]:.0%} succeed"
        return self._close(alarmed, path, estimates, now, why)

    def _excuse(self, outcome: Outcome, now: float) -> None:
        """What came of an overdue attempt is not the target's doing: its half of a failure is taken back."""
        path = self.nodes.path(outcome.target, outcome.region, now)
        dead = self._dead(outcome.after, outcome.target, outcome.region, now) if outcome.after else self.unreachable
        for node, estimate in zip(path, self.nodes.estimates(path, now, outcome.circumstances), strict=True):
            counted = OVERDUE_WEIGHT * outcome.weight * ratio(reference(estimate), False, dead)
            node.alarm.step(-counted, 0.0, 0.0, now)

    def overdue_after(self, target: str, region: Region, now: float) -> float:
        """Seconds after which an unanswered attempt is worth an `OVERDUE`: nearly all successes come sooner. Infinite
        while too few were seen, and while a gate is closed: then only outcomes move it."""
        if target not in self.targets or not self.nodes.stand_open(target, region, now):
            return inf
        return self.nodes.path(target, region, now)[-1].times.late()

    def _close(
        self, node: Node, path: tuple[Node, ...], estimates: list[float], now: float, why: str = ""
    ) -> list[Change]:
        """An alarm: close the narrowest node that has it, and see what else that tells."""
        at = path.index(node)
        alarm, target = node.alarm, node.key[0]
        seen = f"{alarm.bad:.0f} failures against {alarm.good:.0f} successes within {now - alarm.since:.0f} s"
        changes = [self._hold(node, now, why or f"{seen} where {estimates[at]:.0%} succeed", estimates[at])]
        g, good, bad = alarm.g, alarm.good, alarm.bad
        for broader in path[at + 1 :]:
            broader.tally.take_back(good, bad)
            broader.alarm.g = max(0.0, broader.alarm.g - g)
            broader.alarm.good = max(0.0, broader.alarm.good - good)
            broader.alarm.bad = max(0.0, broader.alarm.bad - bad)
        for other in self.nodes.all.values():
            narrower = other.key[: len(node.key)] == node.key
            if narrower and other.alarm.g > 0.0:  # the node itself among them
                other.tally.take_back(other.alarm.good, other.alarm.bad)
                other.alarm.reset()
        if len(node.key) > 1:
            changes += self._widen(target, estimates[-1], now)
            changes += self._spread(target, node.key[1], estimates[at], now)
        return changes

    def _widen(self, target: str, estimate: float, now: float) -> list[Change]:
        """Half of the traffic, in two countries or more, is closed: so is the target."""
        whole = self.nodes.all[target,]
        if whole.gate.stage is not Stage.OPEN:
            return []
        total = lost = 0.0
        countries = set()
        for key, node in self.nodes.all.items():
            if key[0] != target or len(key) < 2:
                continue
            closed = node.gate.settle(now) in {Stage.HELD, Stage.CANARY}
            if len(key) == 2:
                amount = sum(node.tally.seen(now))
                total += amount
                if closed:
                    lost += amount
            elif closed and self.nodes.all[key[:2]].gate.stage is Stage.OPEN:
                lost += sum(node.tally.seen(now))
            if closed:
                countries.add(key[1])
        if len(countries) < 2 or lost * 2 < total:
            return []
        return [self._hold(whole, now, f"{len(countries)} countries with half of its traffic are closed", estimate)]

    def _spread(self, target: str, country: str, estimate: float, now: float) -> list[Change]:
        """What shares a failure domain with a closed target: suspected, and if another one is closed, closed."""
        changes = []
        for domain in self.targets[target].domains:
            closed = []
            for other in self.targets.values():
                if domain not in other.domains:
                    continue
                for node in self.nodes.all.values():
                    if node.key[0] != other.name or (len(node.key) > 1 and node.key[1] != country):
                        continue
                    if node.gate.settle(now) in {Stage.HELD, Stage.CANARY}:
                        if other.name not in closed:
                            closed.append(other.name)
                    elif other.name != target and len(node.key) > 1:
                        node.alarm.g = max(node.alarm.g, HEAD_START * threshold(node.tally.rate()))
            if len(closed) < 2:
                continue
            gate = self.nodes.domains.get((domain, country))
            if gate is None:
                gate = self.nodes.domains[domain, country] = Gate(f"domain {domain} in {country}")
            if gate.settle(now) is Stage.OPEN:
                gate.hold(now, f"{' and '.join(closed)} behind it are closed", estimate)
                self._troubled.update(name for name, other in self.targets.items() if domain in other.domains)
                changes.append(Change(f"domain {domain}", (country,), "open", "held", now, gate.why))
        return changes

    def _hold(self, node: Node, now: float, why: str, estimate: float, lost: bool = False) -> Change:
        self._troubled.add(node.key[0])
        old = node.gate.stage
        node.gate.hold(now, why, estimate, lost)
        return Change(node.key[0], node.key[1:], old.value, node.gate.stage.value, now, why)

    def _changed(self, gate: Gate, target: str, region: Region, old: Stage, now: float) -> Change:
        for node in self.nodes.path(target, region, now):
            if node.gate is gate:
                region = node.key[1:]
                node.alarm.reset()
        return Change(gate.name, region, old.value, gate.stage.value, now, gate.why)

    def _full(self, outcome: Outcome, now: float) -> list[Change]:
        room = self._rooms.get(outcome.target)
        if room is None:
            room = self._rooms[outcome.target] = Room(now)
        self._troubled.add(outcome.target)
        too_long = room.refused(now, outcome.retry_after, outcome.longest_wait)
        return self._weigh(outcome, success=False, now=now) if too_long else []

    def _our_fault(self, outcome: Outcome, now: float) -> list[Change]:
        count = self._ours[outcome.target] = self._ours.get(outcome.target, 0) + 1
        if count < OURS_IN_A_ROW:
            return []
        self._ours[outcome.target] = 0
        node = self.nodes.path(outcome.target, (), now)[0]
        if node.gate.settle(now) is not Stage.OPEN:
            return []
        code = f" ({outcome.code})" if outcome.code else ""
        return [self._hold(node, now, f"refuses what we send{code}, {count} times in a row: our settings?", self.prior)]

    def _dead(self, after: Sequence[str], target: str, region: Region, now: float) -> float:
        """How likely the destination is unreachable, once those failed. Of those that fail together one counts."""
        chances: list[float] = []
        counted: set[str] = set(self.targets[target].domains) if target in self.targets else set()
        for name in after:
            known = self.targets.get(name)
            if known is None or name == target:
                continue
            if counted.isdisjoint(known.domains):
                path = self.nodes.path(name, region, now)
                # A target in an incident fails for reasons of its own: its failure tells nothing about the destination.
                chances.append(
                    self.nodes.estimates(path, now)[0] if self.nodes.share(name, path, region, now) >= 1.0 else 0.0
                )
            counted.update(known.domains)
        return dead_after(chances, self.unreachable)
