"""Small commands are there at once: what they import is counted here, how long it takes is measured by `bench.startup`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "aiohttp",
    "cryptography",
    "fastapi",
    "holidays",
    "phonenumbers",
    "pydantic",
    "rich",
    "textual",
    "uvicorn",
    "yaml",
}
MOST = 300  # modules; 225 today, where pydantic alone is another 100
PROGRAM = """
import sys
from controller.cli import main
sys.argv = ["callward", *sys.argv[1:]]
try:
    main()
finally:
    sys.stderr.write(" ".join(sys.modules))
"""


def modules_of(*words: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stderr.splitlines()[-1].split()


def heavy_of(modules: list[str]) -> set[str]:
    """Which packages of these are among them."""
    return HEAVY & {module.partition(".")[0] for module in modules}


@pytest.mark.parametrize(
    "words",
    [
        ("--version",),
        ("--help",),
        ("check", "--help"),
        ("chek",),
        ("status", "--state-dir"),
        ("drain", "pbx", "--state-dir"),
    ],
)
def test_small_commands_import_nothing_heavy(words: tuple[str, ...], tmp_path: Path) -> None:
    modules = modules_of(*words, *([str(tmp_path)] if "--state-dir" in words else []))
    assert "typer" in modules
    assert heavy_of(modules) == set()
    assert len(modules) <= MOST
