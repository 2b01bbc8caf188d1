"""Playbooks of the run: parallel and hybrid stages.

Names of people are endpoints, t1, t2 ... are trunks.
"""

from __future__ import annotations

from controller.types import (
    COMPLETED_ELSEWHERE,
    EXHAUSTED,
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
    plan,
    play,
    ringing,
    silent,
    stage,
    stalled_until,
    start,
    wakes,
)

# --------------------------------------------------------------------------- parallel


def test_a_parallel_stage_rings_all_at_once() -> None:
    assert (
        play(plan("anna/t1 | ben/t2 | carla/t3", mode=Mode.PARALLEL))
        >> begin()
        << start(1, "anna via t1")
        << start(2, "ben via t2")
        << start(3, "carla via t3")
        >> ringing(1)
        >> ringing(2)
        >> ringing(3)
        >> at(4.0)
        >> answered(2)
        << finish(2)
        << cancel(1, COMPLETED_ELSEWHERE)
        << cancel(3, COMPLETED_ELSEWHERE)
    )


def test_the_whole_parallel_stage_shares_one_time() -> None:
    assert (
        play(plan(stage("anna/t1,t2 | ben/t3", mode=Mode.PARALLEL, ring=10.0), "carla/t4"))
        >> begin()
        << start(1, "anna via t1")
        << start(2, "ben via t3")
        >> ringing(1)
        >> ringing(2)
        >> at(6.0)
        >> fails(1, "503")
        << start(3, "anna via t2")
        >> ringing(3)
        >> at(10.0)
        << cancel(2, NO_ANSWER)
        << cancel(3, NO_ANSWER)
        << start(4, "carla via t4")
    )


def test_a_refusal_in_a_parallel_stage_leaves_the_others_alone() -> None:
    assert (
        play(plan("anna/t1,t2 | ben/t3", mode=Mode.PARALLEL))
        >> begin()
        << start(1, "anna via t1")
        << start(2, "ben via t3")
        >> ringing(2)
        >> fails(1, "486")
        >> at(5.0)
        >> fails(2, "603")
        << finish(None, EXHAUSTED)
    )


def test_one_silent_phone_of_a_parallel_stage_does_not_open_the_next() -> None:
    assert (
        play(plan(stage("anna/t1 | ben/t2", mode=Mode.PARALLEL), "carla/t3"))
        >> begin()
        << start(1, "anna via t1")
        << start(2, "ben via t2")
        >> ringing(2)
        >> at(0.25)
        << silent(1)
        >> at(2.0)
        << cancel(1, NO_REPLY)
        >> at(20.0)
        << cancel(2, NO_ANSWER)
        << start(3, "carla via t3")
    )


# --------------------------------------------------------------------------- hybrid


def test_second_phone_joins_after_stagger() -> None:
    assert (
        play(plan("anna/t1 | ben/t2 | carla/t3", mode=Mode.HYBRID, stagger=5.0, ring=25.0))
        >> begin(50.0)
        << start(1, "anna via t1")
        >> ringing(1)
        << wakes(55.0)
        >> at(55.0)
        << start(2, "ben via t2")
        >> ringing(2)
        << wakes(60.0)
        >> at(60.0)
        << start(3, "carla via t3")
        >> ringing(3)
        << wakes(75.0)
        >> at(75.0)
        << cancel(1, NO_ANSWER)
        << cancel(2, NO_ANSWER)
        << cancel(3, NO_ANSWER)
        << finish(None, EXHAUSTED)
    )


def test_the_next_phone_joins_earlier_when_the_first_one_is_busy() -> None:
    assert (
        play(plan("anna/t1 | ben/t2 | carla/t3", mode=Mode.HYBRID, stagger=5.0))
        >> begin()
        << start(1, "anna via t1")
        >> ringing(1)
        >> at(1.0)
        >> fails(1, "486")
        << start(2, "ben via t2")
        >> ringing(2)
        << wakes(10.0)  # carla is the third: two staggers after the stage was opened
        >> at(10.0)
        << start(3, "carla via t3")
    )


def test_a_stage_that_ends_before_the_next_stagger_lets_nobody_join() -> None:
    assert (
        play(plan("anna/t1 | ben/t2 | carla/t3", mode=Mode.HYBRID, stagger=5.0, ring=10.0))
        >> begin()
        << start(1, "anna via t1")
        >> ringing(1)
        >> at(5.0)
        << start(2, "ben via t2")
        >> ringing(2)
        << wakes(10.0)
        >> at(10.0)
        << cancel(1, NO_ANSWER)
        << cancel(2, NO_ANSWER)
        << finish(None, EXHAUSTED)
    )


def test_after_a_stall_the_others_still_join_one_by_one() -> None:
    assert (
        play(plan("anna/t1 | ben/t2 | carla/t3", mode=Mode.HYBRID, stagger=2.0))
        >> begin()
        << start(1, "anna via t1")
        >> ringing(1)
        >> stalled_until(9.0)
        << start(2, "ben via t2")
        >> ringing(2)
        << wakes(11.0)
        >> at(11.0)
        << start(3, "carla via t3")
    )


def test_an_answer_while_the_second_joins_wins() -> None:
    assert (
        play(plan("anna/t1 | ben/t2", mode=Mode.HYBRID, stagger=5.0))
        >> begin()
        << start(1, "anna via t1")
        >> ringing(1)
        >> at(5.0)
        << start(2, "ben via t2")
        >> answered(1)
        << finish(1)
        << cancel(2, COMPLETED_ELSEWHERE)
    )
