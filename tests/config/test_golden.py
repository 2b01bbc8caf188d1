"""One broken file for each rule in ``bad/``, with the exact words an operator gets.

``UPDATE_GOLDEN=1 pytest tests/config/test_golden.py`` writes the ``.expected`` files anew; read the diff before you
commit them.
"""

import difflib
import os
import re
from pathlib import Path

import pytest

from controller.config import load, render

HERE = Path(__file__).parent
BAD = sorted((HERE / "bad").glob("*.yaml"))
#: Codes that no file of this folder can bring about: a huge one, an error of pydantic's that is new, a certificate that
#: runs out within a month whenever somebody looks; and what `callward fmt` alone says (tests/test_fmt.py).
ELSEWHERE = {"TOO_LARGE", "BAD_VALUE", "EXPIRES", "NOT_FORMATTED", "NOT_WRITTEN"}


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_broken_file_says_what_is_wrong(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    loaded = load(path.name)
    said = render(loaded.diagnostics, loaded.sources)

    golden = path.with_suffix(".expected")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(said, encoding="utf-8")
    expected = golden.read_text(encoding="utf-8")
    diff = difflib.unified_diff(expected.splitlines(), said.splitlines(), "expected", "said", lineterm="")
    assert said == expected, "\n".join(["", *diff])

    assert said
    only_warnings = path.stem.startswith("warn_")
    assert (loaded.dialplan is not None) == only_warnings
    assert {found.severity for found in loaded.diagnostics} == {"warning" if only_warnings else "error"}


def test_every_golden_has_its_broken_file() -> None:
    assert {path.stem for path in (HERE / "bad").glob("*.expected")} == {path.stem for path in BAD}


def test_every_code_has_a_broken_file(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = (HERE.parents[1] / "controller" / "config").rglob("*.py")
    codes = {code for path in sources for code in re.findall(r'"([A-Z][A-Z_0-9]{2,})"', path.read_text())}
    monkeypatch.chdir(HERE / "bad")
    shown = {found.code for path in BAD for found in load(path.name).diagnostics}
    assert codes - shown == ELSEWHERE


def test_no_password_is_shown() -> None:
    assert not [path.name for path in (HERE / "bad").glob("*.expected") if "hunter2" in path.read_text()]
