"""Every case of sipp-scenarios/matrix.yaml: the real daemon between real SIP messages."""

from __future__ import annotations

import pytest

from tests.sipp.matrix import Case, read_cases
from tests.sipp.runner import Verdict

pytestmark = pytest.mark.sipp


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.name)
def test_case(case: Case, verdicts: dict[str, Verdict]) -> None:
    verdict = verdicts[case.name]
    if verdict.problems:
        pytest.fail(f"{case.name}: {case.why}\n{verdict.report}", pytrace=False)
