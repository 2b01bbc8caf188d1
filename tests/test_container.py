"""The image cannot be built where there is no engine; what its file names must exist all the same."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from typer.testing import CliRunner

from controller.cli import cli

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docker" / "Dockerfile").read_text().replace("\\\n", " ")


def steps(word: str) -> list[str]:
    return re.findall(rf"^\s*{word}\s+(.+)$", TEXT, flags=re.MULTILINE)


def test_all_that_is_copied_is_there() -> None:
    for step in steps("COPY"):
        *sources, _ = step.split()
        assert all((ROOT / source).exists() for source in sources), step


def test_it_runs_as_a_user_of_its_own() -> None:
    (user,) = steps("USER")
    assert user != "root"
    assert any(f" {user}" in step for step in steps("RUN") if step.startswith("useradd"))
    after = TEXT[TEXT.index(f"USER {user}") :]
    assert not re.search(r"^RUN", after, flags=re.MULTILINE), "nothing is built as that user"


def test_its_pythons_are_those_that_the_project_names() -> None:
    (default,) = re.findall(r"^ARG PYTHON=(.+)$", TEXT, flags=re.MULTILINE)
    project = (ROOT / "pyproject.toml").read_text()
    for version in (default, "3.13"):
        assert f"Programming Language :: Python :: {version}" in project


def test_the_commands_of_start_and_health_are_commands_of_ours() -> None:
    (health,) = re.findall(r"CMD (callward .+?) >/dev/null", TEXT)
    (start,) = re.findall(r"^CMD \[(.+)\]$", TEXT, flags=re.MULTILINE)
    for words in (shlex.split(health)[1:], [word.strip('", ') for word in start.split(",")]):
        told = CliRunner().invoke(cli, [words[0], "--help"])
        assert told.exit_code == 0
        assert all(word in told.output for word in words if word.startswith("--")), words


def test_health_is_read_from_the_folder_that_the_daemon_uses() -> None:
    assert len(set(re.findall(r"--state-dir[\", ]+(/[\w/]+)", TEXT))) == 1
