"""Each message that a test of this folder gives to a fresh stand is judged over TCP as well, in every shape, behind
the edge, and over trunks that ask for credentials."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.torture.credentials import compare_with_credentials
from tests.torture.dressed import compare_dressed
from tests.torture.stand import Stand, compare_behind_edge
from tests.torture.streams import compare


@pytest.fixture(autouse=True)
def over_tcp_behind_the_edge_and_with_credentials() -> Iterator[None]:
    """Compares the verdicts when the test has had its own."""
    Stand.seen.clear()
    yield
    for data, verdict in Stand.seen:
        compare(data, verdict)
        compare_behind_edge(data, verdict)
        compare_dressed(data, verdict)
        compare_with_credentials(data, verdict)
