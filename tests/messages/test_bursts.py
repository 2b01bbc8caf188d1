"""Bursts: told from what is usual, and one source's from all's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from controller.messages.bursts import LEAST_WEIGHT, SOURCES, Burst, Bursts, Source, sources_of

NOW = 1_763_700_000.0
SHOP, BANK, CLUB = (sources_of("acme", name, {}, "") for name in ("shop", "bank", "club"))


def traffic(seconds: float, rates: dict[str, float], seed: int = 1, start: float = NOW) -> Iterator[tuple[str, float]]:
    """Requests by chance: (use case, when); rates a second."""
    dice, now, total = Random(seed), start, sum(rates.values())
    while (now := now + dice.expovariate(total)) < start + seconds:
        yield dice.choices(list(rates), list(rates.values()))[0], now


def usual(bursts: Bursts, seconds: float = 3600.0, **rates: float) -> float:
    """Half an hour and more as always. Returns now."""
    for name, now in traffic(seconds, rates or {"shop": 0.1, "bank": 0.1, "club": 0.05}):
        assert bursts.see(sources_of("acme", name, {}, ""), now).of == "none"
    return NOW + seconds


def flood(bursts: Bursts, sources: list[Source], now: float, count: int = 60, each: float = 0.2) -> Burst:
    """Many in a row; what the last is part of."""
    burst = Burst("none")
    for n in range(count):
        burst = bursts.see(sources, now + n * each)
    return burst


def test_chance_is_no_burst() -> None:
    for seed in range(20):
        bursts = Bursts()
        for name, now in traffic(3600.0, {"shop": 0.4, "bank": 0.2}, seed):
            assert bursts.see(sources_of("acme", name, {}, ""), now).of == "none"


def test_a_burst_of_one_source_is_that_sources_alone() -> None:
    bursts = Bursts()
    now = usual(bursts)
    burst = flood(bursts, SHOP, now)
    assert (burst.of, burst.source) == ("source", "use case acme/shop")
    assert LEAST_WEIGHT <= burst.weight < 0.6
    assert "of use case acme/shop alone" in burst.why
    assert bursts.look(BANK, now + 12.0).of == "none"
    assert [row["of"] for row in bursts.shows(now + 12.0)] == ["use case acme/shop"]
    assert bursts.look(SHOP, now + 120.0).of == "none"


def test_a_burst_of_all_is_everybodys() -> None:
    bursts = Bursts()
    now = usual(bursts)
    for n in range(60):
        burst = bursts.see((SHOP, BANK, CLUB)[n % 3], now + n * 0.2)
    assert (burst.of, burst.source, burst.weight) == ("all", "", 1.0)
    assert bursts.look(SHOP, now + 12.0).of == "all"
    assert bursts.shows(now + 12.0)[0]["of"] == "all"


def test_whoever_is_nearly_all_of_the_traffic_is_all_of_it() -> None:
    bursts = Bursts()
    now = usual(bursts, shop=0.2)
    assert flood(bursts, SHOP, now).of == "all"


def test_a_block_within_the_only_use_case_is_told_from_the_others() -> None:
    bursts = Bursts()
    dice = Random(1)
    for name, now in traffic(3600.0, {"shop": 0.2}):
        bursts.see(sources_of("acme", name, {}, f"DE-{dice.randrange(50)}"), now)
    burst = flood(bursts, sources_of("acme", "shop", {"ip": "203.0.113.7"}, "DE-7"), NOW + 3600.0)
    assert burst.of == "source"
    assert burst.source in {"block DE-7", "key ip"}
    assert "203" not in burst.why
    assert bursts.look(sources_of("acme", "shop", {}, "DE-8"), NOW + 3612.0).of == "none"


def test_what_lasts_is_traffic() -> None:
    bursts = Bursts()
    now = usual(bursts)
    assert flood(bursts, SHOP, now, 100, 0.2).of == "source"
    last = flood(bursts, SHOP, now + 20.0, 3 * 3600, 1.0)
    assert last.of == "none"


def test_a_daemon_that_just_began_knows_no_bursts_and_one_that_was_here_before_does() -> None:
    bursts = Bursts()
    assert flood(bursts, SHOP, NOW).of == "none"
    bursts = Bursts()
    now = usual(bursts)
    bursts.see(sources_of("acme", "shop", {"ip": "203.0.113.7"}, "DE-1511234"), now)
    kept = json.dumps(bursts.dump())
    assert "203.0.113.7" not in kept
    assert "1511234" not in kept
    again = Bursts.load(json.loads(kept))
    assert flood(again, SHOP, now + 60.0).of == "source"


def test_sources_are_bounded() -> None:
    bursts = Bursts()
    for n in range(SOURCES + 500):
        bursts.see([("use case acme/x", ""), ("key ip", str(n))], NOW + n)
    assert len(bursts._sources) == SOURCES


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(-100.0, 4000.0), st.integers(1, 80)), max_size=30))
def test_whatever_comes_it_is_judged_and_asking_changes_nothing(play: list[tuple[int, float, int]]) -> None:
    bursts, now = Bursts(), NOW
    for source, gap, count in play:
        now += gap  # clocks may be set
        for _ in range(count):
            burst = bursts.see([(f"use case acme/{source}", "")], now)
        assert burst.of in {"none", "source", "all"}
        assert LEAST_WEIGHT <= burst.weight <= 1.0
        seen = bursts.look([(f"use case acme/{source}", "")], now)
        assert bursts.look([(f"use case acme/{source}", "")], now) == seen
        bursts.shows(now)
        Bursts.load(json.loads(json.dumps(bursts.dump())))
