"""The figures of a run that was worked out by hand, and what holds for any run."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.messages.figures import MOST_SOURCES, concentration, figures, quantiles, rows_of

START = 1_800_000_000.0  # a full hour
TERMS = {
    "channels": {"wa": "whatsapp", "sms-a": "sms", "sms-b": "sms"},
    "upstreams": {"sms-a": "agg", "sms-b": "agg"},
}


def send(
    attempt: int, provider: str, started: float, ended: float, outcome: str, cost: float, **more: Any
) -> dict[str, Any]:
    told = {"phase": "ended", "spent": True, "judged": outcome, "ref": "", **more}
    return {
        "attempt": attempt,
        "provider": provider,
        "started": started,
        "ended": ended,
        "outcome": outcome,
        "cost": cost,
        **told,
    }


def cascade(
    name: str,
    at: float,
    status: str,
    sends: list[dict[str, Any]],
    *,
    country: str = "DE",
    operator: str = "26201",
    **more: Any,
) -> list[dict[str, Any]]:
    state = {"reason": "", "ended": 0.0, "verified": False, "late": False, "winner": 0, "sends": sends, **more}
    facts = {
        "country": country,
        "operator": operator,
        "route_class": "standard",
        "use_case": "login",
        "prefix": "DE-151",
    }
    return rows_of(name, "acme", status, at, state, TERMS, facts)


#: Six cascades. By hand: completed 1, 2, 3 in 4, 26 and 6 s; 4 and 5 exhausted; 6 refused.
RUN = [
    *cascade("1", START, "completed", [send(1, "wa", START, START + 4, "delivered", 0.02)], ended=START + 4, winner=1, verified=True),
    *cascade(
        "2",
        START + 10,
        "completed",
        [
            send(1, "wa", START + 10, START + 11, "not-on-channel", 0.02, spent=False),
            send(2, "sms-a", START + 11, START + 31, "timeout", 0.05, judged="delivered"),  # it came at last, too late
            send(3, "sms-b", START + 31, START + 36, "delivered", 0.03),
        ],
        ended=START + 36,
        winner=3,
        verified=True,
    ),
    *cascade(
        "3",
        START + 3600,
        "completed",
        [send(1, "sms-a", START + 3600, START + 3606, "read", 0.05)],
        country="FR",
        operator="",
        ended=START + 3606,
        winner=1,
    ),
    *cascade(
        "4",
        START + 3700,
        "exhausted",
        [send(1, "sms-a", START + 3700, START + 3720, "timeout", 0.05), send(2, "sms-b", START + 3720, START + 3740, "undelivered", 0.03)],
        country="FR",
        operator="",
        ended=START + 3740,
        reason="NO_PROVIDER",
    ),
    *cascade("5", START + 3800, "exhausted", [send(1, "sms-a", START + 3800, START + 3820, "timeout", 0.05)], country="FR", operator="", ended=START + 3820, reason="NO_TIME", late=True),
    *cascade("6", START + 3900, "refused", [], ended=START + 3900, reason="FRAUD"),
]  # fmt: skip


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return figures(RUN, START, START + 7200)


def test_cascades_as_by_hand(found: dict[str, Any]) -> None:
    whole = found["all"]
    assert whole["cascades"] == 6
    assert whole["statuses"] == {"completed": 3, "exhausted": 2, "refused": 1}
    assert whole["reasons"] == {"FRAUD": 1, "NO_PROVIDER": 1, "NO_TIME": 1}
    assert whole["completion_rate"] == 3 / 5
    assert whole["verification_rate"] == 2 / 5
    assert whole["fallback_rate"] == 2 / 5, "cascades 2 and 4, of five that sent anything"
    assert whole["sends_each"] == 8 / 5
    assert whole["cost"] == pytest.approx(0.02 + 0.05 + 0.03 + 0.05 + 0.05 + 0.03 + 0.05)
    assert whole["cost_per_completed"] == pytest.approx(0.28 / 3)
    assert whole["cost_per_verified"] == pytest.approx(0.14)
    assert whole["seconds"] == {"p50": 6.0, "p95": 26.0, "p99": 26.0}
    assert whole["late"] == 1


def test_routes_as_by_hand(found: dict[str, Any]) -> None:
    whatsapp, sms_a, sms_b = sorted(
        found["routes"], key=lambda route: ["wa", "sms-a", "sms-b"].index(route["provider"])
    )
    assert (whatsapp["sends"], whatsapp["acceptance_rate"], whatsapp["delivery_rate"]) == (2, 0.5, 0.5)
    assert whatsapp["failures"] == {"not-on-channel": 1}
    assert whatsapp["cost"] == pytest.approx(0.02), "what was refused costs nothing"
    assert (sms_a["sends"], sms_a["acceptance_rate"], sms_a["delivery_rate"]) == (4, 1.0, 0.5)
    assert sms_a["completion_rate"] == 0.25, "the late one completed nothing"
    assert sms_a["failures"] == {"timeout": 2}
    assert sms_a["seconds"]["p50"] == 6.0
    assert sms_a["cost_per_delivered"] == pytest.approx(0.1)
    assert (sms_b["channel"], sms_b["upstream"], sms_b["delivery_rate"], sms_b["failures"]) == (
        "sms",
        "agg",
        0.5,
        {"undelivered": 1},
    )


def test_countries_and_operators_as_by_hand(found: dict[str, Any]) -> None:
    germany, france = found["countries"]
    assert (germany["country"], germany["completion_rate"], germany["cost_per_verified"]) == (
        "DE",
        1.0,
        pytest.approx(0.05),
    )
    assert (france["country"], france["completion_rate"], france["cost_per_verified"]) == ("FR", 1 / 3, None)
    assert [(row["country"], row["operator"], row["cascades"]) for row in found["operators"]] == [("DE", "26201", 3)]
    cell = next(row for row in found["routes_by_country"] if (row["provider"], row["country"]) == ("sms-a", "FR"))
    assert (cell["sends"], cell["delivered"]) == (3, 1)
    assert [row["provider"] for row in found["routes_by_operator"]] == ["sms-a", "sms-b", "wa"]


def test_failures_are_concentrated_as_by_hand(found: dict[str, Any]) -> None:
    """All two failed cascades are French, France has three of five: Lorenz' curve is 0 up to 0.4, then straight to 1."""
    by_cascade = found["concentration"]["cascades"]
    assert by_cascade["failures"] == 2
    assert by_cascade["top"] == [{"country": "FR", "failures": 2, "share": 1.0, "traffic": 0.6}]
    assert (by_cascade["top_share"], by_cascade["gini"]) == (1.0, pytest.approx(0.4))
    by_send = found["concentration"]["sends"]
    assert [(cell["country"], cell["failures"]) for cell in by_send["top"]] == [("FR", 3), ("DE", 1)]
    assert by_send["gini"] == pytest.approx(1 - 0.5 * 0.25 - 0.5 * 1.25)


