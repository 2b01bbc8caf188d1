from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from controller.health.choice import (
    CONFIGURED,
    Ordering,
    Record,
    Seen,
    choose,
    dead_after,
    draw,
    index,
    patience_over,
    replay,
)

BEST = Ordering("standard", value=0.5, explore=0.0)


def seen(
    target: str, p: float = 0.9, cost: float = 0.02, share: float = 1.0, canary: bool = False, domain: str = "",
    ordering: Ordering = BEST, state: str = "",
) -> Seen:  # fmt: skip
    state = state or ("open" if share == 1.0 else "canary" if canary else "rising" if share else "held")
    domains = (domain,) if domain else ()
    return Seen(
        target,
        cost,
        20.0,
        domains,
        p,
        500.0,
        share,
        canary,
        patience_over(20.0, ordering),
        index(p, cost, 20.0, ordering),
        state,
        "",
    )


def record(*candidates: Seen, ordering: Ordering = BEST, key: str = "offer-1", **more: object) -> Record:
    base = Record(key, ("US",), 0.0, ordering, candidates, "", True, (), 0.03)
    return replace(base, **more)  # type: ignore[arg-type]


def order(*candidates: Seen, **more: object) -> tuple[str, ...]:
    return choose(record(*candidates, **more))[0]  # type: ignore[arg-type]


def key_where(pick: float) -> str:
    """An offer whose second number is below ``pick``."""
    return next(f"offer-{n}" for n in range(10_000) if draw(f"offer-{n}")[1] < pick)


def key_above(pick: float, gate: float) -> str:
    return next(f"offer-{n}" for n in range(10_000) if draw(f"offer-{n}")[1] > pick and draw(f"offer-{n}")[2] > gate)


QUIET = key_above(0.5, 0.5)


def test_without_hurry_the_cheapest_success_goes_first() -> None:
    patient = Ordering(value=0.5, patience=float("inf"), explore=0.0)
    a, b = index(0.95, 0.03, 20.0, patient), index(0.80, 0.02, 20.0, patient)
    assert (0.02 / 0.80 < 0.03 / 0.95) == (b > a)


def test_in_a_hurry_the_likely_success_goes_first() -> None:
    hasty = Ordering(value=0.5, patience=5.0, explore=0.0)
    assert index(0.95, 0.03, 20.0, hasty) > index(0.80, 0.02, 20.0, hasty)


def test_configured_order_stands() -> None:
    assert order(seen("b", p=0.5), seen("a", p=0.99), ordering=CONFIGURED, key=QUIET) == ("b", "a")


def test_a_closed_one_goes_to_the_end_and_is_never_removed() -> None:
    assert order(seen("a", p=0.99, share=0.0), seen("b", p=0.6), key=QUIET) == ("b", "a")
    assert order(seen("a", share=0.0), seen("b"), ordering=CONFIGURED, key=QUIET) == ("b", "a")


def test_the_last_one_is_used_whatever_its_gate() -> None:
    assert order(seen("a", share=0.0)) == ("a",)
    chosen = choose(record(seen("a", p=0.6, share=0.0), seen("b", p=0.9, share=0.0)))
    assert (chosen[0], chosen[3]) == (("b", "a"), "panic")


def test_parked_ones_are_the_very_last() -> None:
    assert order(seen("a", share=0.0, state="parked"), seen("b", p=0.5, share=0.0), key=QUIET) == ("b", "a")


def test_the_primary_stays_while_nobody_is_clearly_better() -> None:
    a, b = seen("a", p=0.900), seen("b", p=0.902)
    assert order(a, b, primary="a", key=QUIET) == ("a", "b")
    assert order(a, b, primary="b", key=QUIET) == ("b", "a")


def test_a_better_one_waits_for_the_dwell_time() -> None:
    a, b = seen("a", p=0.85), seen("b", p=0.95)
    assert order(a, b, primary="a", settled=False, key=QUIET)[0] == "a"
    assert order(a, b, primary="a", settled=True, key=QUIET)[0] == "b"


def test_a_closed_primary_is_left_at_once() -> None:
    assert order(seen("a", share=0.0), seen("b"), primary="a", settled=False, key=QUIET)[0] == "b"


def test_behind_the_first_another_failure_domain_is_preferred() -> None:
    first, twin, other = seen("a", p=0.95, domain="x"), seen("b", p=0.94, domain="x"), seen("c", p=0.85, domain="y")
    assert order(first, twin, other, key=QUIET) == ("a", "c", "b")


