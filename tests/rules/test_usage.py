from __future__ import annotations

import random
from collections import Counter, deque
from dataclasses import replace
from typing import Any

import pytest

from controller.rules.expand import expand
from controller.rules.up import CallsUp, Up, dump_rows, load_rows
from controller.rules.usage import ROOM, Usage
from controller.types import (
    FULL,
    THE_NUMBER,
    THE_TENANT,
    Address,
    Dialplan,
    Limits,
    Offer,
    Refusal,
    Route,
    Tenant,
    Trunk,
)

DESK = Route("+15557000", "sales", limits=Limits(calls=2), tenant="acme")
OTHER = Route("+15558", "sales", prefix=True, tenant="acme")


def make_dialplan(routes: tuple[Route, ...] = (DESK, OTHER), **limits: Limits) -> Dialplan:
    return Dialplan(
        "test",
        (),
        {name: Trunk(name, "192.0.2.1", 5060, limits=limits.get(name)) for name in ("a", "b", "hq")},
        {},
        {route.did: route for route in routes if not route.prefix},
        prefixes={route.did: route for route in routes if route.prefix},
        tenants={"acme": Tenant("acme", limits.get("acme", Limits(calls=3)))},
    )


def offer(name: str, trunk: str = "", did: str = "+15557000") -> Offer:
    return Offer(name, did, trunk=trunk)


def test_what_is_not_limited_is_never_full() -> None:
    usage = Usage(make_dialplan())
    for number in range(1000):
        assert usage.start("call", number, "a", 0.0)
    assert usage.full_trunks(0.0) == {}
    assert usage.enter(offer("one", "a", "+15559"), Route("+15559", "sales"), 0.0) is ROOM


def test_a_trunk_is_full_of_calls_in_both_directions() -> None:
    usage = Usage(make_dialplan(a=Limits(calls=3)))
    assert usage.enter(offer("in", "a", "+15559"), Route("+15559", "sales"), 0.0) is ROOM
    assert usage.start("in", 1, "a", 0.0), "what came in over it goes out over it: two lines"
    assert usage.start("in", 2, "a", 0.0)
    assert not usage.start("in", 3, "a", 0.0)
    assert usage.full_trunks(0.0) == {"a": "a is full: 3 of 3 calls"}
    usage.stop("in", 2)
    assert usage.full_trunks(0.0) == {}
    usage.leave("in")
    assert usage.held == {}


def test_outward_and_inward_have_limits_of_their_own() -> None:
    usage = Usage(make_dialplan(a=Limits(outward=1, inward=1)))
    route = Route("+15559", "sales")
    assert usage.enter(offer("one", "a"), route, 0.0) is ROOM
    full = usage.enter(offer("two", "a"), route, 0.0)
    assert full.refusal == Refusal(FULL, 503, "a is full: 1 of 1 call inward")
    assert full.entry == ("a",)
    assert usage.start("one", 1, "a", 0.0)
    assert usage.full_trunks(0.0) == {"a": "a is full: 1 of 1 call outward"}
    assert usage.held["in a"] == 2, "it is there, refused or not, until it is decided"


def test_calls_alone_do_not_refuse_what_a_carrier_sends() -> None:
    usage = Usage(make_dialplan(a=Limits(calls=1)))
    route = Route("+15559", "sales")
    usage.enter(offer("one", "a"), route, 0.0)
    full = usage.enter(offer("two", "a"), route, 0.0)
    assert (full.refusal, list(full.trunks)) == (None, ["a"])


def test_pace_is_a_window_of_one_second() -> None:
    usage = Usage(make_dialplan(a=Limits(cps=2.0)))
    assert [usage.start("x", number, "a", 10.0) for number in (1, 2, 3)] == [True, True, False]
    assert usage.full_trunks(10.999) == {"a": "a is full: 2 calls in the last second"}
    assert usage.start("x", 3, "a", 11.0)
    slow = Usage(make_dialplan(a=Limits(cps=0.5)))
    assert [slow.start("x", 1, "a", now) for now in (0.0, 1.9, 2.0)] == [True, False, True]
    assert slow.full_trunks(3.0) == {"a": "a is full: 1 call in the last 2 s"}


