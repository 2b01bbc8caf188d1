"""Who floods loses his own calls, not those of others; and enough go."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from controller.edge.fairness import PLACES, Fairness


def load(rates: dict[str, int], shed: float, seconds: int = 5) -> dict[str, float]:
    """Calls at these rates, a second; the share of each that is turned away."""
    fairness, lost, made = Fairness(), Counter[str](), Counter[str]()
    moments = sorted(
        (second + number / rate, who)
        for who, rate in rates.items()
        for second in range(seconds)
        for number in range(rate)
    )
    for now, who in moments:
        made[who] += 1
        lost[who] += fairness.turns_away(who, shed, now)
    return {who: lost[who] / made[who] for who in rates} | {"all": sum(lost.values()) / len(moments)}


def test_one_source_loses_its_share() -> None:
    assert 0.29 <= load({"a": 100}, 0.3)["a"] <= 0.31


def test_equals_lose_equally() -> None:
    shares = load({"a": 50, "b": 50, "c": 50}, 0.3)
    assert all(0.25 <= share <= 0.35 for share in shares.values())


def test_a_flood_takes_no_calls_of_others() -> None:
    shares = load({"flood": 500, "quiet": 10, "calm": 20}, 0.5)
    assert shares["quiet"] <= 0.05
    assert shares["calm"] <= 0.10
    assert shares["flood"] >= 0.9
    assert shares["all"] >= 0.5


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 60), min_size=1), st.floats(0.05, 0.95))
def test_what_must_go_goes(rates: dict[str, int], shed: float) -> None:
    made = 5 * sum(rates.values())
    lost = load(rates, shed)["all"] * made
    assert lost >= shed * made * 0.8 - 2 * len(rates), "all but what is owed to each, and the first moments"


def test_forged_addresses_do_not_make_it_grow() -> None:
    fairness = Fairness()
    for number in range(3 * PLACES):
        fairness.turns_away(str(number), 0.5, 0.0)
    assert len(fairness._shares) <= PLACES
