"""One broken file of tests for each rule in ``bad/``, with the exact words an operator gets; and what editors are told.

``UPDATE_GOLDEN=1 pytest tests/scenario/test_language.py`` writes the ``.expected`` files anew; read the diff.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from controller.cli import cli
from controller.config import render
from controller.exits import OK
from controller.scenario.read import read_suite

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BAD = sorted((HERE / "bad").glob("*.test.yaml"))
SHIPPED = ROOT / "dialplans" / "callward.test.schema.json"
EXAMPLES = sorted((ROOT / "dialplans").glob("*.test.yaml"))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.name)
def test_broken_file_says_what_is_wrong(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    suite = read_suite(Path(path.name))
    said = render(suite.findings, suite.sources)
    golden = path.with_name(path.name.replace(".test.yaml", ".expected"))
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(said, encoding="utf-8")
    expected = golden.read_text(encoding="utf-8")
    diff = difflib.unified_diff(expected.splitlines(), said.splitlines(), "expected", "said", lineterm="")
    assert said == expected, "\n".join(["", *diff])
    assert said
    assert suite.cases == []


def test_every_golden_has_its_broken_file() -> None:
    assert {path.stem for path in (HERE / "bad").glob("*.expected")} == {
        path.name.removesuffix(".test.yaml") for path in BAD
    }


def test_every_code_has_a_broken_file(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [(ROOT / "controller" / "scenario" / f"{name}.py").read_text() for name in ("model", "read", "states")]
    codes = {code for text in files for code in re.findall(r'"([A-Z][A-Z_]{2,})"', text)}
    monkeypatch.chdir(HERE / "bad")
    assert codes <= {found.code for path in BAD for found in read_suite(Path(path.name)).findings}


def test_what_is_wrong_in_one_test_hides_nothing_in_the_others(tmp_path: Path) -> None:
    lines = (HERE / "bad" / "states.test.yaml").read_text(encoding="utf-8")
    (tmp_path / "plan.yaml").write_text((HERE / "bad" / "plan.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    good = '  - {name: good, call: {did: "+15557000"}, expect: {winner: mobile}}\n'
    (tmp_path / "plan.test.yaml").write_text(lines + good, encoding="utf-8")
    suite = read_suite(tmp_path / "plan.test.yaml")
    assert [case.name for case in suite.cases] == ["good"]
    assert suite.findings


@pytest.mark.parametrize("cut", range(0, 700, 20))
def test_no_text_makes_it_raise(cut: int, tmp_path: Path) -> None:
    text = (HERE / "bad" / "names.test.yaml").read_text(encoding="utf-8")
    path = tmp_path / "a.test.yaml"
    path.write_text(text[:cut] + "{" + text[cut + 3 :], encoding="utf-8")
    assert read_suite(path).findings


def test_the_schema_that_ships_is_current() -> None:
    """If not: `callward schema --tests > dialplans/callward.test.schema.json`."""
    result = CliRunner().invoke(cli, ["schema", "--tests"])
    assert result.exit_code == OK
    assert SHIPPED.read_text(encoding="utf-8") == result.output
    jsonschema.Draft202012Validator.check_schema(json.loads(result.output))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_editors_find_no_fault_with_an_example(path: Path) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(SHIPPED.read_text(encoding="utf-8")))
    text = path.read_text(encoding="utf-8")
    data = yaml.load(text, Loader=yaml.BaseLoader)  # as text, but for what the schema wants as figures
    for test in data["tests"]:
        expect = test["expect"]
        expect |= {key: float(expect[key]) for key in ("cost", "status", "step") if expect.get(key, "a")[0].isdigit()}
        expect |= {key: int(expect[key]) for key in ("step",) if key in expect}
        expect |= {"refused": expect["refused"] == "true"} if "refused" in expect else {}
        if "message" in test and "risk" in test["message"]:
            test["message"]["risk"] = float(test["message"]["risk"])
    data["version"] = int(data["version"])
    assert [error.json_path for error in validator.iter_errors(data)] == []
    assert "callward.test.schema.json" in text
