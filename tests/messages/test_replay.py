"""A history plays again, and what was tampered with does not."""

from __future__ import annotations

from dataclasses import replace

from controller.messages.replay import replay
from controller.types.cascades import Audit, Circumstances
from tests.messages.playbook import Case


def lived() -> tuple[Case, list[Audit]]:
    """A cascade with two failures, and circumstances that mattered."""
    case = Case("sms/a,b,c", "email/mail").begin().accepted(1)
    case.circumstances = Circumstances(avoid={"b": "quarantined"})
    case.at(20.0).due().accepted(2).failed(2)
    case.circumstances = Circumstances()
    case.at(60.0).due().delivered(1)
    return case, [audit for _, reduced in case.history for audit in reduced.audit]


def test_a_history_replays_to_the_same_route() -> None:
    case, history = lived()
    result = replay(case.cascade, history)
    assert not result.differs
    assert [step.commands for step in result.steps] == [reduced.commands for _, reduced in case.history]
    assert result.cascade.dump() == case.cascade.dump()
    assert [send.provider for send in result.cascade.sends] == ["a", "c", "b", "mail"]


def test_rows_of_the_planner_are_passed_over() -> None:
    case, history = lived()
    assert not replay(case.cascade, [Audit("planned", "", "", decision={"order": ["a"]}), *history]).differs


def test_other_circumstances_would_have_led_elsewhere() -> None:
    case, history = lived()
    moved = next(audit for audit in history if audit.event == "timed_out")
    del moved.decision["avoid"]
    assert replay(case.cascade, history).differs == "sending of attempt 2 via c does not come out"


def test_a_row_that_is_missing_is_noticed() -> None:
    case, history = lived()
    gone = next(i for i, audit in enumerate(history) if audit.event == "sending" and audit.provider == "c")
    assert replay(case.cascade, history[:gone] + history[gone + 1 :]).differs


def test_a_row_that_says_something_else_is_noticed() -> None:
    case, history = lived()
    gone = next(i for i, audit in enumerate(history) if audit.event == "sending" and audit.provider == "c")
    history[gone] = replace(history[gone], provider="b")
    assert replay(case.cascade, history).differs == "sending of attempt 2 via b does not come out"
