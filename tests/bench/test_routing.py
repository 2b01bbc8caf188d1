"""The routing simulator in small: the same from the same seed, and the engine is worth having. Ratios, never times."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from bench.routing.picture import draw
from bench.routing.play import Result, play
from bench.routing.policies import POLICIES
from bench.routing.report import Results, bars, gap, mean, table
from bench.routing.scenarios import REPORT, SCENARIOS, TUNING, dense, recovery, silent


def in_small(seed: int) -> Results:
    world = dense(seed, length=1800.0, rate=4.0)
    return {name: [play(world, policy)] for name, policy in POLICIES.items()}


@pytest.fixture(scope="module")
def results() -> Results:
    return in_small(9)


def test_seeds_for_tuning_and_for_reports_are_apart() -> None:
    assert not set(TUNING) & set(REPORT)
    assert len(REPORT) >= 5


def test_the_engine_closes_most_of_the_gap_and_beats_the_static_order(results: Results) -> None:
    net = {name: runs[0].net for name, runs in results.items()}
    assert net["static"] < net["callward"]
    closed = gap(results, "callward")
    assert closed is not None
    assert closed.mean > 0.45


def test_the_oracle_has_next_to_no_regret_and_the_engine_little(results: Results) -> None:
    assert results["oracle"][0].regret < 0.02 * results["static"][0].regret
    assert results["callward"][0].regret < 0.5 * results["static"][0].regret


def test_the_engine_does_not_flap(results: Results) -> None:
    assert results["callward"][0].flaps < min(results[name][0].flaps for name in ("ewma", "thompson"))


def test_the_same_seed_plays_the_same() -> None:
    first, second = (play(silent(3), POLICIES["callward"]) for _ in range(2))
    assert (first.net, first.curve, first.detected) == (second.net, second.curve, second.detected)


def test_traffic_comes_back_after_an_outage() -> None:
    world = recovery(3)
    result, static = play(world, POLICIES["callward"]), play(world, POLICIES["static"])
    assert result.wasted < 0.1 * static.wasted
    assert sum(result.curve[-6:]) <= sum(static.curve[-6:]) + 6 * 2.0  # the last minutes are as good as before


@pytest.mark.parametrize("name", sorted(set(SCENARIOS) - {"dense", "sparse"}))
def test_every_scenario_makes_the_same_world_from_the_same_seed(name: str) -> None:
    one, two = SCENARIOS[name](11), SCENARIOS[name](11)
    assert one == two
    assert len(one.times) > 500
    assert list(one.times) == sorted(one.times)
    assert one != SCENARIOS[name](12)


def test_report_and_picture_name_every_policy(results: Results) -> None:
    text, picture = table(results), draw({"dense": results})
    ET.fromstring(picture)
    for name in POLICIES:
        assert name in text
        assert name == "oracle" or name in picture
    assert [held for _, held, _ in bars({"dense": results})]


def test_intervals_are_students() -> None:
    figure = mean([1.0, 2.0, 3.0, 4.0, 5.0])
    assert figure.mean == 3.0
    assert figure.half == pytest.approx(1.963, abs=0.01)


def test_the_gap_is_a_ratio_of_sums() -> None:
    def runs(*nets: float) -> list[Result]:
        return [Result("p", net=net) for net in nets]

    results = {"static": runs(100.0, 100.0), "oracle": runs(110.0, 100.0), "p": runs(105.0, 102.0)}
    closed = gap(results, "p")
    assert closed is not None
    assert closed.mean == pytest.approx(0.7)
    assert gap({**results, "oracle": runs(100.0, 100.0)}, "p") is None
