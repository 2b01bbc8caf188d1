"""Figures of the last hour, by the minute: calls answered and missed, cascades that ended, and how they fared.

Owns the counting. Pure: times are those of events, in seconds since the epoch. Times of a minute are kept up to a bound; where more
come, the ones that stay are an even sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from controller.ops.bars import MINUTES
from controller.ops.consumer import Event

COMPLETED = "completed"
#: Times that are kept of one minute; countries and providers that are shown.
SAMPLE, SHOWN = 200, 10


class _Minute:
    __slots__ = (
        "answered",
        "completed",
        "cost",
        "countries",
        "ended",
        "fallback",
        "hung_up",
        "missed",
        "providers",
        "seen",
        "times",
    )

    def __init__(self) -> None:
        self.answered = self.missed = self.hung_up = 0
        self.ended = self.completed = self.fallback = 0
        self.cost = 0.0
        self.times: list[float] = []  # of those that completed, seconds
        self.seen = 0
        self.countries: Counter[tuple[str, bool]] = Counter()
        self.providers: Counter[tuple[str, bool]] = Counter()


class Figures:
    """Sixty minutes."""

    def __init__(self) -> None:
        self._minutes: dict[int, _Minute] = {}

    def hear(self, event: Event) -> None:
        """Count it, if it is something to count."""
        if event.kind not in ("call", "cascade"):
            return
        minute = self._minutes.setdefault(int(event.at // 60), _Minute())
        if event.kind == "call":
            if event.data["winner"]:
                minute.answered += 1
            elif event.data["cause"] == "WITHDRAWN":
                minute.hung_up += 1
            else:
                minute.missed += 1
        else:
            _count(minute, event.data)

    def show(self, now: float) -> dict[str, Any]:
        """The last hour, the oldest minute first; times in seconds, shares 0 .. 1."""
        last = int(now // 60)
        self._minutes = {key: minute for key, minute in self._minutes.items() if key > last - MINUTES}
        row = [self._minutes.get(key) or _Minute() for key in range(last - MINUTES + 1, last + 1)]
        times = sorted(each for minute in row for each in minute.times)
        ended, completed = sum(minute.ended for minute in row), sum(minute.completed for minute in row)
        cost = sum(minute.cost for minute in row)
        return {
            "kind": "figures",
            "until": (last + 1) * 60,
            "calls": [[minute.answered, minute.missed, minute.hung_up] for minute in row],
            "cascades": [[minute.completed, minute.ended - minute.completed] for minute in row],
            "ended": ended,
            "completed": completed,
            "rate": round(completed / ended, 4) if ended else None,
            "fallback": round(sum(minute.fallback for minute in row) / completed, 4) if completed else None,
            "median": _at(times, 0.5),
            "p95": _at(times, 0.95),
            "cost": round(cost, 4),
            "each": round(cost / completed, 5) if completed else None,
            "medians": [_at(sorted(minute.times), 0.5) for minute in row],
            "countries": _table([minute.countries for minute in row]),
            "providers": _table([minute.providers for minute in row]),
        }


def _count(minute: _Minute, data: Mapping[str, Any]) -> None:
    done = data["status"] == COMPLETED
    minute.ended += 1
    minute.cost += data["cost"]
    minute.countries[data["country"] or "no country", done] += 1
    for provider in dict.fromkeys(data["sends"]):
        minute.providers[provider, provider == data["winner"]] += 1
    if not done:
        return
    minute.completed += 1
    minute.fallback += bool(data["sends"] and data["winner"] and data["sends"][0] != data["winner"])
    minute.seen += 1
    seconds = round(data["ended"] - data["created"], 3)
    if len(minute.times) < SAMPLE:
        minute.times.append(seconds)
    elif minute.seen % (minute.seen // SAMPLE + 1) == 0:
        minute.times[minute.seen % SAMPLE] = seconds


def _at(times: list[float], share: float) -> float | None:
    return times[min(len(times) - 1, int(len(times) * share))] if times else None


def _table(counters: list[Counter[tuple[str, bool]]]) -> list[list[Any]]:
    """Name, how many, how many of them came through."""
    total: Counter[tuple[str, bool]] = Counter()
    for each in counters:
        total.update(each)
    names = Counter({name: total[name, True] + total[name, False] for name, _ in total})
    return [[name, number, total[name, True]] for name, number in names.most_common(SHOWN)]
