import pytest

from controller.config.figures import detection_time, stage_starts, worst_wait
from controller.types import Probe
from tests.config.sample import SAMPLE, bend, compiled


def test_built_in_probe_finds_a_dead_trunk_in_800_ms() -> None:
    assert detection_time(Probe()) == pytest.approx(0.8)


def test_first_miss_counts_as_one_of_the_misses() -> None:
    assert detection_time(Probe(every=30.0, burst=0.2, timeout=0.5, misses=1)) == pytest.approx(30.5)


def test_sequential_stage_lasts_a_turn_for_each_target_others_once() -> None:
    chain = compiled(SAMPLE).chains["sales"]
    assert stage_starts(chain) == [0.0, 10.0, 35.0]
    assert worst_wait(chain) == 55.0
    chain = compiled(bend(("      mode: hybrid\n      stagger: 4s\n", ""))).chains["sales"]
    assert worst_wait(chain) == 10.0 + 2 * 25.0 + 20.0
