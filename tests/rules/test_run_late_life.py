"""Playbooks of the run: life that comes late, and what is released because of it.

Names of people are endpoints, t1, t2 ... are trunks.
"""

from __future__ import annotations

from controller.rules.run import MAX_TRIALS
from controller.types import (
    COMPLETED_ELSEWHERE,
    HEDGE_RELEASED,
    NO_ANSWER,
    NO_REPLY,
    Mode,
)
from tests.playbook import (
    answered,
    at,
    begin,
    cancel,
    fails,
    finish,
    lost,
    plan,
    play,
    ringing,
    silent,
    stage,
    start,
    trying,
    wakes,
)


def test_late_life_releases_a_stand_in_and_its_turn_comes_again() -> None:
    assert (
        play(plan("anna/t1 | ben/t2"))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.25)
        << silent(1)
        << start(2, "ben via t2")
        >> trying(2)
        >> at(0.4)
        >> trying(1)
        << cancel(2, HEDGE_RELEASED)
        >> at(1.0)
        >> fails(2, "487")
        >> at(3.0)
        >> fails(1, "486")
        << start(3, "ben via t2", trial=2)
        >> answered(3)
        << finish(3)
    )


def test_late_life_releases_all_who_stand_in_for_it() -> None:
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
        >> at(0.8)
        >> ringing(1)
        << cancel(4, HEDGE_RELEASED)
        << cancel(3, HEDGE_RELEASED)
        << cancel(2, HEDGE_RELEASED)
        >> at(5.0)
        >> fails(1, "503")
        << start(5, "anna via t2", trial=2)
        >> fails(5, "503")
        << start(6, "ben via t3", trial=2)
        >> fails(6, "486")
        << start(7, "carla via t4", trial=2)
    )


def test_late_life_of_a_stand_in_releases_only_those_after_it() -> None:
    assert (
        play(plan("anna/t1 | ben/t2 | carla/t3"))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.25)
        << silent(1)
        << start(2, "ben via t2")
        >> at(0.5)
        << silent(2)
        << start(3, "carla via t3")
        >> at(0.6)
        >> ringing(2)
        << cancel(3, HEDGE_RELEASED)
        >> at(2.0)
        << cancel(1, NO_REPLY)
    )


def test_an_alerting_stand_in_is_kept() -> None:
    assert (
        play(plan("anna/t1 | ben/t2"))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.25)
        << silent(1)
        << start(2, "ben via t2")
        >> ringing(2)
        >> at(0.4)
        >> ringing(1)
        >> at(3.0)
        >> answered(2)
        << finish(2)
        << cancel(1, COMPLETED_ELSEWHERE)
    )


def test_the_next_path_of_a_stand_in_stands_in_as_well() -> None:
    assert (
        play(plan("anna/t1 | ben/t2,t3"))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.25)
        << silent(1)
        << start(2, "ben via t2")
        >> fails(2, "503")
        << start(3, "ben via t3")
        >> at(0.3)
        >> trying(1)
        << cancel(3, HEDGE_RELEASED)
        >> fails(1, "486")
        << start(4, "ben via t3", trial=2)
    )


def test_a_released_path_comes_again_although_its_target_was_touched() -> None:
    assert (
        play(plan("anna/t1 | ben/t2,t3"))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.25)
        << silent(1)
        << start(2, "ben via t2")
        >> at(0.5)
        << silent(2)
        << start(3, "ben via t3")
        >> fails(2, "503")
        >> at(0.6)
        >> trying(1)
        << cancel(3, HEDGE_RELEASED)
        >> fails(1, "486")
        << start(4, "ben via t3", trial=2)
    )


def test_a_released_path_comes_again_although_a_later_stage_rings() -> None:
    assert (
        play(plan("anna/t1,t2", "carla/t3"))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.25)
        << silent(1)
        << start(2, "anna via t2")
        >> at(0.5)
        << silent(2)
        << start(3, "carla via t3")
        >> ringing(3)
        >> at(0.6)
        >> trying(1)
        << cancel(2, HEDGE_RELEASED)
        >> fails(1, "503")
        << start(4, "anna via t2", trial=2)
    )


def test_the_kept_path_of_a_half_released_target_may_fail() -> None:
    assert (
        play(plan("anna/t1", stage("ben/t2,t3", mode=Mode.HYBRID)))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.25)
        << silent(1)
        << start(2, "ben via t2")
        >> at(0.5)
        << silent(2)
        << start(3, "ben via t3")
        >> ringing(3)
        >> trying(1)
        << cancel(2, HEDGE_RELEASED)
        >> fails(3, "503")
        << start(4, "ben via t2", trial=2)
    )