@pytest.mark.parametrize("cps", [1.0, 3.0, 2.5, 0.3])
def test_no_second_sees_more_than_the_pace(cps: float) -> None:
    usage, dice = Usage(make_dialplan(a=Limits(cps=cps))), random.Random(cps)
    most, window = max(1, int(cps)), max(1, int(cps)) / cps
    taken: deque[float] = deque()
    now, total = 0.0, 0
    for number in range(3000):
        now += dice.choice((0.0, 0.001, 0.1, 0.4)) / cps
        if usage.start("x", number, "a", now):
            taken.append(now)
            total += 1
        while taken and now - taken[0] >= window:
            taken.popleft()
        assert len(taken) <= most
    assert total > 0.5 * now * cps


def test_a_number_and_its_tenant_have_limits() -> None:
    usage = Usage(make_dialplan())
    assert usage.enter(offer("1"), DESK, 0.0) is ROOM
    assert usage.enter(offer("2"), DESK, 0.0) is ROOM
    full = usage.enter(offer("3"), DESK, 0.0)
    assert full.entry == (THE_NUMBER,)
    assert full.refusal == Refusal(FULL, 486, "+15557000 is full: 2 of 2 calls")
    assert usage.held == {"did +15557000": 2, "tenant acme": 3}, "the third overflows its number, not its tenant"
    full = usage.enter(offer("4"), OTHER, 0.0)
    assert (full.entry, full.refusal) == ((THE_TENANT,), Refusal(FULL, 486, "tenant acme is full: 3 of 3 calls"))
    usage.leave("1")
    assert usage.enter(offer("5"), OTHER, 0.0) is ROOM


def test_an_answer_of_its_own() -> None:
    usage = Usage(make_dialplan((replace(DESK, limits=Limits(cps=1.0, answer=503)),)))
    route = usage._dialplan.routes["+15557000"]
    assert usage.enter(offer("1"), route, 0.0) is ROOM
    refusal = Refusal(FULL, 503, "+15557000 is full: 1 call in the last second")
    assert usage.enter(offer("2"), route, 0.5).refusal == refusal
    assert usage.enter(offer("3"), route, 1.0) is ROOM


def answer(usage: Usage, name: str, now: float, session: float = 0.0) -> None:
    usage.enter(offer(name, "a"), DESK, now)
    usage.start(name, 1, "b", now)
    usage.start(name, 2, "a", now)
    usage.answered(f"id-{name}", "tag", "b", usage.leave(name, 1, "b"), session, now)


HELD = {"did +15557000": 1, "tenant acme": 1, "in a": 1, "out b": 1}


def test_the_winner_keeps_its_lines_until_somebody_hangs_up() -> None:
    usage = Usage(make_dialplan())
    answer(usage, "one", 5.0)
    assert usage.held == HELD
    assert usage.ended("id-one", "other", "tag-of-nobody") is None
    up = usage.ended("id-one", "other", "tag")
    assert up is not None
    assert (up.trunk, up.since) == ("b", 5.0)
    assert usage.held == {}
    assert usage.ended("id-one", "tag", "other") is None, "the BYE may be repeated"


def test_a_late_success_has_a_line_all_the_same() -> None:
    usage = Usage(make_dialplan())
    usage.enter(offer("one"), DESK, 0.0)
    usage.start("one", 1, "b", 0.0)
    usage.stop("one", 1)
    assert usage.leave("one", 1, "b") == ("did +15557000", "tenant acme", "out b")
    assert usage.held["out b"] == 1


def test_a_session_that_is_not_refreshed_counts_no_more() -> None:
    usage = Usage(make_dialplan(b=Limits(calls=1)))
    answer(usage, "one", 0.0, session=90.0)
    assert "b" in usage.full_trunks(121.0)
    usage.up.refresh(usage.up.find("id-one", "tag"), 90.0, 100.0)
    assert "b" in usage.full_trunks(221.0), "90 s after the refresh, and 32 s that its end may be late"
    assert usage.full_trunks(223.0) == {}
    assert usage.held == {}


def test_a_refresh_without_a_timer_ends_the_session_timer() -> None:
    usage = Usage(make_dialplan(b=Limits(calls=1)))
    answer(usage, "one", 0.0, session=90.0)
    usage.up.refresh(usage.up.find("id-one", "tag"), 0.0, 50.0)
    assert "b" in usage.full_trunks(1000.0)


