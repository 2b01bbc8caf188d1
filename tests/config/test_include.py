from __future__ import annotations

from pathlib import Path

import pytest

from controller.config import compile_text, load, render
from tests.config.sample import SAMPLE, bend

MAIN, ROUTES = SAMPLE.split("routes:\n")
ROUTES = "routes:\n" + ROUTES


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts").mkdir()
    return tmp_path


def test_sections_of_other_files_count_as_if_they_stood_here(folder: Path) -> None:
    (folder / "acme.yaml").write_text(MAIN + "include: [parts/routes.yaml, more.yaml]\n")
    (folder / "parts" / "routes.yaml").write_text("version: 1\n" + ROUTES)
    (folder / "more.yaml").write_text('routes: [{prefix: "+1666", chain: sales}]\ntrunks: {}\n')
    loaded = load("acme.yaml")
    assert loaded.dialplan is not None, render(loaded.diagnostics, loaded.sources)
    assert loaded.diagnostics == []
    assert loaded.dialplan.routes["+15557000"].where == "parts/routes.yaml:3"
    assert loaded.dialplan.prefixes["+1666"].where == "more.yaml:1"
    assert loaded.dialplan.trunks["hq-pbx"].where == "acme.yaml:7"
    assert list(loaded.sources) == ["acme.yaml", "parts/routes.yaml", "more.yaml"]


def test_the_version_follows_the_included_text(folder: Path) -> None:
    (folder / "acme.yaml").write_text(MAIN + "include: routes.yaml\n")
    versions = set()
    for text in (ROUTES, ROUTES + "# changed\n"):
        (folder / "routes.yaml").write_text(text)
        dialplan = load("acme.yaml").dialplan
        assert dialplan is not None
        versions.add(dialplan.version)
    assert len(versions) == 2


def test_paths_count_from_the_folder_of_the_file(folder: Path) -> None:
    (folder / "parts" / "acme.yaml").write_text(MAIN + "include: routes.yaml\n")
    (folder / "parts" / "routes.yaml").write_text(ROUTES)
    (folder / "parts" / "number").write_text("+15550999\n")
    (folder / "parts" / "acme.yaml").write_text(
        (MAIN + "include: routes.yaml\n").replace('"+15550199"', '"${file:number}"')
    )
    dialplan = load("parts/acme.yaml").dialplan
    assert dialplan is not None
    assert "+15550999" in dialplan.chains["sales"].stages[2].targets[0].paths[0].address


def test_references_stand_for_what_they_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARRIER_HOST", "192.0.2.77")
    text = bend(("sip:192.0.2.10:5071", "sip:${env:CARRIER_HOST}:5071"))
    dialplan = compile_text(text, "acme.yaml").dialplan
    assert dialplan is not None
    assert dialplan.trunks["carrier-a"].host == "192.0.2.77"


@pytest.mark.parametrize(
    "value", ["hunter2", "sip:user:hunter2@host", "x" * 50 + "hunter2" * 30, "sip:[hunter2]", " hunter2 "]
)
def test_what_a_reference_holds_is_never_shown(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", value)
    text = SAMPLE
    for old in ('"sip:192.0.2.10:5071"', "for: 10s", "via: [carrier-a]", "mode: hybrid", 'did: "+15557000"'):
        key, _, written = old.rpartition(" ")
        new = f'{key} "${{env:SECRET}}"' if "[" not in written else f'{key} ["${{env:SECRET}}"]'
        text = text.replace(old, new.strip(), 1)
    loaded = compile_text(text, "acme.yaml")
    said = render(loaded.diagnostics, loaded.sources)
    assert said.count("what '${env:SECRET}' holds does not fit here") >= 5
    assert "hunter2" not in said
