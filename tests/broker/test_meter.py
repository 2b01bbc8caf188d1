"""Metrics: what cascades come to is counted as by hand, and by nothing that could grow without end."""

from __future__ import annotations

import asyncio
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from controller.api.app import create_app
from controller.api.server import ApiServer, open_socket
from controller.api.shell import Seen
from controller.api.tokens import Tokens
from controller.broker.meter import Meter
from controller.broker.metrics import metrics_router
from controller.store.base import Facts
from controller.types.messages import ApiToken
from tests.api.harness import digest, running
from tests.messages.playbook import Case

STATUS = {
    "store": {"lost": ""},
    "callbacks": {"heard": 3, "again": 1, "given_up": 0},
    "providers": [
        {"provider": "wa-1", "waiting": 2, "estimate": 0.93, "alive": None, "gate": "open"},
        {"provider": "smsc", "waiting": 0, "estimate": 0.5, "alive": False, "gate": "held"},
    ],
}


class Samples(dict[tuple[str, ...], float]):
    """By name and values of labels, in any order."""

    def __getitem__(self, key: tuple[str, ...]) -> float:
        return super().__getitem__((key[0], *sorted(key[1:])))

    def __contains__(self, key: object) -> bool:
        assert isinstance(key, tuple)
        return super().__contains__((key[0], *sorted(key[1:])))


def show(meter: Meter) -> Samples:
    """All but what histograms have beside sum and count."""
    return Samples(
        ((sample.name, *sorted(sample.labels.values())), sample.value)
        for family in text_string_to_metric_families(meter.show().decode())
        for sample in family.samples
        if not sample.name.endswith(("_created", "_bucket"))
    )


def feed(meter: Meter, case: Case, country: str = "DE") -> None:
    """All that happened, as the broker hands it on."""
    replayed = Case("whatsapp/wa-1", "sms/sms-1")
    for event, _ in case.history:
        replayed.now = case.now
        replayed.take(event)
        meter.see(replayed.cascade, Facts(country=country), replayed.last.commands)


def test_a_cascade_that_fell_back_and_was_verified() -> None:
    meter = Meter()
    case = (
        Case("whatsapp/wa-1", "sms/sms-1")
        .begin()
        .at(0.2)
        .refused(1, "not-on-channel")
        .at(3)
        .delivered(2)
        .at(9)
        .verified()
    )
    feed(meter, case)
    found = show(meter)
    assert found["callward_message_sends_total", "wa-1", "whatsapp", "DE"] == 1
    assert found["callward_message_sends_total", "sms-1", "sms", "DE"] == 1
    assert found["callward_message_outcomes_total", "wa-1", "DE", "destination"] == 1
    assert found["callward_message_outcomes_total", "sms-1", "DE", "success"] == 1
    assert found["callward_message_outcomes_total", "sms-1", "DE", "confirmed"] == 1
    assert found["callward_message_seconds_count", "sms-1"] == 1
    assert found["callward_cascades_total", "completed", "DE"] == 1
    assert found["callward_cascade_fallbacks_total", "DE"] == 1
    assert found["callward_cascades_verified_total", "DE"] == 1
    assert found["callward_cascade_seconds_count",] == 1
    assert found["callward_message_cost_total", "sms-1"] == 0.01
    assert ("callward_message_cost_total", "wa-1") not in found, "what was refused costs nothing"


def test_a_code_without_a_report_is_verified_once() -> None:
    meter = Meter()
    feed(meter, Case("whatsapp/wa-1", "sms/sms-1").begin().accepted(1).at(5).verified().verified())
    found = show(meter)
    assert found["callward_cascades_verified_total", "DE"] == 1
    assert found["callward_cascades_total", "completed", "DE"] == 1
    assert ("callward_cascade_fallbacks_total", "DE") not in found


def test_what_is_so_now_is_read_when_it_is_asked_for() -> None:
    now: dict[str, Any] = {**STATUS}
    meter = Meter(lambda: now)
    found = show(meter)
    assert found["callward_store_lost",] == 0
    assert found["callward_callbacks_total", "heard"] == 3
    assert found["callward_provider_waiting", "wa-1"] == 2
    assert ("callward_provider_alive", "wa-1") not in found, "it has no connection that could be lost"
    assert found["callward_provider_alive", "smsc"] == 0
    assert found["callward_provider_gate", "smsc", "held"] == 1
    now["store"] = {"lost": "disk full"}
    assert show(meter)["callward_store_lost",] == 1


def test_requests_are_counted_by_route_never_by_path() -> None:
    meter = Meter()
    meter.see_request(Seen("POST", "/v1/cascades", 202, 0.004, "acme-app", ""))
    meter.see_request(Seen("GET", "", 404, 0.001, "", "not-found"))
    found = show(meter)
    assert found["callward_api_requests_total", "/v1/cascades", "2xx"] == 1
    assert found["callward_api_requests_total", "(none)", "4xx"] == 1
    assert found["callward_api_seconds_sum", "/v1/cascades"] == 0.004


def test_metrics_are_for_operators() -> None:
    meter = Meter(lambda: STATUS)

    async def main() -> None:
        async with running() as api:
            shell = create_app(api.service, routers=(metrics_router(meter),))
            shell.tokens = Tokens(
                [ApiToken("prometheus", digest("p"), "acme", ("operate",)), ApiToken("app", digest("a"), "acme")]
            )
            server = ApiServer(shell, open_socket("127.0.0.1", 0))
            serving = asyncio.get_running_loop().create_task(server.serve())
            await server.started()
            answers = {}
            for token in ("p", "a", "none"):
                url = "http://{}:{}/metrics".format(*server.address)
                async with api.client.get(url, headers={"Authorization": f"Bearer {token}"}) as answer:
                    answers[token] = (answer.status, answer.headers["Content-Type"], await answer.text())
            server.stop()
            await serving
        assert [status for status, _, _ in answers.values()] == [200, 403, 401]
        assert answers["p"][1].startswith("text/plain")
        assert 'callward_provider_waiting{provider="wa-1"} 2.0' in answers["p"][2]

    asyncio.run(main())
