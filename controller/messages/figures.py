"""The figures of messages: how many arrive, how fast, at what price, where they fail.

Owns the rows that stores give (`rows_of`) and every formula. Shares are of what could have gone well: cascades that were
refused or taken back say nothing of routes. Quantiles are by nearest rank. Holds no number and no address. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any

from controller.messages.bursts import name_source
from controller.types import cascades as causes

Row = Mapping[str, Any]

_ARRIVED = frozenset(("delivered", "read", "verified"))
#: Ends that somebody's will brought, whatever the routes are like.
_WILL = frozenset((causes.OPTED_OUT, causes.FRAUD, causes.NOT_ALLOWED))
#: How a send ends that was never handed to its provider.
_WITHHELD = frozenset((*_WILL, causes.NO_TIME, causes.LIMITED, causes.NO_PROVIDER, "erased"))
_BUCKETS = (60.0, 300.0, 900.0, 1800.0, 3600.0, 6 * 3600.0, 86400.0, 7 * 86400.0)
MOST_SOURCES = 200
MOST_BUCKETS = 60  # of a trend; as many fit on a line of a terminal


def rows_of(
    cascade_id: str, tenant: str, status: str, created: float, state: Row, terms: Row, facts: Row
) -> list[dict[str, Any]]:
    """The rows of one cascade: one for itself, one for each send. ``state`` and ``terms`` as `Cascade.dump` has them,
    ``facts`` as the fields of `Facts`."""
    cell = {name: facts[name] for name in ("country", "operator", "route_class", "use_case", "prefix")}
    cell |= {"cascade": cascade_id, "tenant": tenant, "created": created}
    cell["burst"] = next((each[6:] for each in terms.get("circumstances", ()) if each.startswith("burst ")), "none")
    winner = state["winner"] if status == "completed" else 0
    sends = [
        _send_row(send, terms, won=send["attempt"] == winner) | cell
        for send in state["sends"]
        if send["spent"] or send["outcome"] not in _WITHHELD
    ]
    row: dict[str, Any] = {
        "row": "cascade",
        "status": status,
        "reason": state["reason"],
        "ended": state["ended"],
        "verified": state["verified"],
        "late": state["late"],
        "sends": len(sends),
        "cost": sum(send["cost"] for send in sends),
    }
    return [row | cell, *sends]


def _send_row(send: Row, terms: Row, *, won: bool) -> dict[str, Any]:
    arrived = send["judged"] in _ARRIVED or send["outcome"] in _ARRIVED
    in_time = send["outcome"] in _ARRIVED and send["ended"]
    return {
        "row": "send",
        "attempt": send["attempt"],
        "provider": send["provider"],
        "channel": terms["channels"].get(send["provider"], ""),
        "upstream": terms["upstreams"].get(send["provider"], ""),
        "started": send["started"],
        "over": send["phase"] == "ended",
        "accepted": bool(send["spent"]),
        "arrived": arrived,
        "won": won,
        "took": send["ended"] - send["started"] if in_time else None,  # seconds until it had arrived
        "cost": send["cost"] if send["spent"] else 0.0,
        "outcome": send["outcome"],
    }


class _Cascades:
    """Sums over cascades."""

    def __init__(self) -> None:
        self.statuses: dict[str, int] = {}
        self.reasons: dict[str, int] = {}
        self.sent = self.fell_back = self.sends = self.verified = self.late = self.failed = 0
        self.cost = 0.0
        self.times: list[float] = []

    def add(self, row: Row) -> None:
        status = row["status"]
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status in ("exhausted", "refused") and row["reason"]:
            self.reasons[row["reason"]] = self.reasons.get(row["reason"], 0) + 1
        self.failed += status == "exhausted" and row["reason"] not in _WILL
        self.sends += row["sends"]
        self.sent += row["sends"] > 0
        self.fell_back += row["sends"] > 1
        self.verified += bool(row["verified"])
        self.late += bool(row["late"])
        self.cost += row["cost"]
        if status == "completed":
            self.times.append(row["ended"] - row["created"])

    @property
    def completed(self) -> int:
        return self.statuses.get("completed", 0)

    def show(self) -> dict[str, Any]:
        tried = self.completed + self.failed
        return {
            "cascades": sum(self.statuses.values()),
            "statuses": dict(sorted(self.statuses.items())),
            "reasons": dict(sorted(self.reasons.items(), key=lambda reason: (-reason[1], reason[0]))),
            "completed": self.completed,
            "completion_rate": share(self.completed, tried),
            "verified": self.verified,
            "verification_rate": share(self.verified, tried),
            "late": self.late,
            "fallback_rate": share(self.fell_back, self.sent),
            "sends_each": share(self.sends, self.sent),
            "cost": self.cost,
            "cost_per_completed": share(self.cost, self.completed),
            "cost_per_verified": share(self.cost, self.verified),
            "seconds": quantiles(self.times),
        }


class _Sends:
    """Sums over sends of one provider."""

    def __init__(self) -> None:
        self.channel = self.upstream = ""
        self.sends = self.over = self.accepted = self.arrived = self.won = 0
        self.cost = 0.0
        self.times: list[float] = []
        self.outcomes: dict[str, int] = {}

    def add(self, row: Row) -> None:
        self.channel, self.upstream = row["channel"], row["upstream"]
        self.sends += 1
        self.over += row["over"]
        self.accepted += row["accepted"]
        self.arrived += row["arrived"]
        self.won += row["won"]
        self.cost += row["cost"]
        if row["took"] is not None:
            self.times.append(row["took"])
        if row["over"] and not row["arrived"] and row["outcome"]:
            self.outcomes[row["outcome"]] = self.outcomes.get(row["outcome"], 0) + 1

    @property
    def failed(self) -> int:
        return sum(self.outcomes.values())

    def show(self) -> dict[str, Any]:
        return {
            "channel": self.channel,
            "upstream": self.upstream,
            "sends": self.sends,
            "accepted": self.accepted,
            "acceptance_rate": share(self.accepted, self.sends),
            "delivered": self.arrived,
            "delivery_rate": share(self.arrived, self.sends),
            "completed": self.won,
            "completion_rate": share(self.won, self.sends),
            "failures": dict(sorted(self.outcomes.items(), key=lambda outcome: (-outcome[1], outcome[0]))),
            "cost": self.cost,
            "cost_per_delivered": share(self.cost, self.arrived),
            "seconds": quantiles(self.times),
        }


class Figures:
    """All figures of some time, row by row: a day need not be in memory at once."""

    def __init__(self, since: float, until: float) -> None:
        """Seconds since the epoch; they choose how fine the trend is."""
        self._span = (since, until)
        self._bucket = next((size for size in _BUCKETS if (until - since) / size <= MOST_BUCKETS), _BUCKETS[-1])
        self._whole = _Cascades()
        self._countries: dict[str, _Cascades] = {}
        self._operators: dict[tuple[str, str], _Cascades] = {}
        self._trend: dict[float, _Cascades] = {}
        self._routes: dict[str, _Sends] = {}
        self._in_country: dict[tuple[str, str], _Sends] = {}
        self._in_operator: dict[tuple[str, str, str], _Sends] = {}
        self._sources: set[str] = set()
        self._under: dict[tuple[str, Any], _Cascades] = {}
        self._route_under: dict[tuple[str, Any, str], _Sends] = {}

    def add(self, rows: Iterable[Row]) -> None:
        """Count rows as `rows_of` gives them, in any order."""
        for row in rows:
            country, operator = row["country"], row["operator"]
            under = _circumstances(row)
            if row["row"] == "cascade":
                start = row["created"] // self._bucket * self._bucket
                self._whole.add(row)
                _at(self._countries, country, _Cascades).add(row)
                _at(self._operators, (country, operator), _Cascades).add(row)
                _at(self._trend, start, _Cascades).add(row)
                for each in under:
                    _at(self._under, self._bounded(each), _Cascades).add(row)
                continue
            provider = row["provider"]
            _at(self._routes, provider, _Sends).add(row)
            _at(self._in_country, (provider, country), _Sends).add(row)
            if operator:
                _at(self._in_operator, (provider, country, operator), _Sends).add(row)
            for each in under:
                _at(self._route_under, (*self._bounded(each), provider), _Sends).add(row)

    def show(self) -> dict[str, Any]:
        """Plain data. A rate or price of nothing is None; costs are in the dialplan's unit, times in seconds."""
        by_country = {c: (s.completed + s.failed, s.failed) for c, s in self._countries.items()}
        return {
            "since": self._span[0],
            "until": self._span[1],
            "all": self._whole.show(),
            "countries": [{"country": name, **sums.show()} for name, sums in _largest(self._countries)],
            "operators": [
                {"country": country, "operator": name, **sums.show()}
                for (country, name), sums in _largest(self._operators)
                if name
            ],
            "routes": [{"provider": name, **sums.show()} for name, sums in sorted(self._routes.items())],
            "routes_by_country": [
                {"provider": name, "country": country, **sums.show()}
                for (name, country), sums in sorted(self._in_country.items())
            ],
            "routes_by_operator": [
                {"provider": name, "country": country, "operator": operator, **sums.show()}
                for (name, country, operator), sums in sorted(self._in_operator.items())
            ],
            "concentration": {
                "cascades": concentration(by_country),
                "sends": concentration(_by_country(self._in_country)),
            },
            "trend": {
                "seconds": self._bucket,
                "buckets": [{"start": start, **sums.show()} for start, sums in sorted(self._trend.items())],
            },
            "patterns": {name: self._pattern(kind) for name, kind in _PATTERNS.items()},
        }

    def _bounded(self, circumstance: tuple[str, Any]) -> tuple[str, Any]:
        """Whoever names a use case anew with each request shall not fill the memory."""
        if circumstance[0] == "source" and circumstance[1] not in self._sources:
            if len(self._sources) >= MOST_SOURCES:
                return "source", "(others)"
            self._sources.add(circumstance[1])
        return circumstance

    def _pattern(self, kind: str) -> list[dict[str, Any]]:
        """How the values of a kind of circumstance differ, and the routes under each."""
        routes: dict[Any, list[dict[str, Any]]] = {}
        for (one, value, provider), sums in sorted(self._route_under.items(), key=lambda item: str(item[0])):
            if one == kind:
                tried = {
                    "sends": sums.sends,
                    "delivered": sums.arrived,
                    "delivery_rate": share(sums.arrived, sums.sends),
                }
                routes.setdefault(value, []).append({"provider": provider, **tried})
        found = [(value, sums) for (one, value), sums in self._under.items() if one == kind]
        found.sort(key=lambda item: item[0] if kind == "hour" else (-item[1].sent, item[0]))
        return [{kind: value, **sums.show(), "routes": routes.get(value, [])} for value, sums in found]