def test_the_trend_as_by_hand(found: dict[str, Any]) -> None:
    trend = found["trend"]
    assert trend["seconds"] == 300.0
    first, *_, last = trend["buckets"]
    assert (first["start"], first["cascades"], first["completion_rate"]) == (START, 2, 1.0)
    assert (last["start"], last["cascades"], last["statuses"]) == (START + 3900, 1, {"refused": 1})
    by_hour = figures(RUN, START - 20 * 3600, START + 7200)["trend"]
    assert [(b["start"], b["completion_rate"]) for b in by_hour["buckets"]] == [(START, 1.0), (START + 3600, 1 / 3)]


def test_patterns_as_by_hand(found: dict[str, Any]) -> None:
    """START is eight in the morning: the two of that hour arrive, of the three of the next that count one."""
    patterns = found["patterns"]
    assert [(row["hour"], row["completion_rate"]) for row in patterns["hours"]] == [(8, 1.0), (9, 1 / 3)]
    assert [(row["burst"], row["cascades"]) for row in patterns["bursts"]] == [("none", 6)]
    (source,) = patterns["sources"]
    assert (source["source"], source["cascades"]) == ("acme/login", 6)
    assert {r["provider"]: (r["sends"], r["delivered"]) for r in source["routes"]} == {
        r["provider"]: (r["sends"], r["delivered"]) for r in found["routes"]
    }
    many = [row for n in range(MOST_SOURCES + 50) for row in cascade(str(n), START, "completed", [], ended=START)]
    for number, row in enumerate(many):
        row["use_case"] = f"u{number}"
    named = [row["source"] for row in figures(many, START, START + 60)["patterns"]["sources"]]
    assert len(named) == MOST_SOURCES + 1
    assert "(others)" in named


def test_what_somebody_did_not_want_says_nothing_of_routes() -> None:
    """The person said STOP: a send was intended and never handed over."""
    stopped = cascade(
        "7",
        START,
        "exhausted",
        [send(1, "wa", START, START + 0.1, "OPTED_OUT", 0.02, spent=False)],
        ended=START + 0.1,
        reason="OPTED_OUT",
    )
    found = figures([*RUN, *stopped], START, START + 7200)
    assert found["all"]["completion_rate"] == 3 / 5
    assert found["all"]["fallback_rate"] == 2 / 5
    assert found["all"]["reasons"]["OPTED_OUT"] == 1
    assert found["routes"] == figures(RUN, START, START + 7200)["routes"]


def test_nothing_has_figures_too() -> None:
    empty = figures([], START, START + 60)
    assert empty["all"]["completion_rate"] is None
    assert empty["all"]["seconds"] == {"p50": None, "p95": None, "p99": None}
    assert empty["concentration"]["cascades"] == {"failures": 0, "top": [], "top_share": None, "gini": None}


def test_figures_are_plain_data(found: dict[str, Any]) -> None:
    assert json.loads(json.dumps(found)) == found


@given(st.lists(st.floats(0, 1000), min_size=1))
def test_quantiles_are_values_that_were_seen_and_in_order(values: list[float]) -> None:
    found = quantiles(values)
    p50, p95, p99 = found["p50"], found["p95"], found["p99"]
    assert p50 is not None
    assert p95 is not None
    assert p99 is not None
    assert {p50, p95, p99} <= set(values)
    assert p50 <= p95 <= p99 <= max(values)
    assert sum(value <= p50 for value in values) * 2 >= len(values)


@given(
    st.dictionaries(
        st.sampled_from("ABCDEFGH"),
        st.tuples(st.integers(1, 50), st.integers(0, 50)).map(lambda c: (c[0] + c[1], c[1])),
    )
)
def test_concentration_is_between_none_and_all(cells: dict[str, tuple[int, int]]) -> None:
    found = concentration(cells)
    if found["failures"]:
        assert 0.0 <= found["gini"] < 1.0
        assert 0.0 < found["top_share"] <= 1.0
        doubled = {name: (tries * 2, bad * 2) for name, (tries, bad) in cells.items()}
        assert concentration(doubled)["gini"] == pytest.approx(found["gini"])


def test_equal_failure_everywhere_is_no_concentration() -> None:
    assert concentration({"A": (10, 1), "B": (100, 10), "C": (1000, 100)})["gini"] == pytest.approx(0.0)
