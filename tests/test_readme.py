"""The README's first ten minutes: its commands print what it says. `python -m bench.newcomer` does the same in a fresh clone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.newcomer import README, ROOT, Shell, Step, missing, read_steps

LONG = "make run"  # tests/test_demo.py tells that story; what the README shows of it is looked at there


def test_what_the_readme_shows_is_what_is_printed(tmp_path: Path) -> None:
    steps = read_steps(README.read_text(encoding="utf-8"))
    assert len(steps) > 5
    shutil.copytree(ROOT / "dialplans", tmp_path / "dialplans")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    shell = Shell(tmp_path, os.environ)
    for step in steps:
        if not step.command.startswith(LONG):
            printed = "".join(shell.run(step.command))
            assert not missing(step, printed), f"{step.command}\n{printed}"


def test_a_line_that_is_not_printed_is_seen() -> None:
    text = "# x\n\n## The first ten minutes\n\n```console\n$ a b\nin 12 s:  all\nelse\n$ c\n```\n\n## More\n\n```console\n$ d\n```\n"
    assert read_steps(text) == [Step("a b", ["in 12 s:  all", "else"]), Step("c")]
    first = read_steps(text)[0]
    assert missing(first, "in 7.5 s: all\nand\nelse\n") == []
    assert missing(first, "else\nin 7 s: all\n") == ["else"]
    assert missing(first, "in 7 s: most\nelse\n") == ["in 12 s:  all"]


@pytest.mark.long
def test_a_newcomer_hears_the_first_call_fail_over_within_two_minutes_of_the_clone() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("no git here: there is nothing to clone")
    ran = subprocess.run(
        [sys.executable, "-m", "bench.newcomer"], cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
