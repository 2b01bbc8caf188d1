from __future__ import annotations

import pytest

from controller.config import compile_text
from controller.types import ANYTHING, BUSY, UNANSWERED, Limits, Tolls
from tests.config.sample import bend, codes, compiled

CARRIER = "carrier: b, probe: off"
ROUTE = '{did: "+15557000", chain: sales'


def trunk(keys: str) -> Limits | None:
    return compiled(bend((CARRIER, f"{CARRIER}, {keys}"))).trunks["carrier-b"].limits


def test_limits_of_a_trunk() -> None:
    assert trunk("limits: {calls: 30, in: 20, out: 10, cps: 0.5, answer: 486}") == Limits(30, 20, 10, 0.5, 486)
    assert trunk("limits: {cps: 5}") == Limits(cps=5.0)
    assert compiled(bend()).trunks["carrier-b"].limits is None


def test_limits_of_a_number_and_of_its_tenant() -> None:
    text = bend(
        (ROUTE, f"{ROUTE}, limits: {{calls: 2, answer: 503}}, tenant: acme"),
        ("endpoints:", "tenants:\n  acme: {limits: {calls: 20, cps: 3}}\nendpoints:"),
    )
    dialplan = compiled(text)
    route = dialplan.routes["+15557000"]
    assert (route.limits, route.tenant) == (Limits(calls=2, answer=503), "acme")
    assert dialplan.tenants["acme"].limits == Limits(calls=20, cps=3.0)
    assert dialplan.tenants["acme"].where.startswith("acme.yaml:")


def test_overflow_and_after() -> None:
    text = bend(
        ("- ring: [answering]", "- ring: [answering]\n      after: [busy, no-answer]\n      when: {overflow: true}")
    )
    stage = compiled(text).chains["sales"].stages[-1]
    assert stage.after == (BUSY, UNANSWERED)
    assert stage.when is not None
    assert stage.when.overflow == (ANYTHING,)


def test_one_word_needs_no_brackets() -> None:
    text = bend(("- ring: [answering]", "- ring: [answering]\n      after: busy\n      when: {overflow: carrier-b}"))
    stage = compiled(text).chains["sales"].stages[-1]
    assert stage.after == (BUSY,)
    assert stage.when is not None
    assert stage.when.overflow == ("carrier-b",)


@pytest.mark.parametrize(
    ("defaults", "own", "most"),
    [
        ("", "", 60.0),
        ("retry_after: 5s", "", 5.0),
        ("retry_after: 5s", "retry_after: 1m", 60.0),
        ("", "retry_after: off", 0.0),
    ],
)
def test_how_long_a_retry_after_may_be(defaults: str, own: str, most: float) -> None:
    text = bend(
        ("defaults: {", f"defaults: {{{defaults}{', ' if defaults else ''}"),
        (CARRIER, f"{CARRIER}{', ' if own else ''}{own}"),
    )
    assert compiled(text).trunks["carrier-b"].retry_after == most


def test_how_long_a_silent_call_counts() -> None:
    assert compiled(bend()).count_for == 4 * 3600
    assert compiled(bend(("defaults: {", "defaults: {count_for: 30m, "))).count_for == 1800


def test_premium_rates_need_a_word_and_countries_are_a_list() -> None:
    outbound = '  - {{outbound: {{prefix: "+1"}}, from: [hq-pbx], via: [carrier-a]{}}}\n'
    for keys, tolls in (
        ("", Tolls()),
        (", countries: [US, CA]", Tolls(("US", "CA"))),
        (", countries: US, premium: true", Tolls(("US",), premium=True)),
        (", premium: true", None),
    ):
        (route,) = compiled(bend() + outbound.format(keys)).outbound["+1"].values()
        assert route.tolls == tolls
    chain = compiled(bend() + outbound.format(", max_cost: 0.05")).chains["outbound +1 from hq-pbx"]
    assert chain.stages[0].max_cost == 0.05


@pytest.mark.parametrize(
    "wrong", ["limits: {answer: 7}", "limits: {calls: x}", "limits: [3]", "limits: 3", "tenant: x"]
)
def test_what_is_wrong_with_a_route_leaves_the_rest_to_be_checked(wrong: str) -> None:
    text = bend((ROUTE, f"{ROUTE}, {wrong}"), ("carrier: b", "carrier: b, probe: fasst"))
    assert "UNKNOWN_NAME" in codes(text)
    assert compile_text(text, "acme.yaml").dialplan is None


@pytest.mark.parametrize("keys", ["countries: [Q]", "limits: {}", "max_cost: x"])
def test_a_list_of_which_nothing_is_left_is_one_finding(keys: str) -> None:
    text = bend() + f'  - {{outbound: {{prefix: "+1"}}, from: [hq-pbx], via: [carrier-a], {keys}}}\n'
    assert len(codes(text)) == 1


def test_an_expectation_that_cannot_be_read_is_a_finding() -> None:
    assert codes(bend((CARRIER, f'{CARRIER}, deep: {{number: "+15550123", expect: [7]}}'))) == ["BAD_FINAL"]
