"""Which trunk dies how, when and for how long: drawn from a seed, with a healthy way left for every call at all times.

Owns the kinds of death and the plan. Must not know how they are done.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What happens to a trunk."""

    STOP = "stop"  # SIGSTOP: its sockets stay open, nobody reads them; all is read at the end
    KILL = "kill"  # SIGKILL, another life at the end: ICMP, or RST and refused; its phones know nothing any more
    ICMP = "icmp"  # the port is closed in front of phones that live on
    RST = "rst"  # TCP: connections are reset, new ones too
    HOLE = "hole"  # packets vanish both ways; over TCP: half-open connections
    DEAF = "one-way out"  # it does not hear us
    MUTE = "one-way in"  # we do not hear it: its phones ring
    SLOW = "slow"  # 400 ms each way
    UNAVAILABLE = "503"  # for calls; OPTIONS are answered 200


@dataclass(frozen=True, slots=True)
class Trunk:
    """One trunk of the drill."""

    name: str
    transport: str


@dataclass(frozen=True, slots=True)
class Kill:
    """Seconds after the start."""

    begin: float
    end: float
    trunk: str
    kind: Kind


LEAST, MOST = 2.0, 8.0  # seconds that a death lasts
AT_ONCE = 3  # every chain has four trunks, so one is healthy
REST = 6.0  # seconds between two deaths of one trunk
_TRIES = 1000
LEAD, TAIL = 4.0, 12.0  # seconds without deaths at the beginning and at the end


def plan_kills(seed: int, trunks: Sequence[Trunk], count: int, seconds: float) -> list[Kill]:
    """So many deaths within this time, in order.

    Raises `ValueError` when they do not fit in.
    """
    dice = random.Random(f"{seed}/kills")
    kinds: list[Kind] = []
    while len(kinds) < count:  # all kinds equally often
        kinds += dice.sample(list(Kind), len(Kind))
    kills: list[Kill] = []
    for kind in kinds[:count]:
        fit = [trunk for trunk in trunks if kind is not Kind.RST or trunk.transport == "tcp"]
        for _ in range(_TRIES):
            begin, length = dice.uniform(LEAD, seconds - TAIL), dice.uniform(LEAST, MOST)
            kill = Kill(round(begin, 3), round(begin + length, 3), dice.choice(fit).name, kind)
            if _is_free(kills, kill.trunk, kill.begin, kill.end):
                kills.append(kill)
                break
        else:
            raise ValueError(f"{count} deaths do not fit into {seconds:.0f} s: ask for fewer")
    return sorted(kills, key=lambda kill: kill.begin)


def _is_free(kills: Sequence[Kill], trunk: str, begin: float, end: float) -> bool:
    around = [kill for kill in kills if kill.begin < end + REST and kill.end + REST > begin]
    at_once = sum(kill.begin < end + 1 and kill.end + 1 > begin for kill in around)  # a second to come back
    return at_once < AT_ONCE and all(kill.trunk != trunk for kill in around)
