"""Metrics of messages for Prometheus, of this daemon since its start; consumers of what happens, and nothing else.

Owns names and labels. Labels are bounded: providers, channels, countries, statuses, routes of the API; never a tenant's key, a
number, an address or a code. Costs are in the dialplan's unit, times in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from controller.api.shell import Seen
from controller.health.outcomes import MESSAGE, classify
from controller.messages.cascade import Cascade
from controller.store.base import Facts
from controller.types.cascades import CascadeCommand, ObserveOutcome, SendMessage, TellClient

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0)
#: So many times are kept at most until the library has them.
MOST_TOOK = 2_000
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.03, 0.1, 0.5, 2.5)


class Meter:
    """Counts what cascades command, and what the API answers."""

    def __init__(self, status: Callable[[], Mapping[str, Any]] = dict) -> None:
        """``status``: what `broker.status` shows now; read when somebody asks for metrics."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a third more series, which nobody asks for
        self.registry = CollectorRegistry()
        add = self.registry
        self._children: dict[tuple[Any, ...], Any] = {}
        self._new: dict[tuple[Any, ...], float] = {}  # by metric and labels: counted since somebody looked
        self._took: list[tuple[tuple[Any, ...], float]] = []  # the same for histograms
        self._sends = Counter(
            "callward_message_sends", "handed to a provider", ("provider", "channel", "country"), registry=add
        )
        self._outcomes = Counter(
            "callward_message_outcomes",
            "what became of sends, by class",
            ("provider", "country", "outcome"),
            registry=add,
        )
        self._seconds = Histogram(
            "callward_message_seconds", "until a message had arrived", ("provider",), buckets=_SECONDS, registry=add
        )
        self._cost = Counter(
            "callward_message_cost", "of messages of cascades that are over", ("provider",), registry=add
        )
        self._cascades = Counter("callward_cascades", "that are over", ("status", "country"), registry=add)
        self._fallbacks = Counter(
            "callward_cascade_fallbacks", "that took more than one send", ("country",), registry=add
        )
        self._verified = Counter("callward_cascades_verified", "whose code was typed in", ("country",), registry=add)
        self._cascade_seconds = Histogram(
            "callward_cascade_seconds", "from acceptance to completion", buckets=_SECONDS, registry=add
        )
        self._requests = Counter("callward_api_requests", "that were answered", ("route", "status"), registry=add)
        self._request_seconds = Histogram(
            "callward_api_seconds", "until an answer", ("route",), buckets=_REQUEST_SECONDS, registry=add
        )
        add.register(_Now(status))

    def _count(self, metric: Any, *labels: str, by: float = 1.0) -> None:
        """Count it: here first, for what the library takes for it would be more than all else."""
        key = (metric, *labels)
        self._new[key] = self._new.get(key, 0.0) + by

    def _observe(self, seconds: float, metric: Any, *labels: str) -> None:
        self._took.append(((metric, *labels), seconds))
        if len(self._took) >= MOST_TOOK:
            self._flush()

    def _flush(self) -> None:
        """Have the registry know what was counted."""
        new, took = self._new, self._took
        self._new, self._took = {}, []
        for key, by in new.items():
            self._of(key).inc(by)
        for key, seconds in took:
            self._of(key).observe(seconds)

    def _of(self, key: tuple[Any, ...]) -> Any:
        child = self._children.get(key)
        if child is None:
            metric, *labels = key
            child = self._children[key] = metric.labels(*labels) if labels else metric
        return child

    def see(self, cascade: Cascade, facts: Facts, commands: Sequence[CascadeCommand]) -> None:
        """What an event of a cascade came to."""
        country = facts.country
        for command in commands:
            match command:
                case SendMessage(provider=provider, channel=channel):
                    self._count(self._sends, provider, channel._value_, country)
                case ObserveOutcome(provider=provider, code=code, age=age, retry_after=retry_after):
                    kind = classify(MESSAGE, code, retry_after)
                    if kind is not None:
                        self._count(self._outcomes, provider, country, kind._value_)
                    if code == "delivered":
                        self._observe(age, self._seconds, provider)
                case TellClient(event=event, final=final):
                    if event == "verified" or (final and cascade.verified):
                        self._count(self._verified, country)
                    if final:
                        self._end(cascade, country)
                case _:  # asking is no send
                    pass

    def _end(self, cascade: Cascade, country: str) -> None:
        self._count(self._cascades, cascade.status._value_, country)
        if len(cascade.sends) > 1:
            self._count(self._fallbacks, country)
        if cascade.status._value_ == "completed":
            self._observe(max(cascade.ended - cascade.created, 0.0), self._cascade_seconds)
        for send in cascade.sends:
            if send.spent and send.cost > 0:
                self._count(self._cost, send.provider, by=send.cost)

    def see_request(self, seen: Seen) -> None:
        """What the API answered."""
        route = seen.route or "(none)"
        self._count(self._requests, route, f"{seen.status // 100}xx")
        self._observe(seen.seconds, self._request_seconds, route)

    def show(self, *, openmetrics: bool = False) -> bytes:
        """All of it, in Prometheus' text form, or in that of OpenMetrics."""
        self._flush()
        if not openmetrics:
            return generate_latest(self.registry)
        shown: bytes = generate_openmetrics(self.registry)  # type: ignore[no-untyped-call]
        return shown


class _Now(Collector):
    """What is so now, read when it is asked for."""

    def __init__(self, status: Callable[[], Mapping[str, Any]]) -> None:
        self._status = status

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        now = self._status()
        if not now:
            return
        lost = GaugeMetricFamily("callward_store_lost", "1: nothing can be written down")
        lost.add_metric((), float(bool(now["store"]["lost"])))
        yield lost
        heard = CounterMetricFamily("callward_callbacks", "to tenants", labels=("result",))
        for result, count in now["callbacks"].items():
            heard.add_metric((result,), count)
        yield heard
        for name, help_text, key in (
            ("callward_provider_waiting", "sends that wait or are under way", "waiting"),
            ("callward_provider_estimate", "share of messages that arrive, as health sees it", "estimate"),
            ("callward_provider_alive", "0: its connection is lost", "alive"),
        ):
            gauge = GaugeMetricFamily(name, help_text, labels=("provider",))
            for provider in now["providers"]:
                if provider[key] is not None:
                    gauge.add_metric((provider["provider"],), float(provider[key]))
            yield gauge
        gates = GaugeMetricFamily("callward_provider_gate", "1: as it is now", labels=("provider", "gate"))
        for provider in now["providers"]:
            gates.add_metric((provider["provider"], str(provider["gate"])), 1.0)
        yield gates
