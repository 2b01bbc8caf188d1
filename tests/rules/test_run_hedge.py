"""Playbooks of the run: silence, and what stands in for it.

Names of people are endpoints, t1, t2 ... are trunks.
"""

from __future__ import annotations

from controller.types import (
    COMPLETED_ELSEWHERE,
    EXHAUSTED,
    HEDGE_RELEASED,
    NO_REPLY,
    TARGET_REFUSED,
)
from tests.playbook import (
    answered,
    at,
    begin,
    cancel,
    fails,
    finish,
    plan,
    play,
    ringing,
    silent,
    start,
    trying,
    wakes,
)


def test_hedge_goes_by_path_then_target_then_stage() -> None:
    assert (
        play(plan("anna/t1,t2 | ben/t3", "carla/t4"))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.25)
        << silent(1)
        << start(2, "anna via t2")
        >> at(0.5)
        << silent(2)
        << start(3, "ben via t3")
        >> at(0.75)
        << silent(3)
        << start(4, "carla via t4")
        >> at(1.0)
        << silent(4)
        << wakes(2.0)
        >> at(2.0)
        << cancel(1, NO_REPLY)
        >> at(2.25)
        << cancel(2, NO_REPLY)
        >> at(2.5)
        << cancel(3, NO_REPLY)
        >> at(2.75)
        << cancel(4, NO_REPLY)
        << finish(None, EXHAUSTED)
    )


def test_auto_hedge_follows_the_measured_trunk() -> None:
    assert (
        play(plan("anna/t1,t2,t3", hedges={"t1": 0.6}))
        >> begin()
        << start(1, "anna via t1")
        << wakes(0.6)
        >> at(0.6)
        << silent(1)
        << start(2, "anna via t2")
        << wakes(0.85)  # t2 was never measured
    )


def test_a_fixed_hedge_ignores_what_was_measured() -> None:
    assert play(plan("anna/t1,t2", hedge=1.0, hedges={"t1": 0.6})) >> begin() << start(1, "anna via t1") << wakes(1.0)


def test_without_hedge_the_next_path_waits_for_no_reply() -> None:
    assert (
        play(plan("anna/t1,t2", hedge=None))
        >> begin()
        << start(1, "anna via t1")
        >> at(2.0)
        << cancel(1, NO_REPLY)
        << start(2, "anna via t2")
    )


def test_a_hedge_leaves_the_silent_attempt_alone() -> None:
    assert (
        play(plan("anna/t1,t2"))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.25)
        << silent(1)
        << start(2, "anna via t2")
        >> trying(2)
        >> at(1.0)
        >> answered(1)
        << finish(1)
        << cancel(2, COMPLETED_ELSEWHERE)
    )


def test_a_silent_attempt_that_fails_after_its_hedge_starts_nothing_more() -> None:
    assert (
        play(plan("anna/t1,t2,t3"))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.25)
        << silent(1)
        << start(2, "anna via t2")
        >> trying(2)
        >> fails(1, "503")
        >> ringing(2)
    )


def test_a_refusal_by_the_hedge_calls_off_the_silent_attempt() -> None:
    assert (
        play(plan("anna/t1,t2 | ben/t3"))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.25)
        << silent(1)
        << start(2, "anna via t2")
        >> fails(2, "486")
        << cancel(1, TARGET_REFUSED)
        << start(3, "ben via t3")
    )


def test_a_merged_hedge_proves_that_the_silent_attempt_lives() -> None:
    """RFC 3261 §8.2.2.2: 482 says that the same phone has the first request already."""
    assert (
        play(plan("anna/t1,t2 | ben/t3"))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.25)
        << silent(1)
        << start(2, "anna via t2")
        >> at(0.3)
        >> fails(2, "482")
        << start(3, "ben via t3")
        >> at(0.4)
        >> ringing(1)
        << cancel(3, HEDGE_RELEASED)
        >> answered(1)
        << finish(1)
    )


def test_merged_without_a_sibling_is_a_refusal() -> None:
    assert (
        play(plan("anna/t1,t2 | ben/t3"))
        >> begin()
        << start(1, "anna via t1")
        >> fails(1, "482")
        << start(2, "ben via t3")
    )
