"""Bursts: much more comes than is usual of late, of one source or of all.

Owns the count of requests by source (a tenant's use case, a key that callers name, a block of numbers) and of all, and what
is usual of each. A burst of one source is one list, one campaign, one attack: what becomes of it says little about
providers, so its outcomes weigh no more than a usual share would, and nothing is explored with it. A burst of all is load:
its outcomes count in full, under a circumstance of its own, so that a provider that cannot bear load is known for that.
In memory, bounded, of each daemon. Pure. Times are seconds since the epoch.

*Usual* is a count that fades by a factor e in an hour, *now* one that fades so in half a minute. What lasts for half an
hour is no burst any more, but traffic.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import exp
from typing import Any

NOW, USUAL = 30.0, 3600.0  # seconds
#: Less than that within half a minute is no burst of a source, nor of all, whatever is usual.
LEAST = 20.0
#: So many times the usual is a burst, and ends below so many times.
BEGINS, ENDS = 3.0, 1.5
#: Of a daemon's first minutes it cannot be said what is usual.
WARM = 600.0
#: Whoever usually is so much of all is all: its bursts are nobody else's.
ALL_OF_IT = 0.8
#: The outcomes of a burst weigh at least so much: a provider that breaks within one must still be noticed.
LEAST_WEIGHT = 0.3
SOURCES = 10_000

ALL = "all"

#: What it is called in records ("use case acme/login", "block DE-1511234", "key ip"), and what it is known by, which stays here.
Source = tuple[str, str]
_EVERY: Source = (ALL, "")


@dataclass(frozen=True, slots=True)
class Burst:
    """What a request is part of."""

    of: str  # "none", "source", "all"
    source: str = ""  # as records call it
    times: float = 1.0  # as many as usual; of a source, or of all
    weight: float = 1.0  # of its outcomes as evidence

    @property
    def circumstance(self) -> str:
        """As patterns have it."""
        return f"burst {self.of}"

    @property
    def why(self) -> str:
        """In words; "" for none."""
        if self.of == "none":
            return ""
        whose = f"of {self.source} alone" if self.of == "source" else "of all"
        return f"a burst {whose}: {self.times:.0f} times the usual"


CALM = Burst("none")


class _Count:
    """How much comes of one source."""

    __slots__ = ("at", "bursts", "now", "usual")

    def __init__(self, at: float) -> None:
        self.now = self.usual = 0.0
        self.at = at
        self.bursts = False

    def fade(self, now: float) -> None:
        if now > self.at:
            self.now *= exp((self.at - now) / NOW)
            self.usual *= exp((self.at - now) / USUAL)
            self.at = now


class Bursts:
    """Counts requests, and says which burst one is part of."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._all = _Count(0.0)
        self._sources: OrderedDict[Source, _Count] = OrderedDict()
        self._bursting: set[Source] = set()

    def see(self, sources: Iterable[Source], now: float) -> Burst:
        """Count a request of these sources; which burst it is part of."""
        if self._since is None:
            self._since = now
        counts = [(name, self._count(name, now)) for name in sources]
        for count in (self._all, *(count for _, count in counts)):
            count.fade(now)
            count.now += 1.0
            count.usual += 1.0
        return self._judge(counts, now)

    def look(self, sources: Iterable[Source], now: float) -> Burst:
        """Which burst a request of these sources would be part of; it is not counted."""
        known = [(name, count) for name in sources if (count := self._sources.get(name)) is not None]
        for count in (self._all, *(count for _, count in known)):
            count.fade(now)
        return self._judge(known, now)

    def shows(self, now: float) -> list[dict[str, Any]]:
        """The bursts of now, the largest first."""
        found = []
        for source in (_EVERY, *self._bursting):
            count = self._all if source == _EVERY else self._sources[source]
            count.fade(now)
            if self._bursts(source, count, now) and (source != _EVERY or self._is_of_all(now)):
                found.append({"of": source[0], "times": round(self._times(count, now), 1), "now": round(count.now)})
        return sorted(found, key=lambda row: -float(row["now"]))

    def _count(self, name: Source, now: float) -> _Count:
        count = self._sources.get(name)
        if count is None:
            if len(self._sources) >= SOURCES:
                gone, _ = self._sources.popitem(last=False)
                self._bursting.discard(gone)
            count = self._sources[name] = _Count(now)
        else:
            self._sources.move_to_end(name)
        return count

    def _judge(self, counts: list[tuple[Source, _Count]], now: float) -> Burst:
        if self._since is None or now - self._since < WARM:
            return CALM
        of_all = self._bursts(_EVERY, self._all, now)
        worst: tuple[float, Source, _Count] | None = None
        for source, count in counts:
            if self._bursts(source, count, now) and (worst is None or count.now > worst[0]):
                worst = (count.now, source, count)
        if of_all and self._is_of_all(now):
            return Burst(ALL, "", self._times(self._all, now))
        if worst is None:
            return CALM
        _, source, count = worst
        weight = max(LEAST_WEIGHT, min(1.0, max(LEAST, BEGINS * self._expected(count, now)) / count.now))
        return Burst("source", source[0], self._times(count, now), weight)

    def _bursts(self, name: Source, count: _Count, now: float) -> bool:
        """Whether it bursts; it begins at more than it ends at. What usually is nearly all cannot be told from it."""
        if (
            name != _EVERY
            and not count.bursts
            and count.usual - count.now >= ALL_OF_IT * (self._all.usual - self._all.now)
        ):
            return False
        factor = ENDS if count.bursts else BEGINS
        least = LEAST / 2 if count.bursts else LEAST
        count.bursts = count.now >= least and count.now >= factor * self._expected(count, now)
        if name != _EVERY:
            (self._bursting.add if count.bursts else self._bursting.discard)(name)
        return count.bursts

    def _is_of_all(self, now: float) -> bool:
        """Whether there would be a burst without the largest that is one source's."""
        largest: _Count | None = None
        for name in tuple(self._bursting):
            count = self._sources[name]
            count.fade(now)
            if self._bursts(name, count, now) and (largest is None or count.now > largest.now):
                largest = count
        if largest is None:
            return True
        rest = self._all.now - largest.now
        return rest >= LEAST / 2 and rest >= ENDS * max(
            self._expected(self._all, now) - self._expected(largest, now), 0.0
        )

    def _expected(self, count: _Count, now: float) -> float:
        """What ``now`` would be if all were as usual: what came before this half minute, over the time that was watched."""
        since = self._since if self._since is not None else now
        watched = USUAL * (1.0 - exp((since - now) / USUAL))
        before = max(count.usual - count.now, 0.0)
        return before / max(watched, 1.0) * NOW

    def _times(self, count: _Count, now: float) -> float:
        return count.now / max(self._expected(count, now), 1.0)

    # -- keeping

    def dump(self) -> dict[str, Any]:
        """What is usual, as plain data: of use cases alone. Blocks and keys are nobody's business on a disk."""
        rows = {name: [c.now, c.usual, c.at] for (name, secret), c in self._sources.items() if not secret}
        return {"since": self._since, "all": [self._all.now, self._all.usual, self._all.at], "sources": rows}

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Bursts:
        """What `dump` gave."""
        bursts = cls()
        bursts._since = data["since"]
        for source, row in ((_EVERY, data["all"]), *(((name, ""), row) for name, row in data["sources"].items())):
            count = bursts._all if source == _EVERY else bursts._count(source, 0.0)
            count.now, count.usual, count.at = (float(each) for each in row)
        return bursts


def sources_of(tenant: str, use_case: str, keys: Mapping[str, str], block: str) -> list[Source]:
    """The sources of a request, broad to narrow. Values of keys stay in memory, as those of limits do."""
    found = [(f"use case {name_source(tenant, use_case)}", "")]
    if block:
        found.append((f"block {block}", tenant))
    found += [(f"key {name}", f"{tenant} {value}") for name, value in keys.items() if value]
    return found


def name_source(tenant: str, use_case: str) -> str:
    """A tenant's use case in one word."""
    return f"{tenant}/{use_case or '-'}"