def test_a_call_of_which_nothing_is_heard_counts_for_four_hours() -> None:
    usage = Usage(make_dialplan(b=Limits(calls=1)))
    answer(usage, "one", 0.0)
    assert "b" in usage.full_trunks(4 * 3600.0 - 1)
    assert usage.full_trunks(4 * 3600.0 + 1) == {}


def test_an_attempt_finds_the_room_of_a_call_that_is_over() -> None:
    usage = Usage(make_dialplan(b=Limits(calls=1)))
    answer(usage, "one", 0.0)
    assert not usage.start("two", 1, "b", 1.0)
    assert usage.start("two", 1, "b", 4 * 3600.0 + 1)


def test_a_call_that_passes_us_twice_occupies_both_ways_until_it_is_over() -> None:
    usage = Usage(make_dialplan())
    for leg, trunk in (("inner", "a"), ("outer", "b")):
        usage.enter(offer(leg, did="+15559"), Route("+15559", "sales"), 0.0)
        usage.start(leg, 1, trunk, 0.0)
        usage.answered("one", "tag", trunk, usage.leave(leg, 1, trunk), 0.0, 0.0)
    assert usage.held == {"out a": 1, "out b": 1}
    assert usage.ended("one", "tag", "x") is not None
    assert usage.held == {}
    for number in range(100):
        usage.enter(offer(str(number)), DESK, 0.0)
        usage.start(str(number), 1, "a", 0.0)
        usage.answered("one", "tag", "a", usage.leave(str(number), 1, "a"), 0.0, 0.0)
    assert sum(usage.held.values()) <= 16


def test_the_table_is_bounded() -> None:
    usage = Usage(make_dialplan(), CallsUp(most=10))
    for number in range(100):
        answer(usage, str(number), float(number))
    assert (len(usage.up), usage.held["out b"], usage.held["in a"]) == (10, 10, 10)
    assert usage.up.find("id-99", "tag")
    assert not usage.up.find("id-89", "tag")


def test_calls_of_an_earlier_life_count_on() -> None:
    usage = Usage(make_dialplan(b=Limits(calls=2)))
    answer(usage, "one", 100.0, session=600.0)
    answer(usage, "two", 100.0)
    data = dump_rows(usage.up.copy(), wall=1_000_000.0)
    later = Usage(make_dialplan(b=Limits(calls=2)))
    later.restore(load_rows(data, wall=1_000_090.0), 12.0)  # another machine's clock, two seconds later
    assert later.held == usage.held
    assert later.full_trunks(12.0) == {"b": "b is full: 2 of 2 calls"}
    assert later.full_trunks(10.0 + 600.0 + 33.0) == {}, "the session of one is over"
    up = later.ended("id-two", "tag", "x")
    assert up is not None
    assert up.since == 10.0
    assert later.held == {}


def test_what_is_too_old_is_not_restored() -> None:
    usage = Usage(make_dialplan())
    usage.restore({"x\ny": Up("b", -20_000.0, ("out b",), -20_000.0)}, 0.0)
    assert (len(usage.up), usage.held) == (0, {})


