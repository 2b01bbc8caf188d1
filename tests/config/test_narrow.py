"""Findings in a terminal of 80 columns: nothing is broken that a reader would copy, and carets point where they pointed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from controller.config import load, render

BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))
GUTTER = "      | "


def words(text: str) -> list[str]:
    """Of messages and hints, in their order."""
    lines = [line for line in text.splitlines() if not re.match(r" *\d+ \| ", line)]
    return " ".join(line.removeprefix(GUTTER).strip(" ^") for line in lines).split()


def pointed(text: str) -> list[str]:
    """What the carets of each finding stand under."""
    found, above = [], ""
    for line in text.splitlines():
        if place := re.match(r" {6}\| +(\^+)|      \| (\^+)", line):
            start, end = place.span(place.lastindex or 1)
            found.append(above[start:end].strip())
        above = line
    return found


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_findings_fit_and_say_the_same(path: Path) -> None:
    loaded = load(path)
    wide, narrow = render(loaded.diagnostics, loaded.sources), render(loaded.diagnostics, loaded.sources, 80)
    assert words(narrow) == words(wide)
    for line in narrow.splitlines():
        assert len(line) <= 80 or len(line.split()) <= 2 or not line.isascii(), line
    for before, after in zip(pointed(wide), pointed(narrow), strict=True):
        assert before.startswith(after)
        assert bool(after) == bool(before)
    assert render(loaded.diagnostics, loaded.sources, 1000) == wide


def test_a_long_line_shows_what_is_wrong_with_it(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(f"version: 1\nlisten: [{{udp: '127.0.0.1:0', name: {'n' * 60}, acess: trunks, phones: false}}]\n")
    loaded = load(file)
    text = render(loaded.diagnostics, loaded.sources, 60)
    assert "acess" in pointed(text)