def test_a_busy_target_stays_closed_when_its_other_path_is_released() -> None:
    assert (
        play(plan("anna/t1", "ben/t2,t3", "carla/t4"))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.25)
        << silent(1)
        << start(2, "ben via t2")
        >> trying(2)
        >> lost("t2")
        << start(3, "ben via t3")
        >> fails(3, "486")
        << start(4, "carla via t4")
        >> trying(1)
        << cancel(4, HEDGE_RELEASED)
        << cancel(2, HEDGE_RELEASED)
        >> fails(1, "486")
        << start(5, "carla via t4", trial=2)
    )


def test_a_parallel_stage_that_stands_in_goes_as_a_whole() -> None:
    assert (
        play(plan("anna/t1", stage("ben/t2 | carla/t3", mode=Mode.PARALLEL, ring=10.0), ring=30.0))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.25)
        << silent(1)
        << start(2, "ben via t2")
        << start(3, "carla via t3")
        >> trying(2)
        >> trying(1)
        << cancel(3, HEDGE_RELEASED)
        << cancel(2, HEDGE_RELEASED)
        >> ringing(1)
        >> at(30.0)
        << cancel(1, NO_ANSWER)
        << start(4, "ben via t2", trial=2)
        << start(5, "carla via t3", trial=2)
        >> ringing(4)
        >> ringing(5)
        << wakes(40.0)  # its time begins anew
    )


def test_a_parallel_stage_that_stands_in_stays_as_a_whole_once_it_alerts() -> None:
    assert (
        play(plan("anna/t1", stage("ben/t2 | carla/t3", mode=Mode.PARALLEL)))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.25)
        << silent(1)
        << start(2, "ben via t2")
        << start(3, "carla via t3")
        >> ringing(2)
        >> at(0.3)
        >> trying(1)
        >> at(0.4)
        >> ringing(3)
        >> answered(3)
        << finish(3)
        << cancel(1, COMPLETED_ELSEWHERE)
        << cancel(2, COMPLETED_ELSEWHERE)
    )


def test_within_a_parallel_stage_a_phone_is_not_rung_twice() -> None:
    assert (
        play(plan("anna/t1,t2 | ben/t3", mode=Mode.PARALLEL))
        >> begin()
        << start(1, "anna via t1")
        << start(2, "ben via t3")
        >> ringing(2)
        >> at(0.25)
        << silent(1)
        << start(3, "anna via t2")
        >> at(0.3)
        >> ringing(1)
        << cancel(3, HEDGE_RELEASED)
    )


def test_a_phone_of_a_hybrid_stage_that_was_released_joins_at_its_stagger() -> None:
    assert (
        play(plan("anna/t1", stage("ben/t2 | carla/t3 | dora/t4", mode=Mode.HYBRID, stagger=5.0)))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.25)
        << silent(1)
        << start(2, "ben via t2")
        >> at(0.5)
        << silent(2)
        << start(3, "carla via t3")
        >> ringing(3)
        >> trying(1)
        << cancel(2, HEDGE_RELEASED)
        >> at(5.25)
        << start(4, "ben via t2", trial=2)
    )


def test_a_trunk_that_flaps_does_not_make_its_stand_in_blink_for_ever() -> None:
    book = play(plan("anna/t1 | ben/t2", no_progress=100.0, ring=100.0)) >> begin() << start(1, "anna via t1")
    book = book >> at(0.25) << silent(1) << start(2, "ben via t2") >> trying(1) << cancel(2, HEDGE_RELEASED)
    for trial in range(2, MAX_TRIALS):
        book = book >> lost("t1") << start(trial + 1, "ben via t2", trial) >> trying(1)
        book = book << cancel(trial + 1, HEDGE_RELEASED)
    assert book >> lost("t1") << start(MAX_TRIALS + 1, "ben via t2", MAX_TRIALS) >> trying(1) >> ringing(1)


def test_target_released_while_a_later_stage_was_open_still_joins_on_time() -> None:
    first = stage("anna/t1 | ben/t2", mode=Mode.HYBRID, stagger=5.0, ring=25.0)
    assert (
        play(plan(first, "carla/t3"))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.25)
        << silent(1)
        << start(2, "ben via t2")
        >> at(0.5)
        << silent(2)
        << start(3, "carla via t3")
        >> at(0.6)
        >> ringing(1)
        << cancel(3, HEDGE_RELEASED)
        << cancel(2, HEDGE_RELEASED)
        >> at(5.0)
        << start(4, "ben via t2", trial=2)
    )