@pytest.mark.parametrize("data", [[1], ["x"], [["k", "t", "soon", [], 0, None]], [["k", "t", 0.0, 7, 0.0, None]], None])
def test_what_was_never_dumped_is_refused(data: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        load_rows(data, 0.0)


def test_a_trunk_with_several_addresses_has_one_limit() -> None:
    usage = Usage(
        expand(make_dialplan(b=Limits(calls=2)), {"b": [Address("192.0.2.7", 5060), Address("192.0.2.8", 5060)]})
    )
    first, second = "b/192.0.2.7:5060", "b/192.0.2.8:5060"
    usage.enter(offer("x", first), OTHER, 0.0)
    assert usage.start("x", 1, first, 0.0)
    assert not usage.start("x", 2, second, 0.0)
    why = "b is full: 2 of 2 calls"
    assert usage.full_trunks(0.0) == {"b": why}
    usage.update(make_dialplan(b=Limits(calls=2)))  # as when only one address is left
    usage.answered("id", "tag", first, usage.leave("x", 1, first), 0.0, 0.0)
    assert usage.held == {"in b": 1, "out b": 1, "tenant acme": 1}
    assert next((share.of, share.outward, share.inward) for share in usage.view(0.0)) == ("trunk b", 1, 1)


def test_limits_may_change_while_calls_are_up() -> None:
    usage = Usage(make_dialplan(b=Limits(calls=1)))
    answer(usage, "one", 0.0)
    usage.enter(offer("x"), OTHER, 0.0)
    usage.update(make_dialplan(b=Limits(calls=2, cps=1.0)))
    assert usage.start("x", 1, "b", 0.0)
    usage.update(make_dialplan(b=Limits(calls=5, cps=1.0)))
    assert not usage.start("x", 2, "b", 0.5), "the pace is remembered"
    usage.update(make_dialplan())
    assert usage.start("x", 2, "b", 0.5)
    usage.update(make_dialplan(b=Limits(calls=3)))
    assert "b" in usage.full_trunks(0.5)


def test_random_calls_keep_the_limits_and_leave_nothing_behind() -> None:
    seen: Counter[str] = Counter()
    for seed in range(60):
        dice = random.Random(seed)
        limits = {"a": Limits(calls=dice.randint(1, 6)), "b": Limits(outward=2, cps=dice.choice((None, 1.0, 5.0)))}
        usage = Usage(make_dialplan(**limits))
        under_way: dict[str, dict[int, str]] = {}  # the trunk of each attempt
        up: list[str] = []
        now = 0.0
        for step in range(300):
            now += dice.random() * 0.2
            kind = dice.random()
            if kind < 0.3 or not under_way:
                name = f"c{step}"
                full = usage.enter(offer(name, dice.choice(("", "a", "hq"))), dice.choice((DESK, OTHER)), now)
                seen["refused" if full.refusal else "let in"] += 1
                under_way[name] = {}
                continue
            name = dice.choice(list(under_way))
            attempts = under_way[name]
            if kind < 0.6:
                trunk = dice.choice("ab")
                out, both = usage.held.get(f"out {trunk}", 0), usage.held.get(f"in {trunk}", 0)
                started = usage.start(name, step, trunk, now)
                most = limits[trunk].calls
                if started:
                    attempts[step] = trunk
                    assert most is None or out + both < most
                    assert trunk == "a" or out < 2
                seen["started" if started else "full"] += 1
            elif kind < 0.7 and attempts:
                usage.stop(name, attempts.popitem()[0])
            elif kind < 0.8 and attempts:
                winner, trunk = dice.choice(list(attempts.items()))
                usage.answered(name, "t", trunk, usage.leave(name, winner, trunk), 0.0, now)
                up.append(name)
                del under_way[name]
            elif kind < 0.9:
                usage.leave(name)
                del under_way[name]
            elif up:
                usage.ended(up.pop(dice.randrange(len(up))), "t", "u")
            assert min(usage.held.values(), default=1) > 0
        for name in under_way:
            usage.leave(name)
        for name in up:
            usage.ended(name, "t", "u")
        assert usage.held == {}, f"seed {seed}"
        assert not usage._offers
    assert min(seen.values()) > 100, seen


def test_briefly_only_numbers_with_calls_are_shown() -> None:
    """There may be ten thousand, and somebody asks every second."""
    many = tuple(Route(f"+1555{index:07d}", "sales", limits=Limits(calls=2)) for index in range(300))
    usage = Usage(make_dialplan(many, b=Limits(calls=2)))
    always = [share.of for share in usage.view(0.0) if not share.of.startswith("did ")]
    assert len(usage.view(0.0)) == 300 + len(always)
    assert [share.of for share in usage.view(0.0, brief=True)] == always
    usage.enter(offer("one", "a", many[7].did), many[7], 0.0)
    assert [share for share in usage.view(0.0, brief=True) if share.of not in always] == [
        share for share in usage.view(0.0) if share.of == f"did {many[7].did}"
    ]
    usage.update(make_dialplan((Route(many[7].did, "sales", limits=Limits(cps=1.0)),), b=Limits(calls=2)))
    usage.enter(offer("two", "a", many[7].did), Route(many[7].did, "sales", limits=Limits(cps=1.0)), 0.0)
    assert usage.view(0.0, brief=True) == usage.view(0.0)
    assert usage.view(0.0, brief=True)[-1].why == "1 call in the last second"
