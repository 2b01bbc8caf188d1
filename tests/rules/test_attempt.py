"""Attempts: what is due when, and plain data there and back."""

from __future__ import annotations

import json
from math import inf

import pytest

from controller.rules.attempt import Attempt, AttemptState, dump_attempt, load_attempt
from controller.types import Milestone


def make(**changes: object) -> Attempt:
    """An attempt begun at 0 with each deadline at another instant."""
    fields: dict[str, object] = {
        "id": 1, "stage": 0, "target": 0, "path": 0, "cursor": 0, "trial": 1, "stands_in_for": 0, "started": 0.0,
        "hedge_at": 0.25, "no_reply_at": 2.0, "no_progress_at": 8.0, "ring_at": 20.0,
    }  # fmt: skip
    return Attempt(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        ({}, 0.25),
        ({"hedge_at": inf}, 2.0),
        ({"doubted": True}, 2.0),
        ({"milestone": Milestone.ACCEPTED}, 8.0),
        ({"milestone": Milestone.ALERTING}, 20.0),
        ({"milestone": Milestone.ALERTING, "doubted": True}, 20.0),
        ({"ring_at": 0.1}, 0.1),
        ({"state": AttemptState.GIVEN_UP}, inf),
        ({"state": AttemptState.ENDED}, inf),
    ],
)
def test_what_is_due_follows_from_what_was_heard(changes: dict[str, object], due: float) -> None:
    assert make(**changes).deadline() == due


def test_hope_is_an_open_attempt_that_is_not_doubted() -> None:
    assert make().gives_hope
    assert make(milestone=Milestone.ALERTING).gives_hope
    assert not make(doubted=True).gives_hope
    assert not make(state=AttemptState.GIVEN_UP).gives_hope


@pytest.mark.parametrize("changes", [{}, {"hedge_at": inf}, {"milestone": Milestone.ALERTING, "cause": "486"}])
def test_plain_data_brings_the_same_attempt_back(changes: dict[str, object]) -> None:
    attempt = make(**changes)
    loaded = load_attempt(json.loads(json.dumps(dump_attempt(attempt))))
    assert loaded == attempt
    assert isinstance(loaded.milestone, Milestone)
    assert isinstance(loaded.state, AttemptState)
