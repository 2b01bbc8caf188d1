"""The repository itself: what may lie where, what the lock files promise, which version this is."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

import controller

ROOT = Path(__file__).resolve().parent.parent
TOP_LEVEL = {
    *("pyproject.toml", "README.md", "controller", "sip", "dialplans", "tests", "sipp-scenarios", "docker"),
    *("ARCHITECTURE.md", "CHANGELOG.md", "LICENSE", "Makefile", "NOTICE", "bench", "docs"),
    *("requirements.lock", "requirements-dev.lock"),
}
LOCKS = [ROOT / "requirements.lock", ROOT / "requirements-dev.lock"]
SOURCES = sorted(path for package in ("controller", "sip") for path in (ROOT / package).rglob("*.py"))


def read_lock(lock: Path) -> dict[str, tuple[str, list[str]]]:
    """The lock's requirements: name -> (the requirement as written, its hashes)."""
    entries: dict[str, tuple[str, list[str]]] = {}
    hashes: list[str] = []
    for line in lock.read_text().splitlines():
        text = line.strip().removesuffix("\\").rstrip()
        if not text or text.startswith("#"):
            continue
        if line.startswith(" "):
            hashes.append(text)
        else:
            hashes = []
            entries[re.split(r"[=<>~!@ ]", text)[0].lower()] = (text, hashes)
    return entries


def tracked_files() -> list[str]:
    """What git has of this tree."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("no git here: what belongs to the project cannot be told from what was built")
    listing = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [name for name in listing.stdout.split("\0") if name]


def test_top_level_holds_only_what_belongs_there() -> None:
    top = {name.split("/")[0] for name in tracked_files()}
    strangers = {name for name in top - TOP_LEVEL if not name.startswith(".")}
    assert not strangers, f"not at the top level, please: {sorted(strangers)}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_source_file_says_what_it_owns(source: Path) -> None:
    assert ast.get_docstring(ast.parse(source.read_text())), f"{source.relative_to(ROOT)}: a docstring on top, please"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_lock_pins_and_hashes_every_requirement(lock: Path) -> None:
    entries = read_lock(lock)
    assert len(entries) > 10
    for requirement, hashes in entries.values():
        assert re.match(r"[a-z0-9._-]+==[0-9][^ ;]*( ; .+)?$", requirement), requirement
        assert hashes, f"{requirement}: no hash"
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes), requirement


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_lock_names_no_place_to_download_from(lock: Path) -> None:
    text = lock.read_text()
    for place in ("://", "--index", "--extra-index", "--find-links", "--trusted-host", " @ ", "file:", "/"):
        assert place not in text, f"{lock.name}: {place!r} names a place"


def test_everything_that_is_needed_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    runtime, dev = (read_lock(lock) for lock in LOCKS)
    for lock, needs in (
        (runtime, project["project"]["dependencies"] + groups["build"]),
        (dev, project["project"]["dependencies"] + groups["build"] + groups["dev"] + groups["peers"]),
    ):
        names = {re.split(r"[<>=!~;\[ ]", need)[0].lower() for need in needs}
        assert names <= lock.keys(), f"not locked, say make lock: {sorted(names - lock.keys())}"


def test_both_locks_agree() -> None:
    runtime, dev = (read_lock(lock) for lock in LOCKS)
    for name, (requirement, _) in runtime.items():
        assert dev[name][0].split(" ;")[0] == requirement.split(" ;")[0]


def test_version_is_the_newest_of_the_changelog() -> None:
    changelog = ROOT / "CHANGELOG.md"
    if not changelog.exists():
        pytest.skip("CHANGELOG.md is not written yet")
    versions = re.findall(r"^## \[?v?(\d+\.\d+\.\d+[^\] ]*)", changelog.read_text(), flags=re.MULTILINE)
    assert versions, "CHANGELOG.md: no heading like '## 0.1.0 - 2026-01-31'"
    assert versions[0] == controller.__version__


def test_packages_are_marked_as_typed() -> None:
    for package in ("controller", "sip"):
        assert (ROOT / package / "py.typed").exists()
