"""The API asked everything that its description allows, and much that it does not: never a 5xx, always as described."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from controller.broker.meter import Meter
from controller.broker.metrics import metrics_router
from controller.types.messages import ApiToken
from tests.api.harness import ACME, Server, asked, digest

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
TOKEN = "all-scopes"
TOKENS = (
    ApiToken("all", digest(TOKEN), "acme", ("send", "read", "erase", "operate")),
    ApiToken("acme-app", digest(ACME), "acme"),
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(tokens=TOKENS, routers=(metrics_router(Meter()),)) as server:
        yield server


def ask_everything(server: Server, examples: int, mode: list[GenerationMode]) -> Counter[int]:
    """So many requests of each operation; two in three made to meet something that is there, or to be taken."""
    schema = schemathesis.openapi.from_url(f"{server.api.url}/openapi.json")
    known = server.ids()
    statuses: Counter[int] = Counter()
    numbers = itertools.count()
    for number, found in enumerate(schema.get_all_operations()):
        operation = found.ok()
        cases = st.one_of([operation.as_strategy(generation_mode=each) for each in mode])

        @seed(number)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(cases, st.integers(0, 2), st.sampled_from(known))
        def ask(case: Any, sensible: int, cascade_id: str) -> None:
            if sensible and case.path_parameters and "cascade_id" in case.path_parameters:
                case.path_parameters["cascade_id"] = cascade_id
            if sensible and case.path == "/v1/cascades" and isinstance(case.body, dict):
                more = {key: value for key, value in case.body.items() if key in _HARMLESS}
                case.body = {**more, **asked()} if sensible == 1 else asked()
                case.headers, case.query = {"Idempotency-Key": f"sensible-{next(numbers)}"}, {}
            if case.path.endswith("/events") and sensible:
                return  # streams of what goes on do not end
            response = case.call(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)
            case.validate_response(response, checks=CHECKS)
            statuses[response.status_code] += 1

        ask()
    return statuses


_HARMLESS = {"use_case", "class", "window_s", "max_attempts", "max_cost", "fraud_score", "language"}


def test_every_operation_answers_as_it_is_described(server: Server) -> None:
    statuses = ask_everything(server, 15, [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    assert server.api.faults == []
    assert {202, 200, 404, 422} <= set(statuses)
    assert "/metrics" in {seen.route for seen in server.api.seen}
    assert not [status for status in statuses if status >= 500]


@pytest.mark.long
def test_every_operation_answers_as_it_is_described_asked_much_more(server: Server) -> None:
    examples = int(os.environ.get("HYPOTHESIS_EXAMPLES", "1000"))
    statuses = ask_everything(server, examples, [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    assert server.api.faults == []
    assert not [status for status in statuses if status >= 500]
