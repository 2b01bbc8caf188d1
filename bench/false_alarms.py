"""A month of lossy, jittery, reordering links under the real detector: how often is a living trunk told dead?

Owns the virtual link and the loop around `Detector`, which does for one trunk what `controller.probes` does for all of
them, without messages. `python -m bench.detection --days 30 --targets 20` runs it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from itertools import pairwise
from math import exp, inf
from multiprocessing import Pool

from controller.health.detector import PROBE_TIMEOUT, Detector
from controller.probes import LINGER
from controller.types import Probe, Sample, TargetState, Trunk

DAY = 86_400.0
LOSSES = (0.05, 0.10, 0.20)  # each way
BASE, JITTER, REORDER = 0.02, 0.2, 0.01  # seconds, seconds, share of answers that come after the next ones


@dataclass(slots=True)
class Tally:
    """What one or more targets went through."""

    days: float = 0.0
    probes: int = 0
    suspicions: int = 0
    downs: int = 0
    most_missed: int = 0

    def add(self, other: Tally) -> None:
        """Take another's in."""
        self.days += other.days
        self.probes += other.probes
        self.suspicions += other.suspicions
        self.downs += other.downs
        self.most_missed = max(self.most_missed, other.most_missed)


def live(seed: int, days: float, steps: int = 100, jitter: float = JITTER) -> Tally:
    """One trunk that never dies, while the loss of its path takes ``steps`` steps between those of `LOSSES`."""
    dice = random.Random(seed)
    detector = Detector(Trunk(f"target-{seed}", "192.0.2.1", 5060, probe=Probe()), 0.0, dice.random() * 0.25)
    edges = [0.0, *sorted(dice.random() * days * DAY for _ in range(steps)), days * DAY]
    tally, loss = Tally(days=days), dice.choice(LOSSES)
    link = _Link(detector, dice, tally, jitter)
    for begin, end in pairwise(edges):
        link.loss = 1.0 - (1.0 - loss) ** 2
        if end > begin:
            link.run_until(end)
        loss = dice.choice([other for other in LOSSES if other != loss])
    return tally


class _Link:
    """The probes of one trunk on their way."""

    def __init__(self, detector: Detector, dice: random.Random, tally: Tally, jitter: float) -> None:
        self.loss = 0.0  # of probes, both ways
        self._detector = detector
        self._random = dice.random
        self._jitter = jitter
        self._tally = tally
        self._events: list[tuple[float, bool, float]] = []  # when, answered, when it was sent
        self._alive = Sample(detector.trunk.name, True, "PROBE_200", 0.0)
        self._silent = Sample(detector.trunk.name, False, PROBE_TIMEOUT)

    def run_until(self, end: float) -> None:
        """Let time pass."""
        detector, chance, events, alive = self._detector, self._random, self._events, self._alive
        probe_sent, observe = detector.probe_sent, detector.observe
        probes, up, loss, jitter = 0, TargetState.UP, self.loss, self._jitter
        while (now := detector.due) < end or (events and events[0][0] < end):
            if events and events[0][0] <= now:
                self._happen(*heappop(events))
                continue
            silent_at = probe_sent(now)
            probes += 1
            answered_at = inf
            if chance() >= loss:
                delay = BASE + jitter * chance()
                if chance() < REORDER:
                    delay += jitter + chance() * 0.25
                answered_at = now + delay
                if answered_at < silent_at and not events and detector.state is up and answered_at < detector.due:
                    alive.latency = delay  # the usual case: nothing else happens before the answer
                    observe(alive, answered_at)
                    continue
            if answered_at < silent_at + LINGER:
                heappush(events, (answered_at, True, now))
            if answered_at >= silent_at:
                heappush(events, (silent_at, False, now))
        self._tally.probes += probes

    def _happen(self, now: float, answered: bool, sent_at: float) -> None:
        detector, tally = self._detector, self._tally
        if answered:
            self._alive.latency = now - sent_at
            detector.observe(self._alive, now)
            return
        if not detector.counts(sent_at):
            detector.overtaken()
            return
        transition = detector.observe(self._silent, now)
        tally.most_missed = max(tally.most_missed, detector.missed)
        if transition is not None:
            tally.suspicions += transition.new is TargetState.SUSPECT
            tally.downs += transition.new is TargetState.DOWN


def run(days: float, targets: int, jitter: float = JITTER, processes: int = 2) -> int:
    """Let all targets live, tell what became of them; 1 if one was told dead."""
    tally = Tally()
    with Pool(processes) as pool:
        for done in pool.imap_unordered(partial(live, days=days, jitter=jitter), range(targets)):
            tally.add(done)
    bound = upper_bound(tally.downs)
    print(
        f"{days:g} days x {targets} targets, {', '.join(f'{loss:.0%}' for loss in LOSSES)} loss each way with 100 steps "
        f"between them,\nround trip {BASE * 1000:.0f} ms + 0 .. {jitter * 1000:.0f} ms, {REORDER:.0%} out of order: "
        f"{tally.probes:,} probes\n{tally.suspicions:,} suspicions, at most {tally.most_missed} misses in a row, "
        f"{tally.downs} false DOWN\nwith 95 % confidence not more than {bound:.1f} in {tally.days:,.0f} target-days: "
        f"one in {tally.days / bound:,.0f} days at the most often"
    )
    return int(tally.downs > 0)


def upper_bound(events: int, confidence: float = 0.95) -> float:
    """The largest mean of a Poisson distribution that still brings so few events once in 1 / (1 - confidence) times."""
    low, high = 0.0, 10.0 * (events + 1)
    for _ in range(100):
        mean = (low + high) / 2
        term = total = exp(-mean)
        for i in range(1, events + 1):
            term *= mean / i
            total += term
        low, high = (mean, high) if total > 1.0 - confidence else (low, mean)
    return high
