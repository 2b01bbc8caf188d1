"""Every code of a warning has a line in the table and a section in docs/lint.md, and is used."""

import re
from pathlib import Path

from controller.config.lint.codes import WARNINGS

ROOT = Path(__file__).parents[2]
SECTIONS = re.findall(
    r"^### ([A-Z_]+)\n\n(.+?)(?=\n#|\Z)", (ROOT / "docs" / "lint.md").read_text(), re.DOTALL | re.MULTILINE
)


def test_every_code_has_its_section_and_every_section_its_code() -> None:
    names = [name for name, _ in SECTIONS]
    assert sorted(names) == sorted(WARNINGS)
    assert len(names) == len(set(names))


def test_every_code_is_found_by_some_rule() -> None:
    folder = ROOT / "controller" / "config"
    text = "".join(path.read_text() for path in folder.rglob("*.py") if path.name != "codes.py")
    assert [code for code in WARNINGS if f'"{code}"' not in text] == []


def test_no_warning_has_a_code_that_is_not_in_the_table() -> None:
    folder = ROOT / "controller" / "config"
    given = {
        code
        for path in folder.rglob("*.py")
        for code in re.findall(r'\.warning\([^"]*?"([A-Z][A-Z_]+)"', path.read_text())
    }
    assert given
    assert given <= WARNINGS.keys()
