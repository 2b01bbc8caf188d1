from __future__ import annotations

import json
from math import inf
from pathlib import Path

import pytest

from controller.callbook import FILE, load_calls, write_calls
from controller.rules.up import Up

ROWS = {
    "a@caller\ntag": Up("carrier-a", 5.0, ("did +15557000", "out carrier-a"), 7.0, 97.0),
    "b@caller\ntag": Up("hq/192.0.2.1:5060", 6.0, ("out hq",), 6.0),
}


def test_what_was_written_is_read_by_the_clock_of_the_next_life(tmp_path: Path) -> None:
    write_calls(tmp_path, ROWS, wall=1_000_000.0)
    found = load_calls(tmp_path, wall=1_000_004.0)
    assert found["a@caller\ntag"] == Up("carrier-a", 1.0, ("did +15557000", "out carrier-a"), 3.0, 93.0)
    assert found["b@caller\ntag"].session == inf
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600, "it names numbers"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", '{"format": 0, "calls": []}', '{"format": 1}', '{"format": 1, "calls": [[1]]}', "\udcff"],
)
def test_a_file_that_is_spoilt_costs_the_counts_and_nothing_else(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert load_calls(tmp_path, 0.0) == {}


def test_there_may_be_no_file_and_no_folder(tmp_path: Path) -> None:
    assert load_calls(tmp_path, 0.0) == {}
    write_calls(tmp_path / "nowhere", ROWS, 0.0)
    assert not (tmp_path / "nowhere").exists()


def test_it_is_json_for_whoever_looks(tmp_path: Path) -> None:
    write_calls(tmp_path, ROWS, 0.0)
    data = json.loads((tmp_path / FILE).read_text())
    assert [row[1] for row in data["calls"]] == ["carrier-a", "hq/192.0.2.1:5060"]
