"""Dialogs over trunks that ask for credentials: every request in order on both sides, whoever asks, whenever callward dies."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.types import TargetState, Transition
from sip.digest import Algorithm
from tests.planes.strict import Habits, Table

_METHODS = ("INVITE", "UPDATE", "INFO", "REFER")


def play(table: Table, requests: list[tuple[str, str]], bye: str = "caller") -> None:
    """A call, these requests within it (side, method), and its end; each is over before the next begins."""
    table.caller.call(table.now)
    table.settle(40)
    for side, method in requests:
        getattr(table, side).send(method, table.now)
        table.settle(40)
    getattr(table, bye).send("BYE", table.now)
    table.settle(40)


def complain(table: Table) -> str:
    return "\n".join([*table.faults, f"{table.caller.finals} {table.callee.finals}", *table.ladder])


def check(table: Table, *, but: tuple[int, ...] = ()) -> None:
    """Nothing was refused, and everything was answered (``but`` with these, where callward died in the middle of it)."""
    allowed = {200, *but}
    finals = [*table.caller.finals.items(), *table.callee.finals.items()]
    assert not table.faults, complain(table)
    for (method, cseq), status in finals:
        assert status in ({200} if method != "INVITE" else allowed), f"{method} {cseq}: {status}\n{complain(table)}"
    assert table.caller.over, complain(table)
    assert table.callee.over, complain(table)


@pytest.mark.parametrize("asking", ["caller", "callee", "both"])
@pytest.mark.parametrize("reliable", [False, True])
@pytest.mark.parametrize("bye", ["caller", "callee"])
def test_each_request_of_a_call_is_let_in(asking: str, reliable: bool, bye: str) -> None:
    habits = {side: Habits(asks=asking in (side, "both"), reliable=reliable) for side in ("caller", "callee")}
    table = Table(habits["caller"], habits["callee"], 1)
    requests = [(side, method) for method in _METHODS for side in ("caller", "callee")]
    play(table, requests, bye)
    check(table)
    for side in ("caller", "callee"):
        peer = getattr(table, side)
        wanted = ["INVITE", *(["PRACK"] if reliable else []), "UPDATE", "INFO", "REFER"]
        assert [method for method in dict.fromkeys(peer.served) if method != "BYE"] == wanted
        assert bool(peer.challenges) == habits[side].asks
        assert peer.stray_acks == 0


def test_after_the_first_challenge_nothing_is_asked_again_while_the_nonce_is_good() -> None:
    table = Table(Habits(), Habits(asks=True, fresh=1000, algorithm=Algorithm.SHA512_256, qop="auth-int"), 1)
    play(table, [("caller", "INVITE"), ("caller", "INFO")])
    check(table)
    assert table.callee.challenges == 1


def test_a_trunk_that_asks_nobody_sees_the_numbers_of_the_sender() -> None:
    table = Table(Habits(first=314), Habits(), 1)
    play(table, [("caller", "INFO")])
    check(table)
    assert {number for _, number in table.caller.finals} >= {table.callee.heard}


def test_numbers_at_the_upper_end_leave_room() -> None:
    for first in (2**28 - 1, 2**31 - 40):
        table = Table(Habits(first=first, reliable=True), Habits(asks=True, reliable=True), 1)
        play(table, [("caller", "INVITE"), ("callee", "INVITE"), ("caller", "UPDATE")])
        check(table)


def test_a_callee_that_counts_from_beyond_2_to_the_28_is_let_in_with_one_number_for_all_tries() -> None:
    table = Table(Habits(asks=True, shared=True), Habits(first=2**30, reliable=True), 1)
    play(table, [("callee", "INVITE"), ("callee", "INFO"), ("caller", "INVITE")], "callee")
    check(table)


def test_the_wrong_password_is_said_and_never_shown_to_the_other_side() -> None:
    table = Table(Habits(), Habits(asks=True, fresh=0), 1)  # no nonce is ever good
    for _ in range(2):  # whoever is called could refuse once
        assert not [item for item in table.engine.news if getattr(item, "code", "") == "NOT_LET_IN"]
        table.caller.call(table.now)
        table.settle(40)
    assert set(table.caller.finals.values()) == {480}
    (news,) = [item for item in table.engine.news if getattr(item, "code", "") == "NOT_LET_IN"]
    assert isinstance(news, Transition)
    assert (news.trunk, news.new) == ("out", TargetState.DEGRADED)
    assert "in the realm 'carrier'" in news.why


@pytest.mark.parametrize("fresh", [1, 1000])
@pytest.mark.parametrize("asking", ["caller", "callee"])
def test_callward_may_die_after_any_packet_of_a_call(asking: str, fresh: int) -> None:
    habits = {side: Habits(asks=asking == side, fresh=fresh, reliable=True) for side in ("caller", "callee")}
    other = "caller" if asking == "callee" else "callee"

    def run(*deaths: int) -> Table:
        table = Table(habits["caller"], habits["callee"], 1, frozenset(deaths))
        play(table, [(other, "INVITE"), (asking, "INVITE"), (other, "UPDATE")], other)
        return table

    quiet = run()
    check(quiet)
    rings = next(n for n, line in enumerate(quiet.ladder, 1) if "SIP/2.0 183" in line)
    for death in range(rings, quiet.packets):
        check(run(death), but=(500, 408))


_HABITS = st.builds(
    Habits,
    asks=st.booleans(),
    first=st.sampled_from([1, 7, 101, 2**20 - 2, 2**20, 2**28 - 300]),
    fresh=st.sampled_from([1, 2, 1000]),
    says_stale=st.booleans(),
    reliable=st.booleans(),
    algorithm=st.sampled_from(Algorithm),
    qop=st.sampled_from(["auth", "auth-int", ""]),
)
_REQUESTS = st.lists(st.tuples(st.sampled_from(["caller", "callee"]), st.sampled_from(_METHODS)), max_size=5)


@given(_HABITS, _HABITS, st.integers(0, 10**6), _REQUESTS, st.sampled_from(["caller", "callee"]))
def test_random_dialogs_are_in_order_on_both_sides(
    caller: Habits, callee: Habits, seed: int, requests: list[tuple[str, str]], bye: str
) -> None:
    table = Table(caller, callee, seed)
    play(table, requests, bye)
    check(table)


_DYING = given(
    _HABITS,
    _HABITS,
    st.integers(0, 10**6),
    _REQUESTS,
    st.sampled_from(["caller", "callee"]),
    st.sets(st.integers(1, 80), min_size=1, max_size=6),
)


def die(
    caller: Habits, callee: Habits, seed: int, requests: list[tuple[str, str]], bye: str, deaths: Collection[int]
) -> None:
    """A call over the deaths of callward after so many packets within it."""
    quiet = Table(caller, callee, seed)
    quiet.caller.call(quiet.now)
    quiet.settle(40)
    # a call that is not up yet has nothing that could outlive callward; how it fails is another story
    table = Table(caller, callee, seed, frozenset(quiet.packets + death for death in deaths))
    play(table, requests, bye)
    check(table, but=(500, 408))


@settings(max_examples=100)
@_DYING
def test_random_dialogs_stay_in_order_when_callward_dies_between_any_two_packets(
    caller: Habits, callee: Habits, seed: int, requests: list[tuple[str, str]], bye: str, deaths: set[int]
) -> None:
    die(caller, callee, seed, requests, bye, deaths)


@pytest.mark.long
@settings(max_examples=2500)
@_DYING
def test_very_many_dialogs_stay_in_order_when_callward_dies(
    caller: Habits, callee: Habits, seed: int, requests: list[tuple[str, str]], bye: str, deaths: set[int]
) -> None:
    die(caller, callee, seed, requests, bye, deaths)


def test_a_prack_with_the_wrong_guess_of_another_life_is_tried_again() -> None:
    asks = Habits(asks=True, says_stale=False, reliable=True)
    die(asks, Habits(), 0, [("caller", "UPDATE"), ("callee", "INVITE")], "caller", (8, 15))
