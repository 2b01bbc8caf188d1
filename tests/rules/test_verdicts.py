from __future__ import annotations

import pytest

from controller.rules.verdicts import DEFAULTS, judge
from controller.types import NO_ANSWER, NO_PROGRESS, NO_REPLY, TRANSPORT_ERROR, TRUNK_DOWN, Verdict


@pytest.mark.parametrize(
    "cause",
    [NO_REPLY, NO_PROGRESS, TRANSPORT_ERROR, TRUNK_DOWN, "401", "403", "407", "408", "500", "502", "503", "504"],
)
def test_a_broken_way_leads_to_the_next_path(cause: str) -> None:
    assert judge(cause, {}) is Verdict.NEXT_PATH


@pytest.mark.parametrize(
    "cause", [NO_ANSWER, "302", "404", "410", "480", "482", "486", "487", "600", "603", "604", "606"]
)
def test_a_refusal_leads_to_the_next_target(cause: str) -> None:
    assert judge(cause, {}) is Verdict.NEXT_TARGET


@pytest.mark.parametrize("cause", ["400", "413", "415", "416", "420", "484", "488", "493"])
def test_what_the_caller_must_mend_stops_the_hunt(cause: str) -> None:
    assert judge(cause, {}) is Verdict.STOP


@pytest.mark.parametrize("cause", ["SOMETHING_NEW", "", "799", "5"])
def test_an_unknown_cause_tries_the_next_path(cause: str) -> None:
    assert judge(cause, {}) is Verdict.NEXT_PATH


def test_the_dialplan_has_the_last_word() -> None:
    overrides = {"603": Verdict.STOP, NO_ANSWER: Verdict.NEXT_PATH, "488": Verdict.NEXT_PATH, "SOMETHING": Verdict.STOP}
    for cause, verdict in overrides.items():
        assert judge(cause, overrides) is verdict
    assert judge("486", overrides) is Verdict.NEXT_TARGET


def test_no_default_repeats_its_class() -> None:
    """A row that says what the class says anyway would only suggest a difference."""
    for cause, verdict in DEFAULTS.items():
        if cause.isdigit():
            assert judge(cause[0] + "99", {}) is not verdict, cause
