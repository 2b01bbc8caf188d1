import pytest

from controller.config.figures import detection_time, stage_starts, worst_wait
from controller.types import Probe
from tests.config.sample import SAMPLE, bend, compiled


def test_built_in_probe_finds_a_dead_trunk_within_800_ms() -> None:
    assert detection_time(Probe()) == pytest.approx(0.275 + 0.05 + 15 * 0.03)


def test_loss_of_20_percent_each_way_costs_less_than_half_a_second_more() -> None:
    assert detection_time(Probe(), loss=0.36) == pytest.approx(0.275 + 0.05 + 26 * 0.03)


def test_first_miss_counts_as_one_of_the_misses() -> None:
    assert detection_time(Probe(every=30.0, burst=0.2, timeout=0.5, misses=1)) == pytest.approx(33.5)


def test_sequential_stage_lasts_a_turn_for_each_target_others_once() -> None:
    chain = compiled(SAMPLE).chains["sales"]
    assert stage_starts(chain) == [0.0, 10.0, 35.0]
    chain = compiled(bend(("      mode: hybrid\n      stagger: 4s\n", ""))).chains["sales"]
    assert stage_starts(chain) == [0.0, 10.0, 60.0]


def test_worst_wait_counts_the_paths_that_are_heard_of_but_never_ring() -> None:
    front_desk = 8.0 + 10.0  # hq-pbx makes no progress for 8 s, then it rings for 10 s over carrier-a
    mobiles = 25.0  # hybrid: all together
    answering = 8.0 + 20.0
    assert worst_wait(compiled(SAMPLE).chains["sales"]) == front_desk + mobiles + answering
