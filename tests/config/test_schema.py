"""The schema that ships is the one of the models, and editors find no fault with what callward reads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import pytest
import yaml
from pydantic import BaseModel
from typer.testing import CliRunner

from controller.cli import cli
from controller.config import compile_text
from controller.config.model import FileModel
from controller.config.schema import TITLE, WORDS, make_schema, read_words
from controller.exits import OK
from controller.scenario import model as scenario
from tests.config.sample import SAMPLE, bend

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "dialplans" / "callward.schema.json"
EXAMPLES = sorted(path for path in (ROOT / "dialplans").glob("*.yaml") if not path.name.endswith(".test.yaml"))
VALIDATOR = jsonschema.Draft202012Validator(make_schema())


class EditorLoader(yaml.SafeLoader):
    """YAML 1.2's core schema, as editors read it: `off` is a word, a date is text."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


for tag, pattern, first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    EditorLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first))


def faults(text: str) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(yaml.load(text, Loader=EditorLoader))]


def test_the_schema_that_ships_is_current() -> None:
    """If not: `callward schema > dialplans/callward.schema.json`."""
    result = CliRunner().invoke(cli, ["schema"])
    assert result.exit_code == OK
    assert SHIPPED.read_text(encoding="utf-8") == result.output
    jsonschema.Draft202012Validator.check_schema(json.loads(result.output))


@pytest.mark.parametrize(
    ("model", "title", "words"), [(FileModel, TITLE, WORDS), (scenario.TestFileModel, scenario.TITLE, scenario.WORDS)]
)
def test_every_key_says_what_it_means(model: type[BaseModel], title: str, words: Path) -> None:
    """In `descriptions.yaml` beside the models; and nothing there is of a key that is gone."""
    schema = make_schema(model, title, words)
    models = {model.__name__: schema, **schema["$defs"]}
    keys = {(name, key): of for name, each in models.items() for key, of in each.get("properties", {}).items()}
    assert [" ".join(place) for place, of in keys.items() if not of.get("description")] == []
    known = {(name, key) for name, meanings in read_words(words).items() for key in meanings}
    assert known - keys.keys() == set()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_editors_find_no_fault_with_an_example(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("section", ["", "listen", "trunks", "users", "endpoints", "chains", "routes"])
def test_editors_and_check_want_the_same_sections_of_calls(section: str) -> None:
    """Messages alone want none, and any of them wants those two that every call needs."""
    whole = yaml.safe_load(SAMPLE)
    alone = {"version": 1, "cascades": {"otp": [{"send": "email"}]}}
    alone["providers"] = {"mail": {"channel": "email", "smtp": {"host": "mail.example", "from": "codes@example.com"}}}
    given = {section: whole.get(section, {"desk": {"password": "hunter2hunter2"}})} if section else {}
    text = yaml.safe_dump(alone | given)
    missing = {
        found.message.split("'")[1] for found in compile_text(text, "f").diagnostics if found.code == "MISSING_KEY"
    }
    assert missing == ({"listen", "trunks"} - {section} if section else set())
    assert bool(faults(text)) == bool(missing)


def test_editors_find_no_fault_with_numbers_without_quotes() -> None:
    text = bend(('did: "+15557000"', "did: +15557000"), ('user: "100"', "user: 0100"))
    assert faults(text) == []
    assert faults(SAMPLE.replace("hq-pbx", "12")) == []


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("for: 10s", "for: 10", "$.chains.sales[0].for"),
        ("for: 10s", "fro: 10s", "$.chains.sales[0]"),
        ("mode: hybrid", "mode: hybird", "$.chains.sales[1].mode"),
        ("live: true", "live: yes", "$.endpoints.answering.live"),
        ("version: 1", "version: 2", "$.version"),
        ("ring: [front-desk]", "ring: []", "$.chains.sales[0].ring"),
        ("hedge: off", "when: {trunk: {hq-pbx: dead}}", "$.chains.sales[2].when.trunk['hq-pbx']"),
        ('did: "*", chain: sales', 'outbound: {prefix: "+1"}', "$.routes[1]"),
        ('did: "*", chain: sales', 'did: "*"', "$.routes[1]"),
        ('did: "*", chain: sales', "outbound: {}, via: [carrier-a]", "$.routes[1].outbound"),
        ('did: "*", chain: sales', 'outbound: {prefix: "*"}, via: [carrier-a], order: cheapest', "$.routes[1].order"),
    ],
)
def test_editors_underline_what_is_wrong(old: str, new: str, place: str) -> None:
    assert [fault.replace('"', "'") for fault in faults(bend((old, new)))] == [place]
