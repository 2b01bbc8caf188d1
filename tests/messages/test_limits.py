"""Limits: what is let through is never more than was said, and what is turned away may come back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.messages.gcra import Gcra
from controller.messages.limits import Limits, SenderTurns
from controller.types.messages import Channel, Client, Messaging, NumberKind, Provider, Sender


def messaging(**settings: object) -> Messaging:
    return Messaging(providers={}, cascades={}, **settings)  # type: ignore[arg-type]


@given(
    st.integers(1, 20),
    st.floats(0.5, 600),
    st.lists(st.floats(0, 50), min_size=1, max_size=80),
)
def test_no_stretch_of_time_has_more_than_the_limit_allows(count: int, period: float, gaps: list[float]) -> None:
    limit, now, taken = Gcra(count, period), 1.7e9, []
    for gap in gaps:
        now += gap
        wait = limit.wait("k", now)
        if limit.take("k", now) == 0.0:
            taken.append(now)
            assert wait <= 1e-6
        else:
            assert limit.take("k", now + limit.wait("k", now) + 1e-6) == 0.0, "whoever waits as told is let in"
            now += wait + 1e-6
            taken.append(now)
    for first, start in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= count * (1 + (taken[last] - start) / period) + 1e-3


def test_so_many_at_once_and_then_one_by_one() -> None:
    limit = Gcra(5, 600)
    assert [limit.take("ip", 0.0) for _ in range(5)] == [0.0] * 5
    assert limit.take("ip", 0.0) == pytest.approx(120.0)
    assert limit.take("other", 0.0) == 0.0
    assert limit.take("ip", 119.0) == pytest.approx(1.0)
    assert limit.take("ip", 120.0) == 0.0
    assert limit.take("ip", 120.0) > 0.0


def test_a_table_of_forged_keys_is_bounded_and_keeps_those_that_matter() -> None:
    limit = Gcra(1, 60, places=1000)
    for key in range(100_000):
        limit.take(key, key * 0.001)
    assert len(limit) == 1000
    assert limit.take(99_999, 100.0) > 0.0


def test_a_request_over_a_limit_says_which_and_until_when_and_counts_nowhere() -> None:
    limits = Limits(messaging(limits={"ip": (2, 60), "session": (3, 60)}, max_per_prefix=(4, 60)))
    keys = {"ip": "192.0.2.1", "session": "s", "unknown": "x"}
    assert [limits.admit("acme", keys, "DE-1512345", 0.0) for _ in range(2)] == [None, None]
    refused = limits.admit("acme", keys, "DE-1512345", 0.0)
    assert refused is not None
    assert (refused.limit, refused.retry_after) == ("ip", pytest.approx(30.0))
    assert limits.admit("acme", {"session": "s"}, "DE-1512345", 0.0) is None, (
        "what was refused took nothing of the session"
    )
    assert limits.admit("other", keys, "DE-1512345", 0.0) is None, "keys are a tenant's own"
    blocked = limits.admit("other", {}, "DE-1512345", 0.0)
    assert blocked is not None, "the block of numbers is everybody's"
    assert blocked.limit == "prefix"
    assert limits.admit("other", {}, "DE-1512346", 0.0) is None


def test_a_tenant_has_its_rate() -> None:
    limits = Limits(
        messaging(clients={"acme": Client("acme", per_second=10.0), "slow": Client("slow", per_second=0.5)})
    )
    assert sum(limits.admit("acme", {}, "", 5.0) is None for _ in range(30)) == 10
    assert sum(limits.admit("acme", {}, "", 5.0 + tick / 100) is None for tick in range(1, 101)) == 10
    assert limits.admit("slow", {}, "", 0.0) is None
    assert limits.admit("slow", {}, "", 1.0) is not None
    assert limits.admit("slow", {}, "", 2.0) is None
    assert limits.admit("unknown", {}, "", 0.0) is None


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    limits, day = Limits(messaging(limits={"ip": (2, 60)}, clients={"acme": Client("acme", per_second=1.0)})), 86_400.0
    keys = {"ip": "192.0.2.1"}
    assert limits.admit("acme", keys, "", day) is None
    assert limits.admit("acme", keys, "", 10.0) is None, "it does not wait for a day"
    assert limits.admit("acme", keys, "", 12.0) is None
    assert limits.admit("acme", keys, "", 14.0) is not None, "and it is limited as before"


def test_limits_survive_nothing_and_cost_nothing_where_there_are_none() -> None:
    limits = Limits(messaging())
    assert all(limits.admit("acme", {"ip": "x"}, "DE-1", 0.0) is None for _ in range(1000))


SENDER = Sender("+12015550123", NumberKind.MOBILE, per_second=2.0)
PROVIDER = Provider("sms-1", Channel.SMS, "http", None, senders=(SENDER, Sender("CALLWARD", NumberKind.ALPHANUMERIC)))


def test_a_sender_has_its_turns_one_after_the_other() -> None:
    turns = SenderTurns(Messaging(providers={"sms-1": PROVIDER}, cascades={}))
    assert [turns.reserve("sms-1", SENDER.id, 100.0) for _ in range(3)] == pytest.approx([0.0, 0.5, 1.0])
    assert turns.wait("sms-1", SENDER.id, 100.0) == pytest.approx(1.5)
    assert turns.wait("sms-1", SENDER.id, 102.0) == 0.0
    assert turns.reserve("sms-1", "CALLWARD", 100.0) == 0.0, "nothing is known of its capacity"
    assert turns.wait("other", SENDER.id, 100.0) == 0.0


def test_a_turn_that_would_come_too_late_is_not_taken() -> None:
    turns = SenderTurns(Messaging(providers={"sms-1": PROVIDER}, cascades={}))
    waits = [turns.reserve("sms-1", SENDER.id, 100.0, patience=2.0) for _ in range(1000)]
    assert [wait for wait in waits if wait <= 2.0] == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.0])
    assert turns.reserve("sms-1", SENDER.id, 103.0, patience=2.0) == 0.0, "those that were turned away took nothing"
