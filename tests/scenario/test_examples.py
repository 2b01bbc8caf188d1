"""The tests that ship beside the examples: each dialplan has some, and all of them hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.scenario.read import SUFFIX
from controller.scenario.report import show_results
from controller.scenario.run import run_tests

DIALPLANS = Path(__file__).parents[2] / "dialplans"
FILES = sorted(DIALPLANS.glob(f"*{SUFFIX}"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_example_does_what_its_tests_say(path: Path) -> None:
    results = run_tests([path])
    assert not results.failed, "\n" + show_results(results, 0.0)
    assert not results.findings, "\n" + show_results(results, 0.0)
    assert len(results.tests) >= 3


def test_every_dialplan_has_its_tests() -> None:
    plans = {path.stem for path in DIALPLANS.glob("*.yaml") if not path.name.endswith(SUFFIX)}
    assert plans == {path.name.removesuffix(SUFFIX) for path in FILES}


def test_a_test_played_twice_comes_out_the_same() -> None:
    once, again = (run_tests(FILES).tests for _ in range(2))
    assert [result.seen for result in once] == [result.seen for result in again]


def test_the_example_of_the_docs_is_true(tmp_path: Path) -> None:
    docs = (DIALPLANS.parent / "docs" / "testing.md").read_text(encoding="utf-8")
    example, _, rest = docs.partition("```yaml\n")[2].partition("```")
    (tmp_path / "simple.yaml").write_text((DIALPLANS / "simple.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    path = tmp_path / "simple.test.yaml"
    path.write_text(example, encoding="utf-8")
    assert not run_tests([path]).failed
    path.write_text(example.replace("within: 14s", "within: 12s"), encoding="utf-8")
    said = show_results(run_tests([path]), 0.0)
    shown = rest.partition("what happened:\n")[2].partition("     ...")[0]
    assert shown in said, said
    assert "  - within: 12 s\n  + within: 12.62 s\n" in said
    assert "expected within 12 s, but got 12.62 s" in said


def test_the_tests_cover_what_the_readme_shows() -> None:
    readme = (DIALPLANS.parent / "README.md").read_text(encoding="utf-8")
    name = readme.partition("   - name: ")[2].partition("\n")[0]
    assert name in (DIALPLANS / "simple.test.yaml").read_text(encoding="utf-8")
