"""Whole files of other systems, and the dialplans that come of them; `UPDATE_GOLDEN=1` writes these anew."""

from __future__ import annotations

import csv
import difflib
import json
import os
from pathlib import Path

import pytest

from controller.config import compile_text
from controller.config.layout import format_text
from controller.importers.draft import Draft
from controller.importers.freepbx import import_freepbx
from controller.importers.freeswitch import import_freeswitch
from controller.importers.notes import Notes
from controller.importers.tables import TABLES, Tables

SAMPLES = Path(__file__).parent / "samples"
SQL = SAMPLES / "acme-freepbx.sql"


def draft_of(*paths: Path) -> tuple[Draft, Notes]:
    notes = Notes()
    read = import_freeswitch if paths[0].suffix == ".xml" else import_freepbx
    return read(paths, notes), notes


def said(notes: Notes) -> str:
    return "".join(f"{Path(at.file).name}:{at.line}: {text}\n" for at, text in notes.sorted())


def compare(found: str, golden: Path) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(found)
    expected = golden.read_text()
    diff = difflib.unified_diff(expected.splitlines(), found.splitlines(), "expected", "found", lineterm="")
    assert found == expected, "\n".join(["", *diff])


@pytest.mark.parametrize("path", sorted([*SAMPLES.glob("*.xml"), SQL]), ids=lambda path: path.stem)
def test_sample(path: Path) -> None:
    draft, notes = draft_of(path)
    text = draft.write(f"Made from {path.name}")
    compare(text, path.with_suffix(".expected.yaml"))
    compare(said(notes), path.with_suffix(".expected.notes"))
    assert format_text(text, "acme.yaml") == text
    loaded = compile_text(text, "acme.yaml")
    assert loaded.dialplan is not None
    assert "swordfish" not in text + said(notes)
    assert "sword;fish" not in text + said(notes)


def test_the_dialplan_fails_over_as_the_dial_string_did() -> None:
    dialplan = compile_text(draft_of(SAMPLES / "acme-freeswitch.xml")[0].write("x"), "acme.yaml").dialplan
    assert dialplan is not None
    stages = dialplan.chains[dialplan.routes["15557000"].chain].stages
    paths = [[path.name for target in stage.targets for path in target.paths] for stage in stages]
    assert paths == [
        ["user-100 via freeswitch"],
        ["number-15550100 via carrier-a", "number-15550100 via carrier-b"],
        ["number-15550199 via carrier-a"],
    ]
    assert [stage.ring for stage in stages] == [15.0, 20.0, 30.0]


@pytest.mark.parametrize("form", ["csv", "json", "phpmyadmin"])
def test_the_same_tables_make_the_same_dialplan_whatever_they_come_as(form: str, tmp_path: Path) -> None:
    tables = Tables()
    tables.read(SQL)
    rows = {name: [dict(row.values) for row in tables[name]] for name in sorted(TABLES) if tables[name]}
    paths = []
    if form == "csv":
        for name, each in rows.items():
            paths.append(tmp_path / f"{name}.csv")
            with paths[-1].open("w", newline="") as file:
                writer = csv.DictWriter(file, [*each[0]])
                writer.writeheader()
                writer.writerows(each)
    else:
        paths.append(tmp_path / "export.json")
        head = [{"type": "header", "version": "5.2.1"}, {"type": "database", "name": "asterisk"}]
        whole = [*head, *({"type": "table", "name": name, "data": each} for name, each in rows.items())]
        paths[0].write_text(json.dumps(rows if form == "json" else whole, indent=1))
    draft, notes = draft_of(*paths)
    assert draft.write("x") == draft_of(SQL)[0].write("x")
    assert sorted(text for _, text in notes.sorted()) == sorted(text for _, text in draft_of(SQL)[1].sorted())
    for at, _ in notes.sorted():
        assert at.line
    if form == "json":  # a note is about the row that stands in that line
        at, text = next(note for note in notes.sorted() if "'Gone' is disabled" in note[1])
        row = "".join(paths[0].read_text().splitlines()[at.line - 1 :])
        assert json.JSONDecoder().raw_decode(row.strip())[0]["name"] == "Gone", text