def test_canaries_go_first_for_some_offers_only() -> None:
    back, other = seen("a", p=0.9, share=0.0, canary=True), seen("b")
    assert choose(record(back, other, key=key_where(0.2)))[3] == "canary"
    assert choose(record(back, other, key=QUIET))[0] == ("b", "a")
    firsts = [choose(record(back, other, key=f"offer-{n}"))[0][0] for n in range(2000)]
    assert 0.15 < firsts.count("a") / 2000 < 0.25


def test_a_reserve_that_was_closed_needs_no_canary() -> None:
    assert order(seen("a"), seen("b", share=0.0, canary=True), ordering=CONFIGURED, key=key_where(0.2))[0] == "a"


def test_a_rising_share_is_what_it_says() -> None:
    firsts = [order(seen("a", share=0.25), seen("b"), ordering=CONFIGURED, key=f"offer-{n}")[0] for n in range(4000)]
    assert 0.22 < firsts.count("a") / 4000 < 0.28


def test_exploration_takes_its_share_and_only_where_there_is_hope() -> None:
    curious = replace(BEST, explore=0.05)
    known, promising = seen("a", p=0.9), seen("b", p=0.89)._replace(n=20.0)
    hows = [choose(record(known, promising, ordering=curious, key=f"offer-{n}"))[3] for n in range(4000)]
    assert 0.03 < hows.count("explore") / 4000 < 0.07
    hopeless = seen("b", p=0.5)._replace(n=2000.0)
    assert choose(record(known, hopeless, ordering=replace(BEST, explore=1.0), key=QUIET))[3] == "leader"


def test_a_further_attempt_must_be_worth_its_cost() -> None:
    cheap, dear = seen("a", cost=0.01), seen("b", cost=0.6)
    assert choose(record(cheap, dear, key=QUIET))[1] == 1


def test_two_failures_make_a_dead_destination_likely() -> None:
    assert dead_after([]) == 0.03
    assert 0.7 < dead_after([0.93, 0.93]) < 0.9


chance = st.floats(0.0, 1.0)
candidates = st.builds(
    lambda p, n, cost, wait, domain, gate: Seen(
        "",
        cost,
        wait,
        (domain,) if domain else (),
        p,
        n,
        gate[0],
        gate[1],
        patience_over(wait, BEST),
        index(p, cost, wait, BEST),
        gate[2],
        "",
    ),
    chance,
    st.floats(0.0, 1e4),
    st.floats(0.0, 1.0),
    st.floats(0.0, 600.0),
    st.sampled_from(["", "x", "y"]),
    st.sampled_from(
        [
            (1.0, False, "open"),
            (0.25, False, "rising"),
            (0.0, False, "held"),
            (0.0, True, "canary"),
            (0.0, False, "parked"),
        ]
    ),
)
orderings = st.builds(
    Ordering,
    best=st.booleans(),
    value=st.sampled_from([0.5, 1.0, float("inf")]),
    explore=st.sampled_from([0.0, 0.01, 1.0]),
)
records = st.builds(
    lambda rows, ordering, key, primary, settled, after: Record(
        key, ("US", "US/1"), 12.5, ordering, tuple(c._replace(target=f"t{n}") for n, c in enumerate(rows)), primary,
        settled, after, 0.03,
    ),
    st.lists(candidates, min_size=1, max_size=10), orderings, st.text(max_size=12), st.sampled_from(["", "t0", "t3", "gone"]),
    st.booleans(), st.sampled_from([(), ("gone",)]),
)  # fmt: skip


@given(records)
def test_everybody_is_in_the_order_once_and_somebody_open_goes_first(asked: Record) -> None:
    chosen, worth, leader, how = choose(asked)
    assert sorted(chosen) == sorted(c.target for c in asked.seen)
    assert 0 <= worth <= len(chosen)
    assert worth or asked.after
    by_name = {c.target: c for c in asked.seen}
    if any(c.share >= 1.0 for c in asked.seen):
        first = by_name[chosen[0]]
        assert first.share > 0.0 or (first.canary and how == "canary")
        assert leader


@given(records)
def test_a_record_replays_to_the_same_choice_after_json_too(asked: Record) -> None:
    chosen, worth, leader, how = choose(asked)
    full = replace(asked, order=chosen, worth=worth, leader=leader, how=how)
    assert replay(full) == chosen
    again = Record.from_plain(json.loads(json.dumps(full.plain())))
    assert again == full
    assert replay(again) == chosen