_PATTERNS = {"hours": "hour", "bursts": "burst", "sources": "source"}


def _circumstances(row: Row) -> tuple[tuple[str, Any], ...]:
    """What a row counts under: as health learns them (`health.patterns`), by the hour of acceptance, UTC."""
    source = name_source(row["tenant"], row["use_case"])
    return ("hour", int(row["created"] // 3600) % 24), ("burst", row["burst"]), ("source", source)


def figures(rows: Iterable[Row], since: float, until: float) -> dict[str, Any]:
    """All figures of rows that are at hand."""
    found = Figures(since, until)
    found.add(rows)
    return found.show()


def _at(table: dict[Any, Any], key: Any, make: type) -> Any:
    found = table.get(key)
    if found is None:
        found = table[key] = make()
    return found


def _largest(table: dict[Any, _Cascades]) -> list[tuple[Any, _Cascades]]:
    return sorted(table.items(), key=lambda item: (-sum(item[1].statuses.values()), item[0]))


def _by_country(in_country: Mapping[tuple[str, str], _Sends]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for (_, country), sums in in_country.items():
        tried, failed = found.get(country, (0, 0))
        found[country] = (tried + sums.sends, failed + sums.failed)
    return found


def share(part: float, whole: float) -> float | None:
    """A part of a whole; None of nothing."""
    return part / whole if whole else None


def quantiles(values: list[float]) -> dict[str, float | None]:
    """Median and tail, by nearest rank; None of nothing."""
    ordered = sorted(values)
    return {
        name: ordered[max(ceil(level * len(ordered)) - 1, 0)] if ordered else None
        for name, level in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }


def concentration(cells: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    """Whether failures sit in a few countries. ``cells``: by country, tries and failures.

    ``gini`` is 0 where all fail in proportion to their traffic, and near 1 where one small country has all failures;
    None without any. ``top`` are those with the most failures, with their share of failures and of traffic.
    """
    tried = sum(tries for tries, _ in cells.values())
    failed = sum(failures for _, failures in cells.values())
    top = sorted(cells.items(), key=lambda cell: (-cell[1][1], cell[0]))[:5]
    result: dict[str, Any] = {
        "failures": failed,
        "top": [
            {"country": name, "failures": bad, "share": share(bad, failed), "traffic": share(tries, tried)}
            for name, (tries, bad) in top
            if bad
        ],
        "top_share": share(top[0][1][1], failed) if top else None,
        "gini": None,
    }
    if failed:
        gini, before = 1.0, 0.0  # one minus twice the area under Lorenz' curve, by trapezes
        for tries, bad in sorted(cells.values(), key=lambda cell: cell[1] / cell[0] if cell[0] else 0.0):
            after = before + bad / failed
            gini -= tries / tried * (before + after)
            before = after
        result["gini"] = max(gini, 0.0)
    return result
