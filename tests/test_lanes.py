from __future__ import annotations

from pathlib import Path

import pytest

from tests import lanes
from tests.ports import own_share

TESTS = Path(__file__).parent


def test_what_lanes_name_is_there() -> None:
    """A folder or a file with another name would quietly go elsewhere."""
    for name in (*lanes.INSIDE, *lanes.LOAD, *lanes.TOGETHER, *lanes.LONG):
        assert (TESTS / name).exists(), name


def test_strands() -> None:
    asked = (
        "tests/test_app.py::test_one[a/b::c]",
        "tests/sipp/test_killed.py::test_one",
        "tests/sip/test_uri.py::TestX::test_one",
        "tests/store/test_store.py::test_one",
        "tests/kills/test_kills.py::test_one",
        "tests/rules/test_run.py::test_one",
        "tests/test_explain.py::test_one",
        "tests/store/test_kills.py::test_one",
        "tests/broker/test_calls.py::test_one",
    )
    begun = [name for _, _, name in sorted(map(lanes.strand_of, asked))]
    assert begun == [
        "inside",
        "inside",
        "inside",
        "load",
        "load",
        "broker/test_calls.py",
        "store",
        "store",
        "test_app.py",
    ]


def test_no_port_belongs_to_two_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.delenv("PYTEST_XDIST_WORKER_COUNT", raising=False)
    assert own_share(100, 199) == (100, 199)
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "3")
    shares = []
    for lane in ("gw0", "gw1", "gw2"):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", lane)
        shares.append(own_share(100, 199))
    assert shares == [(100, 132), (133, 165), (166, 198)]
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw3")  # in place of one that crashed
    assert own_share(100, 199) == shares[0]
