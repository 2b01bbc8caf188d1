"""The table of causes of messages, and its classes."""

from __future__ import annotations

import pytest

from controller.health.outcomes import MESSAGE, OutcomeClass, classify
from controller.messages.verdicts import DEFAULTS, table
from controller.rules.verdicts import judge
from controller.types import Verdict


@pytest.mark.parametrize(
    ("cause", "verdict"),
    [
        ("unknown-subscriber", Verdict.NEXT_TARGET),
        ("603", Verdict.NEXT_TARGET),
        ("400", Verdict.NEXT_PATH),  # what one provider cannot read, another one may
        ("401", Verdict.NEXT_PATH),
        ("404", Verdict.NEXT_TARGET),
        ("500", Verdict.NEXT_PATH),
        ("ESME_RTHROTTLED", Verdict.NEXT_PATH),
        ("NO_ANSWER", Verdict.NEXT_PATH),
        ("FRAUD", Verdict.STOP),
        ("SOMETHING_NEW", Verdict.NEXT_PATH),
    ],
)
def test_what_causes_mean(cause: str, verdict: Verdict) -> None:
    assert judge(cause, table({})) is verdict


def test_a_cascade_has_the_last_word_also_on_classes() -> None:
    causes = table({"5xx": Verdict.STOP, "503": Verdict.NEXT_TARGET})
    assert judge("503", causes) is Verdict.NEXT_TARGET
    assert judge("500", causes) is Verdict.STOP
    assert judge("486", causes) is Verdict.NEXT_TARGET


def test_whoever_is_not_there_is_no_evidence_against_the_provider() -> None:
    """What leads to the next step because of the person must not count against a provider, and the other way round."""
    for cause, verdict in DEFAULTS.items():
        if verdict is Verdict.NEXT_TARGET:
            assert classify(MESSAGE, cause) is not OutcomeClass.FAILURE, cause
