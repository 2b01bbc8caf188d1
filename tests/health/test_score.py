"""Playbooks and properties of the whole engine: outcomes in, orders out, in virtual time."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.health.choice import CONFIGURED, Candidate, Ordering, Record, replay
from controller.health.outcomes import Outcome, OutcomeClass, Region
from controller.health.score import Scores, Target

A, B, C = Target("a", ("up-1",)), Target("b", ("up-2",)), Target("c", ("up-1",))
US1: Region = ("US", "US/1")
US2: Region = ("US", "US/2")
DE1: Region = ("DE", "DE/1")
BEST = Ordering("standard", value=0.5, explore=0.0)
EQUAL = [Candidate("a", 0.01), Candidate("b", 0.01), Candidate("c", 0.01)]


def make(**more: Any) -> Scores:
    return Scores([A, B, C], **more)


def tell(
    scores: Scores, target: str, kind: str, count: int = 1, now: float = 0.0, region: Region = US1, **more: Any
) -> list[str]:
    """Observe; one second apart. Returns changes as "target region: old > new"."""
    moved = []
    for n in range(count):
        changes = scores.observe(Outcome(target, OutcomeClass(kind), region, **more), now + n)
        moved += [f"{change.target} {'/'.join(change.region[-1:])}: {change.old} > {change.new}" for change in changes]
    return moved


def state(scores: Scores, target: str, region: Region, now: float) -> str:
    return next(row.state for row in scores.view(now) if (row.target, row.region) == (target, region))


def firsts(
    scores: Scores, now: float, region: Region = US1, count: int = 400, ordering: Ordering = BEST
) -> dict[str, float]:
    """Share of offers per first target, asked from a copy so that asking changes nothing."""
    copy = Scores.load(scores.dump(), scores.targets.values())
    found: dict[str, float] = {}
    for n in range(count):
        first = copy.order(EQUAL, f"offer-{n}", region, now, ordering).order[0]
        found[first] = found.get(first, 0.0) + 1 / count
    return found


def healthy(scores: Scores, now: float = 0.0, regions: tuple[Region, ...] = (US1, US2, DE1)) -> float:
    """All targets did well for a while. Returns now."""
    for region in regions:
        for target in "abc":
            for n in range(200):
                kind = "failure" if n % 14 == 13 else "success"
                tell(scores, target, kind, now=now + n, region=region)
    return now + 200.0


# --------------------------------------------------------------------------- incidents


def test_failures_in_one_operator_close_that_operator_only() -> None:
    scores = make()
    now = healthy(scores)
    assert "a US/1: open > held" in tell(scores, "a", "failure", 8, now)
    assert state(scores, "a", US1, now + 8) == "held"
    assert state(scores, "a", ("US",), now + 8) == "open"
    assert state(scores, "a", US2, now + 8) == "open"
    assert "a" not in firsts(scores, now + 8)


def test_failures_all_over_a_country_close_the_country() -> None:
    scores = make()
    now = healthy(scores, regions=tuple(("US", f"US/{n}") for n in range(8)))
    for n in range(12):
        tell(scores, "a", "failure", now=now + n, region=("US", f"US/{n % 8}"))
    assert state(scores, "a", ("US",), now + 12) == "held"


def test_half_of_the_traffic_in_two_countries_closes_the_target() -> None:
    scores = make()
    now = healthy(scores)
    tell(scores, "a", "failure", 10, now, region=DE1)
    assert state(scores, "a", (), now + 10) == "open"
    moved = tell(scores, "a", "failure", 10, now + 10, region=US1) + tell(
        scores, "a", "failure", 10, now + 20, region=US2
    )
    assert "a : open > held" in moved
    assert "a" not in firsts(scores, now + 30, region=("FR", "FR/1"))


def test_an_incident_is_not_held_against_what_the_target_is_when_it_works() -> None:
    scores = make()
    now = healthy(scores)

    def estimate(at: float) -> float:
        return next(row.estimate for row in scores.view(at) if (row.target, row.region) == ("a", US1))

    before = estimate(now)
    tell(scores, "a", "failure", 30, now)
    assert estimate(now + 30) == pytest.approx(before, abs=0.005)


def test_it_comes_back_by_canaries_and_growing_shares() -> None:
    scores = make()
    now = healthy(scores)
    tell(scores, "a", "failure", 8, now)
    now += 60
    assert state(scores, "a", US1, now) == "canary"
    assert 0.0 < firsts(scores, now, ordering=CONFIGURED)["a"] < 0.02  # one is dealt, the next is due seconds later
    assert tell(scores, "a", "success", 5, now) == ["a in US/1 US/1: canary > rising"]
    assert 0.01 < firsts(scores, now + 6, ordering=CONFIGURED)["a"] < 0.12
    assert 0.18 < firsts(scores, now + 25, ordering=CONFIGURED)["a"] < 0.32
    assert state(scores, "a", US1, now + 90) == "open"


def test_the_last_one_is_never_removed() -> None:
    scores = make()
    now = healthy(scores)
    for target in "abc":
        tell(scores, target, "failure", 12, now)
    decision = scores.order(EQUAL, "offer", US1, now + 12, BEST)
    assert sorted(decision.order) == ["a", "b", "c"]
    assert decision.record.how == "panic"
    assert scores.order([Candidate("a")], "offer", US1, now + 12, BEST).order == ("a",)


def test_all_down_and_back_finds_who_is_back() -> None:
    scores = make()
    now = healthy(scores)
    for target in "abc":
        tell(scores, target, "failure", 12, now)
    now += 30
    tell(scores, "b", "success", 5, now)
    assert state(scores, "b", US1, now + 6) == "rising"


def test_a_shared_upstream_is_suspected_and_then_closed() -> None:
    scores = make()
    now = healthy(scores)
    tell(scores, "a", "failure", 8, now)
    now += 8
    alone = make()
    healthy(alone)
    needed = next(n for n in range(1, 20) if tell(scores, "c", "failure", now=now + n))
    unwarned = next(n for n in range(1, 20) if tell(alone, "c", "failure", now=now + n))
    assert needed < unwarned
    assert any(row.target == "domain up-1" and row.state == "held" for row in scores.view(now + 20))
    assert set(firsts(scores, now + 20)) == {"b"}


def test_a_third_target_is_hardly_blamed_for_a_dead_destination() -> None:
    scores = make()
    now = healthy(scores)
    assert tell(scores, "c", "failure", 10, now, after=("a", "b")) == []


def test_a_nightly_dip_is_an_incident_only_until_it_is_known() -> None:
    scores, dice = make(), Random(1)
    alarms = [0] * 5  # per day
    for day in range(5):
        for n in range(24 * 120):
            chance = 0.65 if 120 <= n < 480 else 0.93  # from one to four
            kind = "success" if dice.random() < chance else "failure"
            moved = tell(scores, "a", kind, now=day * 86400.0 + n * 30.0)
            alarms[day] += sum("open > held" in move for move in moved)
    assert alarms[0] >= 3
    assert sum(alarms[2:]) <= 1


def test_what_is_overdue_counts_before_it_fails_and_is_taken_back_if_it_succeeds() -> None:
    scores = make()
    now = healthy(scores)
    for n in range(30):
        tell(scores, "a", "success", now=now + n, age=3.0)
    now += 30
    assert scores.overdue_after("a", US1, now) == pytest.approx(3.0, rel=0.01)
    assert scores.overdue_after("b", US1, now) == float("inf")
    before = [node[3][0] for node in scores.dump()["nodes"]]  # what the alarms have added up
    tell(scores, "a", "overdue", 3, now)
    tell(scores, "a", "success", 3, now, overdue=True, age=4.0)
    assert [node[3][0] for node in scores.dump()["nodes"]] == before
    assert any("open > held" in move for move in tell(scores, "a", "overdue", 20, now))


# --------------------------------------------------------------------------- other classes of outcomes


def test_destinations_say_nothing_about_the_target() -> None:
    scores = make()
    now = healthy(scores)
    before = json.dumps(scores.dump())
    assert tell(scores, "a", "destination", 100, now) == []
    assert json.dumps(scores.dump()) == before


def test_a_full_target_gets_half_and_then_slowly_more() -> None:
    scores = make()
    tell(scores, "a", "capacity", now=10.0)
    configured = [firsts(scores, at, ordering=CONFIGURED).get("a", 0.0) for at in (10.0, 15.0, 20.0)]
    assert configured == pytest.approx([0.5, 0.75, 1.0], abs=0.08)


@pytest.mark.parametrize("retry_after", [30.0, 9e23, float("inf")])
def test_retry_after_is_honoured_with_a_cap(retry_after: float) -> None:
    scores = make()
    tell(scores, "a", "capacity", now=10.0, retry_after=retry_after)
    assert "a" not in firsts(scores, 30.0, ordering=CONFIGURED)
    assert "a" in firsts(scores, 130.0, ordering=CONFIGURED)


def test_retry_after_never_empties_the_house() -> None:
    scores = make()
    for target in "abc":
        tell(scores, target, "capacity", now=10.0, retry_after=60.0)
    assert sum(firsts(scores, 11.0, ordering=CONFIGURED).values()) == pytest.approx(1.0)


def test_full_for_long_is_a_failure_after_all() -> None:
    scores = make()
    now = healthy(scores)
    assert any("open > held" in move for move in tell(scores, "a", "capacity", 60, now))


def test_our_own_fault_closes_after_five_and_says_whose_it_is() -> None:
    scores = make()
    assert tell(scores, "a", "ours", 4, code="401") == []
    assert tell(scores, "a", "ours", 1, now=4.0, code="401") == ["a : open > held"]
    assert "our settings" in next(row.why for row in scores.view(5.0) if row.target == "a")


def test_a_target_that_says_three_times_in_a_row_that_it_cannot_is_believed() -> None:
    scores = make()
    assert tell(scores, "a", "failure", 2, region=(), code="503") == []
    assert tell(scores, "a", "success", 1, now=2.0, region=()) == []
    assert tell(scores, "a", "failure", 3, now=3.0, region=(), code="503") == ["a : open > held"]
    assert scores.troubled(6.0)
    assert "says itself that it cannot (503), 3 times in a row" in scores.view(6.0)[0].why


def test_a_target_that_often_fails_is_not_taken_out_by_three_failures_in_a_row() -> None:
    scores = make()
    for round_ in range(40):
        moved = tell(scores, "a", "success", 8, now=20.0 * round_, region=())
        moved += tell(scores, "a", "failure", 2, now=20.0 * round_ + 8.0, region=(), code="503")
        assert moved == []
    assert tell(scores, "a", "failure", 1, now=800.0, region=(), code="503") == []


def test_a_busy_destination_between_shows_that_the_target_can() -> None:
    scores = make()
    assert tell(scores, "a", "failure", 2, region=(), code="503") == []
    tell(scores, "a", "destination", 1, now=2.0, region=())
    assert tell(scores, "a", "failure", 2, now=3.0, region=(), code="503") == []
    assert not scores.troubled(5.0)


def test_nobody_is_troubled_while_all_gates_are_open() -> None:
    scores = make()
    healthy(scores)
    assert not scores.troubled(1000.0)
    scores.lost("a", 1000.0, "dead")
    assert not scores.troubled(1001.0), "whoever is dead is left out anyway"
    scores.found("a", 1010.0, "alive")
    assert scores.troubled(1011.0)
    assert not scores.troubled(1200.0), "alive, and nothing against it: its share has grown to all"


def test_reports_that_never_prove_true_are_an_incident_and_flagged() -> None:
    scores = make()
    now = healthy(scores)
    moved: list[str] = []
    for n in range(60):
        if n == 25:
            assert any("prove untrue" in row.why for row in scores.view(now + n))
        for target, held in (("a", False), ("b", n % 5 > 0), ("c", n % 5 > 0)):
            moved += tell(scores, target, "confirmed" if held else "unconfirmed", now=now + n)
    assert moved == ["a US: open > held"]
    assert "a" not in firsts(scores, now + 9e3)
    assert any("suspect" in row.why for row in scores.view(now + 9e3) if row.region == US1)


def test_fraud_does_not_poison_a_target() -> None:
    scores = make()
    now = healthy(scores)
    assert tell(scores, "a", "failure", 100, now, weight=0.0) == []
    assert state(scores, "a", US1, now + 100) == "open"


# --------------------------------------------------------------------------- order


def test_the_better_one_leads_and_small_differences_do_not_flap() -> None:
    scores = make()
    now = healthy(scores)
    leaders, dice = [], Random(3)
    for n in range(2000):
        now += 2.0
        decision = scores.order(EQUAL, f"o{n}", US1, now, BEST)
        leaders.append(decision.record.leader)
        tell(scores, decision.order[0], "success" if dice.random() < 0.93 else "failure", now=now)
    changes = sum(x != y for x, y in pairwise(leaders))
    assert changes <= 6


def test_a_new_country_starts_with_what_the_target_is_elsewhere() -> None:
    scores = make()
    for n in range(600):
        tell(scores, "a", "success" if n % 2 else "failure", now=n * 1.0, region=("US", f"US/{n % 3}"))
        tell(scores, "b", "success" if n % 20 else "failure", now=n * 1.0, region=("US", f"US/{n % 3}"))
    assert firsts(scores, 4000.0, region=("FR", "FR/9")).get("b", 0.0) + firsts(
        scores, 4000.0, region=("FR", "FR/9")
    ).get("c", 0.0) == pytest.approx(1.0)


def test_configured_order_stands_and_only_gates_change_it() -> None:
    scores = make()
    now = healthy(scores)
    tell(scores, "a", "unconfirmed", 30, now)
    assert firsts(scores, now + 30, ordering=CONFIGURED) == pytest.approx({"a": 1.0})
    scores.lost("a", now + 31, "8 probes unanswered")
    assert set(firsts(scores, now + 32, ordering=CONFIGURED)) == {"b"}
    scores.found("a", now + 60, "probes are answered")
    assert 0.0 < firsts(scores, now + 60, ordering=CONFIGURED)["a"] < 0.02


def test_parking_and_homing() -> None:
    scores = make()
    (change,) = scores.park("a", 1.0, "maintenance")
    assert (change.old, change.new, change.why) == ("open", "parked", "maintenance")
    assert set(firsts(scores, 1e5, ordering=CONFIGURED)) == {"b"}
    scores.home("a", 1e5)
    tell(scores, "a", "success", 6, 1e5 + 1)
    assert firsts(scores, 1e5 + 200, ordering=CONFIGURED) == pytest.approx({"a": 1.0})


def test_targets_may_change_and_the_rest_is_kept() -> None:
    scores = make()
    now = healthy(scores)
    scores.update([A, Target("d")])
    assert {row.target for row in scores.view(now)} == {"a"}
    assert scores.order([Candidate("a"), Candidate("d")], "o", US1, now, BEST).order[0] in {"a", "d"}


def test_targets_that_are_gone_are_not_loaded() -> None:
    scores = make()
    now = healthy(scores)
    again = Scores.load(scores.dump(), [A])
    assert {row.target for row in again.view(now)} == {"a"}


def test_what_faded_is_forgotten() -> None:
    scores = make()
    now = healthy(scores)
    assert scores.forget(now) == 0
    assert scores.forget(now + 90 * 86400.0) == 15  # operators and countries of three targets
    assert {row.region for row in scores.view(now)} == {()}


# --------------------------------------------------------------------------- properties

regions = st.sampled_from([(), ("US",), US1, US2, DE1])
kinds = st.sampled_from(["success", "success", "success", "failure", "failure", "failure", "capacity", "destination", "ours",
                         "confirmed", "unconfirmed"])  # fmt: skip
observed = st.tuples(st.just("observe"), st.sampled_from("abcx"), kinds, regions, st.integers(1, 12), st.floats(0, 30),
                     st.sampled_from([(), ("a",), ("a", "b"), ("x",)]))  # fmt: skip
asked = st.tuples(st.just("order"), st.sampled_from("abcx"), st.text(max_size=5), regions, st.integers(1, 3), st.floats(0, 300),
                  st.sampled_from([(), ("a",)]))  # fmt: skip
signalled = st.tuples(st.sampled_from(["lost", "found", "park", "home"]), st.sampled_from("abc"), st.just(""), regions,
                      st.just(1), st.floats(0, 100), st.just(()))  # fmt: skip
steps = st.lists(st.one_of(observed, asked, signalled), max_size=40)


def step(scores: Scores, what: tuple[Any, ...], now: float) -> Record | None:
    kind, target, word, region, count, _, after = what
    if kind == "observe":
        tell(scores, target, word, count, now, region, after=after, age=1.0)
    elif kind == "order":
        candidates = [c for c in EQUAL if c.target not in after]
        return scores.order(candidates[:count], word, region, now, BEST if count > 1 else CONFIGURED, after).record
    else:
        move = getattr(scores, kind)
        move(target, now, "said so")
    return None


@given(steps)
def test_every_decision_replays_and_orders_everybody_once(play: list[tuple[Any, ...]]) -> None:
    scores, now = make(), 0.0
    for what in play:
        now += what[5]
        record = step(scores, what, now)
        if record is not None:
            assert sorted(record.order) == sorted(c.target for c in record.seen)
            again = Record.from_plain(json.loads(json.dumps(record.plain())))
            assert replay(again) == record.order
        for row in scores.view(now):
            assert 0.0 <= row.estimate <= 1.0
            assert row.samples >= 0.0
            assert row.why


@given(steps, steps)
def test_dump_and_load_at_any_point_change_nothing(before: list[tuple[Any, ...]], after: list[tuple[Any, ...]]) -> None:
    scores, now = make(), 0.0
    for what in before:
        now += what[5]
        step(scores, what, now)
    again = Scores.load(json.loads(json.dumps(scores.dump())), [A, B, C])
    for what in after:
        now += what[5]
        assert step(scores, what, now) == step(again, what, now)
    assert json.dumps(scores.dump()) == json.dumps(again.dump())


@given(steps)
def test_the_same_history_gives_the_same_scores(play: list[tuple[Any, ...]]) -> None:
    dumps = []
    for _ in range(2):
        scores, now = make(), 0.0
        for what in play:
            now += what[5]
            step(scores, what, now)
        dumps.append(json.dumps(scores.dump()))
    assert dumps[0] == dumps[1]


@pytest.mark.parametrize("proved", [False, True])
def test_a_look_at_all_targets_costs_as_much_more_as_there_are_more(proved: bool) -> None:
    """The process for calls is asked every second: with a thousand trunks each look once took 0.17 s."""

    def work(count: int) -> int:
        scores = Scores([Target(f"t{index}") for index in range(count)])
        for index in range(count):
            scores.observe(Outcome(f"t{index}", OutcomeClass.SUCCESS, US1), 0.0)
            if proved:
                scores.nodes.all[f"t{index}", "US"].held.add(9.0, 1.0, 0.0)
        done = 0

        def note(*_: Any) -> None:
            nonlocal done
            done += 1

        sys.setprofile(note)
        try:
            scores.view(1.0)
        finally:
            sys.setprofile(None)
        return done

    assert work(160) < 5 * work(40)


def test_a_look_at_all_targets_finds_suspect_reports_as_an_order_does() -> None:
    scores = make()
    healthy(scores)
    for target, good in (("a", 10.0), ("b", 100.0), ("c", 90.0)):
        scores.nodes.all[target, "US"].held.add(good, 100.0 - good, 0.0)
    pool_of = scores.nodes.pools()
    for target in ("a", "b", "c", "nobody"):
        for region in (US1, DE1, ()):
            assert pool_of(region, target) == pytest.approx(scores.nodes.pool(region, target))
    assert [row.target for row in scores.view(0.0) if "suspect reports" in row.why] == ["a", "a", "a"]
