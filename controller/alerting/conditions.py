"""What is wrong now: from the status of the daemons, and from the one kind of news that no status shows, faults.

Owns which things are worth an alert, and how bad each is. What a status shows is looked at anew each time, so that nothing
stays wrong because its end was missed: this process may have been away. Must not group, wait or tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from controller.alerting.words import Condition, Sight
from controller.types import Dialplan
from controller.types.alerts import Kind, Severity

#: A fault is worth an alert for so many seconds after the last.
FAULT_FOR = 3600.0

#: Seconds that a daemon has for its start, when we were there first.
STARTING = 10.0

CALLS, MESSAGES = "calls", "messages"
_OF_CALLS = frozenset(
    (
        Kind.TRUNK,
        Kind.UPLINK,
        Kind.QUALITY,
        Kind.REGISTRATION,
        Kind.CERTIFICATE,
        Kind.OVERLOAD,
        Kind.MEDIA,
    )
)
_OF_MESSAGES = frozenset((Kind.PROVIDER, Kind.STORE))
_NOT_REGISTERED = "NOT_REGISTERED"  # a verdict that has a kind of its own
_FAULT = "a bug of callward: its log has more"
_HELD, _OPEN, _CLOSED = "held", "open", frozenset(("held", "canary"))
_DAEMON = {CALLS: "the process for calls does not answer", MESSAGES: "the process for messages does not answer"}

Row = Mapping[str, Any]


class Finder:
    """Looks at pictures by one dialplan."""

    def __init__(self, dialplan: Dialplan) -> None:
        self._expects = {CALLS: bool(dialplan.listen), MESSAGES: dialplan.messaging is not None}
        self._sites = {name: site.name for site in dialplan.sites.values() for name in site.pbx}
        self._first: float | None = None  # when we looked first, seconds since the epoch
        self._seen: set[str] = set()  # daemons that have answered
        self._faults: dict[str, tuple[float, float]] = {}  # by daemon: the first of a row, and the last
        self._held: set[str] = set()  # trunks whose gate is closed because calls fail there
        self._fell: set[str] = set()  # those whose gate is closed because they were down
        self.labels: dict[str, dict[str, str]] = {}  # of each trunk, by the name that operators know

    def hear(self, source: str, kind: str, at: float, data: Row) -> None:
        """Something happened in a daemon, ``at`` seconds since the epoch."""
        if kind == "fault":
            first, last = self._faults.get(source, (at, at))
            self._faults[source] = (min(first, at), max(last, at))

    def dump(self) -> dict[str, Any]:
        """What no later picture shows, as plain data."""
        faults = [(source, *times) for source, times in self._faults.items()]
        return {"faults": faults, "held": sorted(self._held)}

    def load(self, data: Mapping[str, Any]) -> None:
        """Go on with that. Raises `ValueError`, `TypeError` or `LookupError` for anything else."""
        self._faults = {str(source): (float(first), float(last)) for source, first, last in data["faults"]}
        self._held = set(map(str, data["held"]))

    def see(self, at: float, calls: Row | None, messages: Row | None, answers: Mapping[str, bool]) -> Sight:
        """How the daemons are: what `callward status` has of each, None where one does not answer; ``answers``: whether
        its news can be followed."""
        self._faults = {source: times for source, times in self._faults.items() if times[1] + FAULT_FOR > at}
        self._first = at if self._first is None else self._first
        shown = {CALLS: calls, MESSAGES: messages}
        lives = {source: bool(answers.get(source)) and shown[source] is not None for source in shown}
        self._seen |= {source for source, yes in lives.items() if yes}
        found = [*self._daemons(at, lives)]
        for source, (first, _) in self._faults.items():
            found.append(Condition(Kind.FAULT, source, Severity.WARNING, _FAULT, first))
        unknown: frozenset[Kind] = frozenset()
        if calls is None:
            unknown |= _OF_CALLS if self._expects[CALLS] else frozenset()
        else:
            found += self._of_calls(at, calls)
        if messages is None:
            unknown |= _OF_MESSAGES if self._expects[MESSAGES] else frozenset()
        else:
            found += _of_messages(messages)
        return Sight(tuple(found), unknown)

    def _daemons(self, at: float, lives: Mapping[str, bool]) -> Iterator[Condition]:
        """Those that do not answer: one that hangs still has its sockets. One that was never there has a moment to start."""
        assert self._first is not None
        for source, expected in self._expects.items():
            is_new = source not in self._seen and at < self._first + STARTING
            if expected and not lives[source] and not is_new:
                yield Condition(Kind.DAEMON, source, Severity.CRITICAL, _DAEMON[source])

    def _of_calls(self, at: float, calls: Row) -> Iterator[Condition]:
        rows = _by_name(calls["trunks"])
        self.labels = {name: self._label(name, of[0]) for name, of in rows.items()}
        for name in calls["down"]:
            if (of := rows.get(name)) and not all(map(_parked, of)):
                since = at - min(row["for"] for row in of)
                yield Condition(Kind.TRUNK, name, Severity.CRITICAL, of[0]["why"], since, self.labels[name])
        for name, of in rows.items():
            row = of[0]
            if all(each["state"] == "degraded" for each in of) and row["code"] != _NOT_REGISTERED and not _parked(row):
                yield Condition(Kind.QUALITY, name, Severity.WARNING, row["why"], at - row["for"], self.labels[name])
            elif self._is_held(name, of, is_down=name in calls["down"]):
                yield Condition(Kind.QUALITY, name, Severity.WARNING, row["calls"]["why"], None, self.labels[name])
        if calls.get("overloaded"):
            why = f"{calls['edge']['turned_away']} calls turned away since its start"
            yield Condition(Kind.OVERLOAD, CALLS, Severity.CRITICAL, why)
        if relay := calls.get("silent_relay"):
            yield Condition(Kind.MEDIA, relay, Severity.WARNING, "it answers nothing: calls go on without it")
        if calls["uplink"]:
            yield Condition(Kind.UPLINK, CALLS, Severity.CRITICAL, calls["uplink"])
        for row in calls["registrations"]:
            if not row["bound"] and row["for"] is not None:
                labels = self.labels.get(row["trunk"], {})
                yield Condition(Kind.REGISTRATION, row["trunk"], Severity.CRITICAL, row["why"], at - row["for"], labels)
        for row in calls["certificates"]:
            yield from _certificate(at, row)

    def _is_held(self, name: str, of: Sequence[Row], *, is_down: bool) -> bool:
        """Whether it answers probes and is kept from calls all the same, with each of its addresses: they fail there. From its
        gate being closed until its share of calls rises again; one that is only on its way back from being down is not."""
        gates = {row["calls"]["gate"] if row["calls"] else _OPEN for row in of}
        if not gates <= _CLOSED:
            self._held.discard(name)
            self._fell.discard(name)
            return False
        if is_down:
            self._fell.add(name)
        elif _HELD in gates and name not in self._fell:
            self._held.add(name)
        return name in self._held and not is_down

    def _label(self, name: str, row: Row) -> dict[str, str]:
        site = row["site"] or self._sites.get(name, "")
        own = {"carrier": row["carrier"], "site": site, "address": row["address"] if not row["group"] else ""}
        return {key: value for key, value in own.items() if value}


def _by_name(trunks: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each trunk: one for each address of its name."""
    found: dict[str, list[Row]] = {}
    for row in trunks:
        found.setdefault(row["group"] or row["name"], []).append(row)
    return found


def _parked(row: Row) -> bool:
    """An operator has drained it, and knows."""
    return bool(row["calls"]) and row["calls"]["gate"] == "parked"


def _certificate(at: float, row: Row) -> Iterator[Condition]:
    if row["refused"]:
        yield Condition(Kind.CERTIFICATE, row["owner"], Severity.WARNING, row["refused"])
    elif row["expiry"] and row["until"] is not None and row["until"] < at + _CERTIFICATE_DAYS * 86400.0:
        severity = Severity.CRITICAL if row["until"] <= at else Severity.WARNING
        yield Condition(Kind.CERTIFICATE, row["owner"], severity, row["expiry"])


_CERTIFICATE_DAYS = 14.0


def _of_messages(messages: Row) -> Iterator[Condition]:
    if messages["store"]["lost"]:
        yield Condition(Kind.STORE, MESSAGES, Severity.CRITICAL, messages["store"]["lost"])
    for row in messages["providers"]:
        if row["alive"] is False:
            yield Condition(Kind.PROVIDER, row["provider"], Severity.CRITICAL, "its connection is down")
        elif row["gate"] == "held":
            yield Condition(Kind.PROVIDER, row["provider"], Severity.WARNING, row["why"])
