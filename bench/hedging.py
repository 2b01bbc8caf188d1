"""How often does impatience ring two phones although nothing is wrong? By loss, on healthy paths, in virtual time.

`python -m bench.hedging [--calls 20000]`. The real engine calls a phone by two paths, then a mobile by a third; all are
alive, none is killed; only packets between the engine and the trunks are lost, the same share each way. Every phone that
rings is counted by whom it belongs to: the desk phone may be rung by both of its paths, which its owner takes for one
call, or the mobile may ring beside it, which is what must not happen where nothing is lost. The bar is below 0.1 % of
calls at 0 % loss, for either. No call may be answered twice, at any loss.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pool

from controller.scenario.network import Link
from controller.types import Probe
from sip.agent import Script
from tests.playbook import stage
from tests.sim.world import World

LOSSES = (0.0, 0.05, 0.20)
DELAYS = (0.01, 0.03, 0.06, 0.10, 0.15)  # seconds each way; a world has one for all of its trunks
JITTER = 0.3  # of the delay, more at most
THINKING = 0.15  # seconds that a trunk takes until the phone rings, at most; it says 100 at once
EACH = 500  # calls of one world
PAUSE = 0.2  # seconds between two calls
BAR = 0.001


@dataclass(slots=True)
class Tally:
    """What became of some calls."""

    calls: int = 0
    answered: int = 0
    hedged: int = 0  # more than one attempt was made
    same: int = 0  # the desk phone was rung by both of its paths
    other: int = 0  # two people's phones rang
    twice: int = 0  # the caller got two answers

    def add(self, more: Tally) -> None:
        """Take another's in."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(more, name))


def play(seed: int, loss: float, calls: int = EACH) -> Tally:
    """One world."""
    dice = random.Random(f"{seed}/hedging")
    world = World(stage("desk/near,far"), stage("mobile/third"), seed=seed, probe=Probe(), keep=False)
    delay = DELAYS[seed % len(DELAYS)]
    for trunk in world.trunks:
        world.set_link(trunk, Link(delay=delay, jitter=JITTER * delay, loss=loss))
    world.choose = lambda *_: Script(ring_after=THINKING * dice.random(), answer_after=3.0, hang_up_after=1.0)
    world.run_until(5.0)  # what is known after 20 probes
    for index in range(calls):
        world.at(5.0 + (index + dice.random()) * PAUSE, world.call)
    world.run_until(5.0 + calls * PAUSE + 80.0)
    rang: dict[str, Counter[str]] = {call.id: Counter() for call in world.caller.calls}
    for trunk in world.trunks.values():
        for call in trunk.calls:
            rang[call.id][call.user] += call.rang is not None
    return Tally(
        calls=len(rang),
        answered=sum(call.answered is not None for call in world.caller.calls),
        hedged=sum(len(record.attempts) > 1 for records in world.records.values() for record in records),
        same=sum(max(phones.values(), default=0) > 1 for phones in rang.values()),
        other=sum(sum(times > 0 for times in phones.values()) > 1 for phones in rang.values()),
        twice=sum(event.what == "answered again" for event in world.caller.events),
    )


def measure(calls: int, losses: tuple[float, ...] = LOSSES, processes: int = 2) -> dict[float, Tally]:
    """So many calls at each loss; rounded up to whole worlds."""
    tallies = {loss: Tally() for loss in losses}
    seeds = range(-(-calls // EACH))
    with Pool(processes) as pool:
        for loss, tally in tallies.items():
            for more in pool.imap(partial(play, loss=loss), seeds, chunksize=1):
                tally.add(more)
    return tallies


def main() -> int:
    """Print the table; 1 if the bar is missed, or a call was answered twice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000, help="at each loss")
    tallies = measure(parser.parse_args().calls)
    print("loss each way    calls  answered   hedged  rung by both paths  two people's phones  answered twice")
    for loss, tally in tallies.items():
        shares = [f"{100 * count / tally.calls:.3f} %" for count in (tally.hedged, tally.same, tally.other)]
        hedged, same, other = shares
        print(f"{loss:13.0%} {tally.calls:8} {tally.answered:9} {hedged:>8} {same:>19} {other:>20} {tally.twice:>15}")
    clean = tallies[0.0]
    kept = max(clean.same, clean.other) < BAR * clean.calls and not any(tally.twice for tally in tallies.values())
    print(f"bar: below {BAR:.1%} at no loss, nobody answered twice: {'kept' if kept else 'MISSED'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
