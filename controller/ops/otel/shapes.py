"""Calls as spans and metrics as OTLP has them: protobuf bytes, by OpenTelemetry's own encoders.

Owns names and attributes. No number, caller or Call-ID is in them but what the log shows of a Call-ID. Must not send.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode
from prometheus_client.core import Metric as Family
from prometheus_client.core import Sample

from controller import __version__
from controller.masking import mask_within

_RESOURCE = Resource({"service.name": "callward", "service.version": __version__})
_SCOPE = InstrumentationScope("callward", __version__)
_NANO = 1e9
_UNKNOWN: Any = None  # Prometheus keeps no least and most


def show_calls(calls: Sequence[Mapping[str, Any]]) -> bytes:
    """A request to ``/v1/traces``: a span for each call, and one below it for each attempt."""
    return bytes(encode_spans([span for call in calls for span in _spans(call)]).SerializeToString())


def _spans(call: Mapping[str, Any]) -> Iterable[ReadableSpan]:
    begun, over = call["moment"], call["moment"] + call["seconds"]
    seed = hashlib.sha256(f"{call['call']} {begun}".encode()).digest()
    root = _context(seed, 0)
    answered = call["winner"] is not None
    yield ReadableSpan(
        "call",
        root,
        resource=_RESOURCE,
        instrumentation_scope=_SCOPE,
        kind=SpanKind.SERVER,
        start_time=int(begun * _NANO),
        end_time=int(over * _NANO),
        status=Status(StatusCode.OK if answered else StatusCode.ERROR),
        attributes={
            "callward.call": mask_within(call["call"], call["did"], call["caller"]),
            "callward.chain": call["chain"],
            "callward.from_trunk": call["from_trunk"],
            "callward.cause": call["cause"],
            "callward.winner": call["winner"] or "",
            "callward.dialplan": call["version"],
            "sip.status": call["status"],
        },
    )
    for number, attempt in enumerate(call["attempts"], 1):
        ended = attempt.get("ended")
        yield ReadableSpan(
            f"attempt {attempt['path']}",
            _context(seed, number),
            root,
            resource=_RESOURCE,
            instrumentation_scope=_SCOPE,
            kind=SpanKind.CLIENT,
            start_time=int((begun + attempt["at"]) * _NANO),
            end_time=int((over if ended is None else begun + ended) * _NANO),
            attributes={
                "callward.path": attempt["path"],
                "callward.milestone": attempt["milestone"],
                "callward.cause": attempt["cause"],
                "callward.hedge": attempt["hedge"],
            },
        )


def _context(seed: bytes, number: int) -> SpanContext:
    """One call has one trace, whoever asks."""
    span = hashlib.sha256(seed + bytes([number % 256])).digest()
    return SpanContext(
        int.from_bytes(seed[:16]), int.from_bytes(span[:8]), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )


def show_metrics(families: Iterable[Family], start: float, now: float) -> bytes:
    """A request to ``/v1/metrics``; ``start`` is when counts began, both in seconds since the epoch."""
    stamps = int(start * _NANO), int(now * _NANO)
    metrics = [metric for family in families if (metric := _metric(family, *stamps)) is not None]
    scope = ScopeMetrics(_SCOPE, metrics, "")
    data = MetricsData([ResourceMetrics(_RESOURCE, [scope], "")])
    return bytes(encode_metrics(data).SerializeToString())


def _metric(family: Family, start: int, now: int) -> Metric | None:
    if not family.samples:
        return None
    unit = "s" if family.name.endswith("_seconds") else "By" if family.name.endswith("_bytes") else "1"
    if family.type == "histogram":
        points = list(_histograms(family.samples, start, now))
        data: Any = Histogram(points, AggregationTemporality.CUMULATIVE)
    else:
        numbers = [NumberDataPoint(dict(one.labels), start, now, float(one.value)) for one in family.samples]
        is_count = family.type == "counter"
        data = Sum(numbers, AggregationTemporality.CUMULATIVE, is_monotonic=True) if is_count else Gauge(numbers)
    return Metric(family.name, family.documentation, unit, data)


def _histograms(samples: Sequence[Sample], start: int, now: int) -> Iterable[HistogramDataPoint]:
    """Prometheus counts up to each bound, OTLP between them."""
    found: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    for sample in samples:
        labels = {name: value for name, value in sample.labels.items() if name != "le"}
        point = found.setdefault(tuple(sorted(labels.items())), {"labels": labels, "upto": [], "sum": 0.0})
        if sample.name.endswith("_bucket"):
            point["upto"].append((float(sample.labels["le"]), int(sample.value)))
        elif sample.name.endswith("_sum"):
            point["sum"] = sample.value
    for point in found.values():
        upto = sorted(point["upto"])
        counts = [count - before for (_, count), before in zip(upto, [0, *(each for _, each in upto)], strict=False)]
        bounds = [bound for bound, _ in upto[:-1]]
        yield HistogramDataPoint(
            point["labels"], start, now, upto[-1][1], point["sum"], counts, bounds, _UNKNOWN, _UNKNOWN
        )
