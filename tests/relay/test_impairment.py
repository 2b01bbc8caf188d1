from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import groupby
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.relay.impairment import CLEAN, RESENT_AFTER, Direction, Impairment

chances = st.floats(0.0, 1.0)
times = st.floats(0.0, 2.0)
impairments = st.builds(
    Impairment,
    delay=times,
    jitter=times,
    loss=chances,
    duplicate=chances,
    reorder=chances,
    held=times,
    corrupt=chances,
    truncate=chances,
    rate=st.sampled_from((0.0, 1.0, 1e3, 1e6)),
    queue=times,
)
traffic = st.lists(st.tuples(st.floats(0.0, 0.5), st.binary(max_size=60)), max_size=40)


def play(
    impairment: Impairment, packets: Iterable[tuple[float, bytes]], seed: int = 1
) -> tuple[Direction, list[tuple[float, list[tuple[float, bytes]]]]]:
    """What becomes of packets, each sent so long after the one before: when it was sent, and its deliveries."""
    direction = Direction(random.Random(seed), impairment)
    now, fates = 0.0, []
    for pause, data in packets:
        now += pause
        fates.append((now, direction.carry(data, now)))
    return direction, fates


def lost_of(impairment: Impairment, count: int, seed: int) -> list[bool]:
    """Whether each of so many packets is lost."""
    _, fates = play(impairment, [(0.01, b"x")] * count, seed)
    return [not deliveries for _, deliveries in fates]


@given(impairments, traffic, st.integers())
def test_same_seed_gives_every_packet_the_same_fate(
    impairment: Impairment, packets: list[tuple[float, bytes]], seed: int
) -> None:
    assert play(impairment, packets, seed)[1] == play(impairment, packets, seed)[1]


@given(impairments, traffic)
def test_nothing_is_invented_and_nothing_arrives_before_its_time(
    impairment: Impairment, packets: list[tuple[float, bytes]]
) -> None:
    _, fates = play(impairment, packets)
    for (_, data), (sent, deliveries) in zip(packets, fates, strict=True):
        assert len(deliveries) <= 2
        for at, arrived in deliveries:
            assert at >= sent + impairment.delay
            assert len(arrived) <= len(data)
            wrong = sum((one ^ other).bit_count() for one, other in zip(arrived, data, strict=False))
            assert wrong <= (1 if impairment.corrupt else 0)
            assert len(arrived) == len(data) or (impairment.truncate and arrived)


@given(impairments, traffic)
def test_every_packet_is_counted_once(impairment: Impairment, packets: list[tuple[float, bytes]]) -> None:
    direction, fates = play(impairment, packets)
    counters = direction.counters
    arrived = [data for _, deliveries in fates for _, data in deliveries]
    assert counters["taken"] == len(packets)
    assert counters["taken"] + counters["duplicated"] == counters["lost"] + counters["overflowed"] + counters["carried"]
    assert (counters["carried"], counters["bytes"]) == (len(arrived), sum(map(len, arrived)))


@given(traffic, times, chances, st.sampled_from((0.0, 1e3)))
def test_order_is_kept_without_jitter_and_reordering(
    packets: list[tuple[float, bytes]], delay: float, chance: float, rate: float
) -> None:
    _, fates = play(Impairment(delay=delay, loss=chance, duplicate=chance, rate=rate), packets)
    arrivals = [at for _, deliveries in fates for at, _ in deliveries]
    assert arrivals == sorted(arrivals)


@given(traffic)
def test_clean_line_changes_nothing(packets: list[tuple[float, bytes]]) -> None:
    _, fates = play(CLEAN, packets)
    assert fates == [(sent, [(sent, data)]) for (_, data), (sent, _) in zip(packets, fates, strict=True)]


@pytest.mark.parametrize("loss", [0.01, 0.05, 0.2, 0.5])
@pytest.mark.parametrize("seed", range(3))
def test_loss_converges(loss: float, seed: int) -> None:
    count = 20_000
    share = sum(lost_of(Impairment(loss=loss), count, seed)) / count
    assert abs(share - loss) < 5 * sqrt(loss * (1 - loss) / count)


