"""What was learnt about trunks survives a restart, and nothing that a file may hold stops the start."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from controller.health.outcomes import Outcome, OutcomeClass
from controller.health.score import Scores, Target
from controller.snapshot import FILE, load_scores, write_scores

TARGETS = [Target("a"), Target("b")]


def test_scores_come_back_as_they_were(tmp_path: Path) -> None:
    scores = Scores(TARGETS, 100.0)
    for now in range(10):
        scores.observe(Outcome("a", OutcomeClass.FAILURE, code="503"), float(now))
    scores.park("b", 11.0)
    write_scores(tmp_path, scores.dump())
    found = load_scores(tmp_path, TARGETS, 200.0)
    assert found is not None
    assert found.view(20.0) == scores.view(20.0)
    assert found.wall == 200.0


def test_another_boot_has_another_clock(tmp_path: Path) -> None:
    write_scores(tmp_path, Scores(TARGETS).dump())
    data = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps({**data, "boot": "another"}))
    assert load_scores(tmp_path, TARGETS, 0.0) is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    write_scores(tmp_path / "nowhere", {})
    assert load_scores(tmp_path / "nowhere", TARGETS, 0.0) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(st.data())
def test_nothing_in_the_file_stops_the_start(tmp_path_factory, data: st.DataObject) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("state")
    scores = Scores(TARGETS)
    scores.observe(Outcome("a", OutcomeClass.FAILURE, code="503"), 1.0)
    good = scores.dump()
    spoilt = {**good, data.draw(st.sampled_from(sorted(good))): data.draw(JSON)}
    write_scores(folder, spoilt)
    found = load_scores(folder, TARGETS, 0.0)
    assert found is None or isinstance(found, Scores)
