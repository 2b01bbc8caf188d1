from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.health.outcomes import MESSAGE, SIP, OutcomeClass, classify, confirm, within
from controller.rules.verdicts import DEFAULTS


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("180", "success"),
        ("183", "success"),
        ("200", "success"),
        ("100", None),
        ("302", "destination"),
        ("401", "ours"),
        ("403", None),
        ("404", "destination"),
        ("408", "failure"),
        ("480", "destination"),
        ("482", None),
        ("484", "destination"),
        ("486", "destination"),
        ("487", None),
        ("488", None),
        ("500", "failure"),
        ("503", "failure"),
        ("504", "failure"),
        ("600", "destination"),
        ("603", "destination"),
        ("NO_REPLY", "failure"),
        ("NO_PROGRESS", "failure"),
        ("NO_ANSWER", "success"),
        ("TRANSPORT_ERROR", "failure"),
        ("COMPLETED_ELSEWHERE", None),
        ("something new", None),
    ],
)
def test_sip_codes_have_their_class(code: str, kind: str | None) -> None:
    assert classify(SIP, code) == kind


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("delivered", "success"),
        ("undelivered", "failure"),
        ("expired", "failure"),
        ("502", "failure"),
        ("429", "capacity"),
        ("ESME_RTHROTTLED", "capacity"),
        ("unknown-subscriber", "destination"),
        ("not-on-channel", "destination"),
        ("bad-template", "ours"),
        ("400", "ours"),
        ("accepted", None),
        ("202", None),
        ("", None),
    ],
)
def test_reports_about_messages_have_their_class(code: str, kind: str | None) -> None:
    assert classify(MESSAGE, code) == kind


def test_a_failure_that_says_when_to_come_back_is_a_matter_of_capacity() -> None:
    assert classify(SIP, "503", retry_after=30.0) is OutcomeClass.CAPACITY
    assert classify(SIP, "486", retry_after=30.0) is OutcomeClass.DESTINATION


def test_every_cause_with_a_verdict_has_a_class() -> None:
    assert set(DEFAULTS) - {"401", "403", "407"} <= set(SIP)


def test_a_success_beyond_its_budget_is_a_failure() -> None:
    assert within(OutcomeClass.SUCCESS, 7.9, 8.0) is OutcomeClass.SUCCESS
    assert within(OutcomeClass.SUCCESS, 8.1, 8.0) is OutcomeClass.FAILURE
    assert within(OutcomeClass.DESTINATION, 99.0, 8.0) is OutcomeClass.DESTINATION
    assert within(None, 99.0, 8.0) is None


def test_short_and_unanswered_successes_did_not_hold() -> None:
    assert [confirm(t) for t in (0.0, 3.0, 6.0, 60.0)] == ["unconfirmed", "unconfirmed", "confirmed", "confirmed"]


@given(st.text(max_size=8), st.floats(allow_nan=True, allow_infinity=True))
def test_no_code_is_too_odd(code: str, retry_after: float) -> None:
    for table in (SIP, MESSAGE):
        kind = classify(table, code, retry_after)
        assert kind is None or kind in OutcomeClass
