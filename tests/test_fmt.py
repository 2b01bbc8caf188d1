"""`callward fmt`: what is written, what is only shown, and what is left alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from controller.cli import cli
from controller.config.layout import files
from controller.exits import FINDINGS, OK, USAGE

ROOT = Path(__file__).resolve().parent.parent
GOOD = (ROOT / "dialplans" / "two-offices.yaml").read_text()
MESSY = GOOD.replace("  hq-pbx:     {uri", "  hq-pbx: {   uri").replace('did: "+15557000"', "did: +15557000")


def fmt(*arguments: str | Path, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(cli, ["fmt", *map(str, arguments)], input=stdin)


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    path = tmp_path / "acme.yaml"
    path.write_text(MESSY)
    return path


def test_a_file_is_formatted_and_then_left_alone(messy: Path) -> None:
    done = fmt(messy)
    assert (done.exit_code, done.output) == (OK, f"{messy}: formatted\n")
    assert messy.read_text() == GOOD
    before = messy.stat()
    again = fmt(messy)
    assert (again.exit_code, again.output) == (OK, "")
    assert messy.stat() == before or messy.stat().st_mtime_ns == before.st_mtime_ns


def test_check_writes_nothing_and_counts(messy: Path) -> None:
    done = fmt("--check", messy)
    assert (done.exit_code, done.output) == (FINDINGS, f"{messy}: would be formatted\n")
    assert messy.read_text() == MESSY
    messy.write_text(GOOD)
    assert fmt("--check", messy).exit_code == OK


def test_diff_shows_and_writes_nothing(messy: Path) -> None:
    done = fmt("--diff", messy)
    assert done.exit_code == OK
    assert '-  - {did: +15557000, chain: sales}\n+  - {did: "+15557000", chain: sales}\n' in done.output
    assert messy.read_text() == MESSY
    assert fmt("--diff", "--check", messy).exit_code == FINDINGS


def test_json_says_what_was_done_of_each_file(messy: Path) -> None:
    broken = messy.with_name("broken.yaml")
    broken.write_text("trunks: {\n")
    done = fmt("--json", messy, broken)
    assert done.exit_code == FINDINGS
    first, second = json.loads(done.output)
    assert (first["file"], first["changed"], first["written"], first["findings"]) == (str(messy), True, True, [])
    assert first["diff"].startswith(f"--- {messy}\n")
    assert (second["changed"], second["written"]) == (False, False)
    assert second["findings"][0]["code"] == "YAML_SYNTAX"
    assert broken.read_text() == "trunks: {\n"


def test_a_folder_stands_for_its_files(messy: Path) -> None:
    (messy.parent / "notes.txt").write_text("a:   1")
    (messy.parent / "part.yml").write_text("sites:\n    hq: {pbx: [a]}\n")
    done = fmt(messy.parent)
    assert done.output.splitlines() == [f"{messy}: formatted", f"{messy.parent / 'part.yml'}: formatted"]
    assert (messy.parent / "part.yml").read_text() == "sites:\n  hq: {pbx: [a]}\n"
    assert (messy.parent / "notes.txt").read_text() == "a:   1"
    empty = messy.parent / "empty"
    empty.mkdir()
    assert fmt(empty).exit_code == USAGE


def test_the_dialplans_of_the_project_are_formatted() -> None:
    assert fmt("--check", ROOT / "dialplans").output == ""


def test_standard_input_goes_to_standard_output() -> None:
    done = fmt("-", stdin=MESSY)
    assert (done.exit_code, done.output) == (OK, GOOD)
    assert fmt("--check", "-", stdin=GOOD).exit_code == OK
    assert fmt("--check", "-", stdin=MESSY).exit_code == FINDINGS
    wrong = fmt("-", stdin=b"\xff")
    assert wrong.exit_code == FINDINGS
    assert "<stdin>:1:1: byte 0xff is not UTF-8" in wrong.output


def test_a_file_that_is_not_there_is_wrong_usage_and_nothing_is_written(messy: Path) -> None:
    done = fmt(messy, messy.with_name("nobody.yaml"))
    assert done.exit_code == USAGE
    assert "nobody.yaml: no such file or directory; check the path" in done.output
    assert messy.read_text() == MESSY


def test_mode_and_link_stay(messy: Path) -> None:
    messy.chmod(0o640)
    link = messy.with_name("link.yaml")
    link.symlink_to(messy)
    assert fmt(link).exit_code == OK
    assert link.is_symlink()
    assert messy.stat().st_mode & 0o777 == 0o640
    assert messy.read_text() == GOOD
    assert sorted(each.name for each in messy.parent.iterdir()) == ["acme.yaml", "link.yaml"]


def test_a_file_that_changed_meanwhile_is_left_alone(messy: Path) -> None:
    read = files.format_file(messy)
    messy.write_text(MESSY + "# somebody else was here\n")
    files.replace_file(messy, read)
    assert [found.message for found in read.findings] == ["the file has changed meanwhile"]
    assert messy.read_text().endswith("# somebody else was here\n")


def test_a_disk_that_refuses_costs_nothing(messy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    done = fmt(messy)
    assert done.exit_code == FINDINGS
    assert "cannot write the file: no space left on device" in done.output
    assert messy.read_text() == MESSY
    assert [each.name for each in messy.parent.iterdir()] == ["acme.yaml"]


def test_windows_line_ends_and_a_byte_order_mark_go(messy: Path) -> None:
    messy.write_bytes(("\ufeff" + MESSY.replace("\n", "\r\n")).encode())
    assert fmt(messy).exit_code == OK
    assert messy.read_bytes() == GOOD.encode()
