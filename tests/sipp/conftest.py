"""The matrix is run once, all chosen cases side by side; each test then looks at its own case."""

from __future__ import annotations

import pytest

from tests.sipp.matrix import Case
from tests.sipp.runner import Verdict, run_cases


@pytest.fixture(scope="session")
def verdicts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    """The verdict on every case that this session has chosen (-k and the like hold)."""
    chosen = [
        case
        for item in request.session.items
        if isinstance(item, pytest.Function) and "verdicts" in item.fixturenames
        for case in item.callspec.params.values()
        if isinstance(case, Case)
    ]
    return run_cases(chosen, tmp_path_factory.mktemp("matrix"))
