"""`callward calls` and `callward ladder` where no daemon runs: what they show, and what they say when they cannot."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from controller.cli import cli
from controller.records.rows import Batch
from controller.records.store import FILE, Store
from tests.records.made import call, wire


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, [*words, "--state-dir", str(folder)], env={"COLUMNS": "120"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with closing(Store(tmp_path / FILE)) as store:
        store.write(Batch([call(1), call(2, status=486, winner=None, cause="EXHAUSTED", attempts=[])], [wire(1)], []))
    return tmp_path


def test_what_is_kept_is_shown_without_a_daemon(folder: Path) -> None:
    assert [row["id"] for row in json.loads(run(folder, "calls", "--json").output)["calls"]] == [2, 1]
    listed = run(folder, "calls", "--limit", "1")
    assert "nobody was left to try" in listed.output
    assert "older ones: --before 2" in listed.output
    assert "+15550001" not in listed.output
    assert "+15550001" in run(folder, "calls", "--numbers").output
    drawn = run(folder, "ladder", "2")
    assert "no SIP messages of it are kept" in drawn.output
    assert drawn.exit_code == 0
    assert "INVITE" in run(folder, "ladder", "call-1@host").output


def test_a_number_is_erased(folder: Path) -> None:
    assert run(folder, "calls", "--erase", "+15550001").output == "erased; 2 calls knew the number\n"
    assert run(folder, "calls").output == "no calls\n"


def test_what_is_erased_is_a_number_however_it_is_written(folder: Path) -> None:
    """A plus alone would be all whose caller is not known."""
    done = run(folder, "calls", "--erase", "+")
    assert (done.exit_code, "'+' is no number" in done.output) == (2, True)
    (folder / f"{FILE}.unreadable").touch()
    done = run(folder, "calls", "--erase", "+1 (555) 000-1")
    assert "put aside before, and nothing in it is erased: delete it" in done.output
    assert "erased; 2 calls knew the number" in done.output


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("calls", "1"), 2, "CALL goes with --pcap FILE; to look at one call: callward ladder CALL"),
        (("calls", "--pcap", "x.pcap"), 2, "CALL goes with --pcap FILE"),
        (("calls", "--status", "9xx"), 2, "--status: '9xx' is none; write 486, or 5xx"),
        (("calls", "--since", "5"), 2, "--since: duration needs a unit"),
        (("calls", "--live"), 3, "no daemon runs with --state-dir"),
        (("calls", "--pcap", "/nowhere/x.pcap", "1"), 3, "/nowhere/x.pcap: No such file or directory"),
        (("calls", "--pcap", "x.pcap", "2"), 1, "no SIP messages of that call are kept"),
        (("calls", "--pcap", "x.pcap", "nobody"), 1, "no call 'nobody' is kept; callward calls lists those that are"),
        (("ladder", "nobody"), 1, "no call 'nobody' is kept"),
    ],
)
def test_what_is_wrong_has_its_words_and_its_exit_code(
    folder: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    done = run(folder, *words)
    assert (done.exit_code, said in done.output) == (code, True), done.output


def test_where_nothing_is_kept_that_is_said(tmp_path: Path) -> None:
    for words in (("calls",), ("ladder", "1"), ("calls", "--erase", "+1999")):
        done = run(tmp_path, *words)
        assert (done.exit_code, "nothing is kept there" in done.output) == (3, True), done.output
