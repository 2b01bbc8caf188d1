"""Figures of how things are, made of the last picture when somebody asks.

Owns how a picture becomes samples. Must not count, and must not judge: a trunk of several addresses has a row for each.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from controller import __version__
from controller.health.readmission import Stage
from controller.ops.consumer import CALLS, MESSAGES, Picture
from controller.ops.metrics.catalogue import COUNTER, SHOWN
from controller.ops.metrics.processes import cost_of
from controller.types import Dialplan, TargetState

OPS = "ops"
Figure = tuple[str, tuple[str, ...], float]  # the name of a metric, values of its labels


class Showing(Collector):
    """What is so now. ``look`` is called when it is asked for, also in another thread: the picture, the dialplan, and what
    other consumers have to show."""

    def __init__(self, look: Callable[[], tuple[Picture, Dialplan | None, list[Figure]]]) -> None:
        self._look = look

    def describe(self) -> Iterable[Metric]:
        """Nothing: for the registry, which would collect otherwise."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All families, those without a sample too."""
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for known in SHOWN:
            made = CounterMetricFamily if known.kind == COUNTER else GaugeMetricFamily
            families[known.name] = made(known.name, known.meaning, labels=known.labels)
        picture, dialplan, others = self._look()
        for name, labels, value in (*samples(picture, dialplan), *others):
            families[name].add_metric(labels, value)
        yield from families.values()


def samples(picture: Picture, dialplan: Dialplan | None) -> Iterator[Figure]:
    """Of one picture."""
    yield "callward_info", (__version__, dialplan.version if dialplan is not None else ""), 1.0
    yield from _roles(picture, dialplan)
    if picture.calls is not None:
        yield from _of_calls(picture.calls)
        for trunk in picture.calls["trunks"]:
            yield from _of_trunk(trunk)
        yield from _of_surroundings(picture.calls)
        yield from _of_limits(picture.calls["limits"])


def _roles(picture: Picture, dialplan: Dialplan | None) -> Iterator[Figure]:
    shown: dict[str, Mapping[str, Any] | None] = {}
    if dialplan is None or dialplan.listen:
        shown[CALLS] = picture.calls
    if dialplan is not None and dialplan.messaging is not None:
        shown[MESSAGES] = picture.messages
    for role, status in shown.items():
        yield "callward_role_up", (role,), float(status is not None)
        yield "callward_news_followed", (role,), float(picture.answers.get(role, False))
        if role in picture.took:
            yield "callward_response_seconds", (role,), picture.took[role]
        process = status.get("process") if status is not None else None
        if process is not None:  # a daemon that still runs an older version has none
            yield "callward_log_dropped", (role,), process["log_dropped"]
            yield "callward_feed_lost", (role,), process["feed_lost"]
            yield from _cost(role, process["pid"])
    yield "callward_role_up", (OPS,), 1.0
    yield from _cost(OPS, os.getpid())
    for role in (MESSAGES, OPS):
        beside = picture.calls.get(role) if picture.calls is not None else None
        if beside is not None:
            yield "callward_process_restarts", (role,), beside["restarts"]


def _cost(role: str, pid: int) -> Iterator[Figure]:
    cost = cost_of(pid)
    if cost is None:
        return
    yield "callward_process_cpu_seconds", (role,), cost.cpu
    yield "callward_process_resident_bytes", (role,), cost.resident
    yield "callward_process_start_seconds", (role,), cost.start
    if cost.files is not None:
        yield "callward_process_open_files", (role,), cost.files


def _of_calls(status: Mapping[str, Any]) -> Iterator[Figure]:
    yield "callward_calls_setting_up", (), status["calls"]
    yield "callward_calls_up", (), status["up"]
    yield "callward_late_timers", (), status.get("late_timers", 0)
    if (reload := status.get("reload")) is not None:
        yield "callward_reload_ok", (), float(reload["ok"])
        yield "callward_reload_seconds", (), reload["at"]
    for what, count in status["counters"].items():
        yield "callward_sip_events", (what,), count
    for what, count in status["edge"].items():
        if what == "shed":
            yield "callward_shed_ratio", (), count
        else:
            yield "callward_edge_messages", (what,), count


def _of_trunk(trunk: Mapping[str, Any]) -> Iterator[Figure]:
    name, _, address = trunk["name"].partition("/")
    labels = (name, address, trunk["carrier"] or "", trunk["site"] or "")
    for state in TargetState:
        yield "callward_trunk_state", (*labels, state), float(trunk["state"] == state)
    yield "callward_trunk_loss_ratio", labels, trunk["loss"]
    yield "callward_trunk_paged", labels, float(trunk["paged"])
    if trunk["round_trip"] is not None:
        yield "callward_trunk_round_trip_seconds", labels, trunk["round_trip"]
    calls = trunk["calls"]
    gate = Stage.OPEN.value if calls is None else calls["gate"]
    for stage in Stage:
        yield "callward_trunk_gate", (*labels, stage), float(gate == stage)
    if calls is None:
        return
    for metric, key in (("estimate_ratio", "estimate"), ("answer_ratio", "answered"), ("ring_seconds", "rings_after")):
        if calls[key] is not None:
            yield f"callward_trunk_{metric}", labels, calls[key]


def _of_surroundings(status: Mapping[str, Any]) -> Iterator[Figure]:
    yield "callward_uplink_suspected", (), float(bool(status["uplink"]))
    for row in status["registrations"]:
        yield "callward_registration_bound", (row["trunk"],), float(row["bound"])
    for name in status["names"]:
        yield "callward_name_stale", (name["name"],), float(name["stale"])
        yield "callward_name_addresses", (name["name"],), len(name["addresses"])
    for row in status["certificates"]:
        yield "callward_certificate_refused", (row["owner"],), float(bool(row["refused"]))
        if row["until"] is not None:
            yield "callward_certificate_end_seconds", (row["owner"],), row["until"]


def _of_limits(limits: Iterable[Mapping[str, Any]]) -> Iterator[Figure]:
    """A limit of a number has no row of its own, for its name is the number."""
    full: dict[str, int] = {}
    for row in limits:
        kind, _, name = row["of"].partition(" ")
        full[kind] = full.get(kind, 0) + bool(row["full"])
        if kind == "did":
            continue
        yield "callward_limit_calls", (kind, name), row["calls"]
        if row["most"] is not None:
            yield "callward_limit_most", (kind, name), row["most"]
    for kind, count in full.items():
        yield "callward_limits_full", (kind,), count
