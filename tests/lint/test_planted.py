"""The project's own set: mistakes planted into good files, each to be found where a reader would point; no alarm on good ones.

``planted/*.yaml`` has the mistakes: a base from ``good/``, what is changed in it, the code, and « » around the place. They were
written before what finds them was run on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from controller.config import compile_text, load, render

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LEAST, LEAST_EXACT, LEAST_GOOD = 60, 58, 30
EXAMPLES = [path for path in (ROOT / "dialplans").glob("*.yaml") if not path.name.endswith(".test.yaml")]
GOOD = sorted([*(HERE / "good").glob("*.yaml"), *EXAMPLES])


@dataclass(frozen=True)
class Planted:
    name: str
    code: str
    text: str
    line: int
    col: int


def read_planted(path: Path) -> list[Planted]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    base = (HERE / "good" / document["base"]).read_text(encoding="utf-8")
    return [plant(base, each) for each in document["mistakes"]]


def plant(base: str, mistake: dict[str, dict[str, str]]) -> Planted:
    text = base
    for step in ("change", "also", "more"):
        if step in mistake:
            was, instead = mistake[step]["was"], mistake[step]["is"]
            assert was in text, f"{mistake['name']}: {was}"
            text = text.replace(was, instead, 1)
    before, _, rest = text.partition("«")
    assert rest.count("»") == 1, mistake["name"]
    line, col = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    return Planted(str(mistake["name"]), str(mistake["code"]), before + rest.replace("»", ""), line, col)


MISTAKES = [planted for path in sorted((HERE / "planted").glob("*.yaml")) for planted in read_planted(path)]


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_good_file_raises_no_alarm(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    loaded = load(path.relative_to(ROOT))
    assert not loaded.diagnostics, "\n" + render(loaded.diagnostics, loaded.sources)
    assert loaded.dialplan is not None


def test_planted_mistakes_are_found_where_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    missed, elsewhere, beside = [], [], 0
    for planted in MISTAKES:
        found = compile_text(planted.text, "planted.yaml").diagnostics
        places = [(each.line, each.col) for each in found if each.code == planted.code]
        beside += sum(each.code != planted.code for each in found)
        said = f"{planted.name}: {planted.code} at {planted.line}:{planted.col}, said {[(each.code, each.line, each.col) for each in found]}"
        if not places:
            missed.append(said)
        elif (planted.line, planted.col) not in places:
            elsewhere.append(said)
    total = len(MISTAKES)
    with capsys.disabled():
        print(
            f"\nplanted mistakes: {total}, found {total - len(missed)}, at the exact place "
            f"{total - len(missed) - len(elsewhere)}; other findings beside them {beside}; good files {len(GOOD)}"
        )
    assert not missed, "\n".join(missed)
    assert total >= LEAST
    assert total - len(elsewhere) >= max(LEAST_EXACT, total * LEAST_EXACT / LEAST), "\n".join(elsewhere)


def test_each_mistake_is_another_one() -> None:
    assert len({planted.name for planted in MISTAKES}) == len({planted.text for planted in MISTAKES}) == len(MISTAKES)


def test_there_are_enough_good_files_and_none_ignores_anything() -> None:
    """Those of ours, that is: words that stand in for secrets are ignored in three examples."""
    assert len(GOOD) >= LEAST_GOOD
    assert [path.name for path in (HERE / "good").glob("*.yaml") if "callward: ignore" in path.read_text()] == []
