"""`callward import`: where the dialplan goes, what is said beside it, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from controller.cli import cli
from controller.config import load
from controller.exits import FINDINGS, OK, UNREACHABLE, USAGE

SAMPLES = Path(__file__).parent / "samples"
XML, SQL = SAMPLES / "acme-freeswitch.xml", SAMPLES / "acme-freepbx.sql"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["import", *map(str, arguments)])


@pytest.mark.parametrize(("system", "path"), [("freeswitch", XML), ("freepbx", SQL)])
def test_dialplan_and_what_is_not_in_it(system: str, path: Path) -> None:
    done = run(system, path)
    assert done.exit_code == OK
    assert done.stdout.startswith(f"# Made by: callward import {system} {path.name}\n")
    said = [line.partition(": ")[2] for line in path.with_suffix(".expected.notes").read_text().splitlines()]
    lines = done.stderr.splitlines()
    assert [line.partition(": ")[2] for line in lines[:-1]] == said
    assert all(line.startswith(f"{path}:") for line in lines[:-1])
    assert lines[-1].endswith(f"; {len(said)} notes about what was not taken over")


def test_written_to_a_file_and_never_over_one(tmp_path: Path) -> None:
    path = tmp_path / "acme.yaml"
    done = run("freeswitch", XML, "-o", path)
    assert (done.exit_code, done.stdout) == (OK, "")
    assert done.stderr.endswith(f"look for TODO in {path}, then: callward check {path}\n")
    assert load(path).dialplan is not None
    before = path.read_bytes()
    again = run("freepbx", SQL, "-o", path)
    assert (again.exit_code, again.stderr) == (USAGE, f"{path}: is there already; name another file\n")
    assert path.read_bytes() == before
    (tmp_path / "dangling").symlink_to(tmp_path / "elsewhere.yaml")
    assert run("freepbx", SQL, "-o", tmp_path / "dangling").exit_code == USAGE
    assert not (tmp_path / "elsewhere.yaml").exists()
    nowhere = run("freepbx", SQL, "-o", tmp_path / "missing" / "acme.yaml")
    assert (nowhere.exit_code, nowhere.stdout) == (UNREACHABLE, "")


def test_json() -> None:
    document = json.loads(run("freepbx", SQL, "--json").stdout)
    assert set(document) == {"dialplan", "notes", "findings"}
    assert document["dialplan"].startswith("# Made by")
    assert {"file", "line", "text"} == set(document["notes"][0])
    assert "PLAIN_SECRET" in {found["code"] for found in document["findings"]}
    assert not [found for found in document["findings"] if found["severity"] == "error"]


def test_files_that_are_missing_broken_or_empty_of_calls(tmp_path: Path) -> None:
    assert run("freeswitch", tmp_path / "nobody.xml").exit_code == USAGE
    broken = tmp_path / "broken.xml"
    broken.write_text("<context>\n<extension>\n</context>")
    done = run("freeswitch", broken)
    assert (done.exit_code, done.stdout) == (FINDINGS, "")
    assert done.stderr.startswith(f"{broken}:3: not XML: mismatched tag; ")
    empty = tmp_path / "empty.xml"
    empty.write_text(
        '<extension name="menu"><condition field="destination_number" expression="^1$"><action application="ivr"/></condition></extension>'
    )
    done = run("freeswitch", empty)
    assert done.exit_code == FINDINGS
    assert done.stderr.splitlines() == [
        f"{empty}:1: extension 'menu' calls nobody (ivr): not taken over",
        "nothing could be taken over: there is no number for which somebody is called",
    ]
