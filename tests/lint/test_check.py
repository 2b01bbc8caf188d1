"""`callward check`: as text, JSON and SARIF; what `--strict` makes of warnings."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from controller.cli import cli
from controller.exits import FINDINGS, OK, USAGE
from tests.config.sample import SAMPLE, bend

SPARE = '  hq-pbx:    {uri: "sip:192.0.2.30:5081"}\n'
WARNS = bend((SPARE, SPARE + '  spare: {uri: "sip:192.0.2.40", carrier: c}\n'))
MEANT = bend(
    (SPARE, SPARE + '  spare: {uri: "sip:192.0.2.40", carrier: c} # callward: ignore UNUSED -- comes in May\n')
)
BROKEN = bend(("ring: [answering]", "ring: [answring]"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "acme dialplan.yaml"


def check(file: Path, text: str, *options: str) -> tuple[int, str]:
    file.write_text(text)
    done = CliRunner().invoke(cli, ["check", str(file), *options])
    return done.exit_code, done.output


def sarif(file: Path, text: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(check(file, text, "--sarif")[1])
    schema = json.loads((Path(__file__).parent / "sarif.schema.json").read_text())
    jsonschema.validate(document, schema, format_checker=jsonschema.FormatChecker())
    return document


@pytest.mark.parametrize(
    ("text", "usual", "strict"),
    [(SAMPLE, OK, OK), (WARNS, OK, FINDINGS), (MEANT, OK, OK), (BROKEN, FINDINGS, FINDINGS)],
)
def test_strict_makes_warnings_count(file: Path, text: str, usual: int, strict: int) -> None:
    for form in ((), ("--json",), ("--sarif",)):
        assert check(file, text, *form)[0] == usual
        assert check(file, text, "--strict", *form)[0] == strict


def test_text_says_that_findings_are_ignored(file: Path) -> None:
    assert "'spare' is never used" in check(file, WARNS)[1]
    said = check(file, MEANT)[1]
    assert "never used" not in said
    assert "1 finding is ignored" in said
    assert "ignored" not in check(file, SAMPLE)[1]


def test_json_has_what_is_ignored_with_its_reason(file: Path) -> None:
    document = json.loads(check(file, MEANT, "--json")[1])
    assert document["findings"] == []
    (ignored,) = document["ignored"]
    assert (ignored["code"], ignored["line"], ignored["col"], ignored["reason"]) == ("UNUSED", 8, 3, "comes in May")


def test_sarif_is_valid_and_names_the_place(file: Path) -> None:
    (run,) = sarif(file, WARNS)["runs"]
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == ("UNUSED", "warning")
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "UNUSED"
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == file.as_uri()
    assert place["region"] == {"startLine": 8, "startColumn": 3, "endLine": 8, "endColumn": 8}
    assert "suppressions" not in result


def test_sarif_has_errors_and_suppressed_findings(file: Path) -> None:
    (error,) = sarif(file, BROKEN)["runs"][0]["results"]
    assert (error["ruleId"], error["level"]) == ("UNKNOWN_NAME", "error")
    (meant,) = sarif(file, MEANT)["runs"][0]["results"]
    assert meant["suppressions"] == [{"kind": "inSource", "justification": "comes in May"}]
    assert sarif(file, SAMPLE)["runs"][0]["results"] == []


def test_sarif_names_a_file_as_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b").mkdir()
    (result,) = sarif(Path("a b/ü.yaml"), WARNS)["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a%20b/%C3%BC.yaml"


def test_one_form_at_a_time(file: Path) -> None:
    assert check(file, SAMPLE, "--json", "--sarif")[0] == USAGE
