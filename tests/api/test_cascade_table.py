"""How the history of a cascade reads on a screen."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from rich.console import Console

from controller.cascade_table import print_cascade, print_event
from controller.terminal import print_hanging


@pytest.mark.parametrize(
    ("reason", "said"),
    [("NO_TIME", "no time"), ("not-on-channel", "not on channel"), ("no daemon runs with --state-dir st", None)],
)
def test_codes_are_made_words_and_sentences_are_left_alone(reason: str, said: str | None) -> None:
    out = io.StringIO()
    event = {"seq": 1, "at": "2026-01-01T00:00:00.000Z", "event": "refused", "old": "", "new": "", "reason": reason}
    print_event({**event, "attempt": 1, "provider": "sms-1"}, event["at"], Console(file=out, width=200))
    assert (said or reason) in out.getvalue()


def event(**more: Any) -> dict[str, Any]:
    plain = {"seq": 1, "at": "2026-01-01T00:00:00.000Z", "event": "withheld", "old": "", "new": "", "reason": ""}
    return {**plain, "attempt": 1, "provider": "sms-1", **more}


LONG = "NO_TIME: 12.5 s left of a window of three minutes, and whatsapp-1 takes 20.0 s at least as it has been seen"


def test_a_long_reason_goes_on_below_itself() -> None:
    out = io.StringIO()
    print_event(event(reason=LONG), "2026-01-01T00:00:00.000Z", Console(file=out, width=80, force_terminal=True))
    first, *rest = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in out.getvalue().splitlines()]
    column = first.index("NO_TIME")
    assert len(rest) > 1
    assert all(line[:column].isspace() and not line[column].isspace() for line in rest)
    assert " ".join([first[column:], *(line.strip() for line in rest)]) == LONG

    out = io.StringIO()
    print_event(event(reason=LONG), "2026-01-01T00:00:00.000Z", Console(file=out, width=80))
    assert out.getvalue().count("\n") == 1, "one line for whoever looks for words"


def test_a_line_without_a_head_begins_at_the_margin() -> None:
    out = io.StringIO()
    print_hanging(Console(file=out, width=20, force_terminal=True), "", "one two three four five six", 0)
    assert [line.rstrip() for line in out.getvalue().splitlines()] == ["one two three four", "five six"]


def test_names_of_policies_stay_as_they_are() -> None:
    out = io.StringIO()
    planned = event(event="planned", reason="DE-only", provider="")
    print_event(planned, planned["at"], Console(file=out, width=80))
    assert out.getvalue().endswith("DE-only\n")


@pytest.mark.parametrize(
    ("status", "winner", "ended"),
    [("active", 0, "under way"), ("cancelled", 0, "not awaited"), ("completed", 1, "enough")],
)
def test_nothing_is_under_way_in_a_cascade_that_is_over(status: str, winner: int, ended: str) -> None:
    """An attempt whose report has not come stays open for late ones, and nobody waits for it."""
    at = "2026-01-01T00:00:00.000Z"
    send = {"attempt": 1, "step": 1, "channel": "sms", "provider": "sms-1", "phase": "waiting", "milestone": "accepted"}
    send |= {"started": at, "ended": None, "outcome": "", "ref": "", "cost": 0.01}
    row = {
        "id": "c1",
        "status": status,
        "reason": "",
        "step": 1,
        "steps": 2,
        "created": at,
        "cascade": "otp",
        "cost": 0.01,
    }
    row |= {"class": "standard", "use_case": "", "country": "US", "winner": winner, "verified": False, "late": False}
    row |= {"ended": None if status == "active" else at, "attempts": [send]}
    out = io.StringIO()
    print_cascade({"cascade": row, "plan": [], "skipped": []}, Console(file=out, width=80))
    assert out.getvalue().splitlines()[4].split("accepted", 1)[1].split("  ")[-2].strip() == ended