@pytest.mark.parametrize(("loss", "burst"), [(0.05, 4.0), (0.2, 8.0), (0.05, 20.0)])
def test_losses_in_bursts_have_the_length_and_the_share_that_were_asked_for(loss: float, burst: float) -> None:
    lost = lost_of(Impairment(loss=loss, burst=burst), 150_000, 7)
    lengths = [len(list(group)) for is_lost, group in groupby(lost) if is_lost]
    assert sum(lengths) / len(lengths) == pytest.approx(burst, rel=0.15)
    assert sum(lost) / len(lost) == pytest.approx(loss, rel=0.15)
    alone = lost_of(Impairment(loss=loss), 150_000, 7)
    lengths = [len(list(group)) for is_lost, group in groupby(alone) if is_lost]
    assert sum(lengths) / len(lengths) == pytest.approx(1 / (1 - loss), rel=0.1)


def test_bad_line_may_let_some_packets_through_and_a_good_one_may_lose_some() -> None:
    lost = lost_of(Impairment(loss=0.1, burst=10, bad=0.6, good=0.02), 150_000, 3)
    assert sum(lost) / len(lost) == pytest.approx(0.1, rel=0.15)


def test_black_hole_swallows_everything() -> None:
    direction, fates = play(Impairment(loss=1.0), [(0.1, b"x")] * 100)
    assert direction.impairment.is_hole
    assert not any(deliveries for _, deliveries in fates)


def test_slow_line_sends_one_packet_after_the_other_and_its_queue_has_an_end() -> None:
    direction, fates = play(Impairment(rate=1000, queue=0.25), [(0.0, b"x" * 100)] * 10)
    arrivals = [at for _, deliveries in fates for at, _ in deliveries]
    assert arrivals == pytest.approx([0.1, 0.2, 0.3])
    assert direction.counters["overflowed"] == 7


def test_held_back_packet_is_overtaken() -> None:
    _, fates = play(Impairment(delay=0.01, reorder=0.5, held=0.2), [(0.0, b"x")] * 100)
    assert {round(at, 3) for _, deliveries in fates for at, _ in deliveries} == {0.01, 0.21}


def test_damage_is_one_bit_or_a_missing_end() -> None:
    _, fates = play(Impairment(corrupt=1.0), [(0.0, bytes(50))] * 50)
    assert all(sum(byte.bit_count() for byte in data) == 1 for _, [(_, data)] in fates)
    _, fates = play(Impairment(truncate=1.0), [(0.0, bytes(50))] * 50)
    lengths = {len(data) for _, [(_, data)] in fates}
    assert min(lengths) >= 1
    assert max(lengths) < 50
    assert len(lengths) > 20


def test_change_takes_effect_with_the_next_packet() -> None:
    direction = Direction(random.Random(1))
    assert direction.carry(b"a", 0.0) == [(0.0, b"a")]
    direction.change(Impairment(loss=1.0))
    assert direction.carry(b"b", 1.0) == []
    direction.change(Impairment(delay=0.5))
    assert direction.carry(b"c", 2.0) == [(2.5, b"c")]


@given(impairments, traffic, st.integers())
def test_segment_of_a_stream_always_arrives_and_loss_is_time(
    impairment: Impairment, packets: list[tuple[float, bytes]], seed: int
) -> None:
    direction = Direction(random.Random(seed), impairment)
    now = 0.0
    for pause, data in packets:
        now += pause
        at, arrived = direction.carry_segment(data, now)
        assert at >= now + impairment.delay + (RESENT_AFTER if impairment.is_hole else 0)
        assert len(arrived) == len(data) or impairment.truncate
    assert direction.counters["carried"] == direction.counters["taken"] == len(packets)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"loss": 1.5}, "loss is a chance"),
        ({"delay": -1.0}, "delay cannot be negative"),
        ({"rate": float("inf")}, "rate cannot be negative or without end"),
        ({"loss": 1.0, "burst": 5.0}, "loss lies between good and bad"),
        ({"loss": 0.9, "burst": 2.0}, "a burst of at least 9 packets"),
        ({"loss": 0.1, "burst": 0.5}, "a burst of at least 1 packets"),
    ],
)
def test_what_no_line_can_do_is_refused(wrong: dict[str, float], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Impairment(**wrong)
