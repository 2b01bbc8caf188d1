"""OpenTelemetry: a collector that reads the real protobuf gets a trace of each call and the metrics, also after it was lost."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from controller.config import load
from controller.log import open_log
from controller.news import show_news
from controller.ops.consumer import CALLS, Event
from controller.ops.consumers import Tools, make_consumers
from controller.ops.otel.consumer import Otel
from controller.ops.watching import Watching
from controller.types.ops import Ops
from controller.types.ops import Otel as Settings
from tests.ops.test_metrics import ANSWERS, BROKEN, two_trunks

ROOT = Path(__file__).resolve().parents[2]


class Collector:
    """What a collector would get; ``status`` is what it answers."""

    def __init__(self) -> None:
        self.status = 200
        self.without = ""  # a path that it has not
        self.asked = 0
        self.traces: list[ExportTraceServiceRequest] = []
        self.metrics: list[ExportMetricsServiceRequest] = []
        self.raw = b""

    async def take(self, request: web.Request) -> web.Response:
        self.asked += 1
        assert request.headers["content-type"] == "application/x-protobuf"
        assert request.headers["authorization"] == "Bearer secret"
        if request.path == self.without:
            return web.Response(status=404)
        if self.status == 200:
            body = await request.read()
            self.raw += body
            if request.path == "/v1/traces":
                self.traces.append(ExportTraceServiceRequest.FromString(body))
            else:
                assert request.path == "/v1/metrics"
                self.metrics.append(ExportMetricsServiceRequest.FromString(body))
        return web.Response(status=self.status)


def call_that_fails_over() -> tuple[Any, Event]:
    """The dialplan, and what is told of one call in it."""
    world = two_trunks()
    world.trunks["t1"].script, world.trunks["t2"].script = BROKEN, ANSWERS
    call = world.call()
    world.calm()
    kind, data = show_news(world.record(call))
    return world.engine.switchboard.dialplan, Event(CALLS, kind, 0.0, data, number=1)


def run(folder: Path, act: Callable[[Collector, Otel, Tools], Awaitable[None]]) -> list[dict[str, Any]]:
    """A scene with a collector; the lines of the log."""
    lines = io.StringIO()
    log, writer = open_log(lines)

    async def main() -> None:
        collector = Collector()
        app = web.Application()
        app.router.add_post("/{path:.*}", collector.take)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        plan, _ = call_that_fails_over()
        plan = replace(plan, ops=Ops(otel=Settings(f"http://{host}:{port}", "secret")))
        faults: list[BaseException] = []
        tools = Tools(plan, folder, Watching(folder, lambda _: None, lambda _: None), log, faults.append)
        meter, otel = make_consumers(tools)
        assert meter is tools.meter
        assert isinstance(otel, Otel)
        await act(collector, otel, tools)
        await runner.cleanup()
        assert not faults

    asyncio.run(main())
    writer.close()
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def values(attributes: Any) -> dict[str, Any]:
    """As plain data."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def test_a_call_is_a_trace_with_a_span_for_each_attempt(tmp_path: Path) -> None:
    _, event = call_that_fails_over()

    async def act(collector: Collector, otel: Otel, tools: Tools) -> None:
        for consumer in (tools.meter, otel):
            consumer.hear(event)
        await otel.close()
        (request,) = collector.traces
        (scope,) = request.resource_spans[0].scope_spans
        call, *attempts = scope.spans
        assert values(request.resource_spans[0].resource.attributes)["service.name"] == "callward"
        assert [span.name for span in scope.spans] == ["call", "attempt anna via t1", "attempt anna via t2"]
        assert {span.trace_id for span in scope.spans} == {call.trace_id}
        assert len({span.span_id for span in scope.spans}) == 3
        assert [span.parent_span_id for span in attempts] == [call.span_id] * 2
        shown = values(call.attributes)
        assert (shown["callward.winner"], shown["sip.status"], shown["callward.chain"]) == ("anna via t2", 200, "sales")
        assert values(attempts[0].attributes)["callward.cause"] == "503"
        assert call.start_time_unix_nano == int(event.data["moment"] * 1e9)
        assert 2.0 < (call.end_time_unix_nano - call.start_time_unix_nano) / 1e9 < 2.3
        for each in attempts:
            assert call.start_time_unix_nano <= each.start_time_unix_nano <= each.end_time_unix_nano
        assert event.data["did"].lstrip("+").encode() not in collector.raw

    assert not run(tmp_path, act)


