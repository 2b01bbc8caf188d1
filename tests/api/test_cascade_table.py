"""How the history of a cascade reads on a screen."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from controller.cascade_table import print_event


@pytest.mark.parametrize(
    ("reason", "said"),
    [("NO_TIME", "no time"), ("not-on-channel", "not on channel"), ("no daemon runs with --state-dir st", None)],
)
def test_codes_are_made_words_and_sentences_are_left_alone(reason: str, said: str | None) -> None:
    out = io.StringIO()
    event = {"seq": 1, "at": "2026-01-01T00:00:00.000Z", "event": "refused", "old": "", "new": "", "reason": reason}
    print_event({**event, "attempt": 1, "provider": "sms-1"}, event["at"], Console(file=out, width=200))
    assert (said or reason) in out.getvalue()
