"""The examples that people copy from must be beyond reproach."""

import re
from pathlib import Path

import pytest

from controller.config import compile_text, load, render

ROOT = Path(__file__).parent.parent
#: What the simple example calls its things; they are explained by what stands below them.
NAMES = {
    "carrier-a",
    "carrier-b",
    "hq-pbx",
    "fast",
    "polite",
    "front-desk",
    "anna-mobile",
    "answering-service",
    "sales",
}
EXAMPLES = sorted((ROOT / "dialplans").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_compiles_without_any_finding(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    loaded = load(path.relative_to(ROOT))
    assert not loaded.diagnostics, "\n" + render(loaded.diagnostics, loaded.sources)
    assert loaded.dialplan is not None


def test_examples_are_there() -> None:
    assert {
        "simple.yaml",
        "two-carriers.yaml",
        "after-hours.yaml",
        "two-offices.yaml",
        "two-networks.yaml",
        "caller-id.yaml",
        "registering.yaml",
    } <= {path.name for path in EXAMPLES}


def test_examples_show_every_mode() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in EXAMPLES)
    assert {"parallel", "hybrid"} <= set(re.findall(r"mode: (\w+)", text))


def test_every_key_of_the_simple_example_says_why() -> None:
    lines = (ROOT / "dialplans" / "simple.yaml").read_text(encoding="utf-8").splitlines()
    keys = [(match[1], "#" in line) for line in lines if (match := re.match(r"\s*(?:- )?([\w-]+):", line))]
    assert {key for key, _ in keys} - {key for key, explained in keys if explained} <= {"listen", "causes", *NAMES}


def test_example_of_the_reference_compiles_without_any_finding() -> None:
    reference = (ROOT / "docs" / "dialplan.md").read_text(encoding="utf-8")
    complete = [
        block
        for block in re.findall(r"```yaml\n(.*?)```", reference, re.DOTALL)
        if "version: 1" in block and "include:" not in block
    ]
    assert complete
    for block in complete:
        loaded = compile_text(block, "docs/dialplan.md")
        assert not loaded.diagnostics, "\n" + render(loaded.diagnostics, loaded.sources)