def test_metrics_are_those_of_prometheus(tmp_path: Path) -> None:
    _, event = call_that_fails_over()

    async def act(collector: Collector, otel: Otel, tools: Tools) -> None:
        tools.meter.hear(event)
        await otel.close()
        (request,) = collector.metrics
        found = {metric.name: metric for metric in request.resource_metrics[0].scope_metrics[0].metrics}
        attempts = {
            tuple(sorted(values(point.attributes).values())): point.as_double
            for point in found["callward_attempts"].sum.data_points
        }
        assert found["callward_attempts"].sum.is_monotonic
        assert attempts["503", "t1"] == 1
        assert attempts["ANSWERED", "t2"] == 1
        (point,) = found["callward_call_answer_seconds"].histogram.data_points
        assert (point.count, sum(point.bucket_counts)) == (1, 1)
        assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
        assert list(point.bucket_counts)[list(point.explicit_bounds).index(5.0)] == 1  # 2 s < it <= 5 s
        assert 2.0 < point.sum < 2.3
        assert not point.HasField("min")
        assert found["callward_role_up"].gauge.data_points
        assert found["callward_call_answer_seconds"].unit == "s"

    assert not run(tmp_path, act)


def test_counts_go_on_through_a_reload_and_say_so(tmp_path: Path) -> None:
    """A later start would say that they began anew: whoever adds them up would count all of them twice."""
    _, event = call_that_fails_over()

    async def act(collector: Collector, otel: Otel, tools: Tools) -> None:
        tools.meter.hear(event)
        await otel.close()
        await asyncio.sleep(0.01)
        _, again = make_consumers(tools)
        await again.close()
        starts = [
            metric.sum.data_points[0].start_time_unix_nano
            for request in collector.metrics
            for metric in request.resource_metrics[0].scope_metrics[0].metrics
            if metric.name == "callward_attempts"
        ]
        assert len(starts) == 2
        assert starts[0] == starts[1]

    assert not run(tmp_path, act)


def test_a_collector_that_is_lost_gets_the_calls_later(tmp_path: Path) -> None:
    _, event = call_that_fails_over()

    async def act(collector: Collector, otel: Otel, _: Tools) -> None:
        collector.status = 503
        otel.hear(event)
        otel.hear(replace(event, old=True))  # whoever was there before has told of it
        await otel.close()
        await otel.close()
        assert (collector.asked, collector.traces) == (2, [])
        collector.status = 200
        await otel.close()
        await otel.close()
        assert len(collector.traces) == 1

    events = [(line["event"], line.get("why")) for line in run(tmp_path, act)]
    assert events == [
        ("the collector of OpenTelemetry does not take what it is told", "it answers 503 to /v1/traces"),
        ("the collector of OpenTelemetry takes what it is told", None),
    ]


def test_a_collector_that_wants_no_traces_gets_metrics_and_nothing_piles_up(tmp_path: Path) -> None:
    _, event = call_that_fails_over()

    async def act(collector: Collector, otel: Otel, tools: Tools) -> None:
        collector.without = "/v1/traces"
        for _ in range(300):
            otel.hear(event)
        await otel.close()
        assert len(collector.metrics) == 1
        assert otel.refused == 300
        assert ("callward_otel_taken", (), 0.0) in [*tools.meter.parts["otel"]()]
        collector.without = ""
        otel.hear(event)
        await otel.close()
        assert len(collector.traces) == 1
        assert ("callward_otel_taken", (), 1.0) in [*tools.meter.parts["otel"]()]

    assert len(run(tmp_path, act)) == 2


def test_the_keys_become_settings(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    section = 'otel: {endpoint: "http://127.0.0.1:4318/", token: secret}\n'
    file.write_text((ROOT / "dialplans" / "demo.yaml").read_text(encoding="utf-8") + section)
    plan = load(file).dialplan
    assert plan is not None
    assert plan.ops is not None
    assert plan.ops.otel is not None
    assert (plan.ops.otel.endpoint, plan.ops.otel.token) == ("http://127.0.0.1:4318", "secret")
    assert "secret" not in repr(plan.ops)
