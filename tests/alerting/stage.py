"""Alerts in virtual time: a world of trunks that fall and rise, and what people are told of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from controller.alerting.incidents import Alerting
from controller.alerting.words import Condition, Sight, What
from controller.types.alerts import AlertRoute, Kind, Match, Severity

START = 1_700_000_000.0


def route(name: str = "all", notify: Iterable[str] = ("oncall",), **more: object) -> AlertRoute:
    """A route for everything, unless ``match`` says else."""
    match = more.pop("match", Match())
    assert isinstance(match, Match)
    return AlertRoute(name, match, tuple(notify), **more)  # type: ignore[arg-type]


def labels_of(count: int, carriers: int = 1, **more: str) -> dict[str, dict[str, str]]:
    """So many trunks, dealt out to so many carriers."""
    return {f"t{index}": {"carrier": f"c{index % carriers}", **more} for index in range(count)}


@dataclass
class World:
    """What is wrong, and what was told: (seconds since the start, notifier, what, title's subject)."""

    alerting: Alerting
    labels: Mapping[str, dict[str, str]]
    now: float = START
    wrong: dict[str, Condition] = field(default_factory=dict)
    unknown: frozenset[Kind] = frozenset()
    told: list[tuple[float, str, What, str]] = field(default_factory=list)

    def fall(self, *names: str, kind: Kind = Kind.TRUNK, severity: Severity = Severity.CRITICAL) -> World:
        """These are wrong from now on."""
        for name in names:
            condition = Condition(kind, name, severity, "no reply", self.now, self.labels.get(name, {}))
            self.wrong[condition.id] = condition
        return self.look()

    def rise(self, *names: str, kind: Kind = Kind.TRUNK) -> World:
        """These are well again."""
        for name in names:
            self.wrong.pop(f"{kind}:{name}", None)
        return self.look()

    def look(self) -> World:
        """The picture, now."""
        self.take(self.alerting.see(Sight(tuple(self.wrong.values()), self.unknown), self.labels, self.now))
        return self

    def wait(self, seconds: float) -> World:
        """Let time go by: pictures every second, timers when they are due."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 1.0, max(self.alerting.next_deadline(self.now), self.now + 0.001))
            self.look()
        return self

    def set_clock(self, seconds: float) -> World:
        """Somebody sets it; what is wrong is wrong for as long as before."""
        self.now += seconds
        self.wrong = {
            name: replace(each, since=None if each.since is None else each.since + seconds)
            for name, each in self.wrong.items()
        }
        self.alerting.shift(seconds)
        return self

    def take(self, tells: Iterable[object]) -> None:
        """Write down what is told."""
        for tell in tells:
            incident = tell.incident  # type: ignore[attr-defined]
            when = round(self.now - START, 3)
            self.told.append((when, tell.notifier, tell.what, incident.id))  # type: ignore[attr-defined]

    def said(self) -> list[tuple[float, str, str]]:
        """The same without incidents."""
        return [(when, notifier, what.value) for when, notifier, what, _ in self.told]
