"""Playbooks of the run, one behaviour each. Names of people are endpoints, t1, t2 ... are trunks."""

from __future__ import annotations

from math import inf

import pytest

from controller.rules.run import MAX_TRIALS, Run
from controller.types import (
    COMPLETED_ELSEWHERE,
    EXHAUSTED,
    HEDGE_RELEASED,
    NO_ANSWER,
    NO_PROGRESS,
    NO_REPLY,
    STOPPED,
    TARGET_REFUSED,
    TRANSPORT_ERROR,
    TRUNK_DOWN,
    WITHDRAWN,
    AttemptProgressed,
    Milestone,
    Mode,
    Verdict,
)
from tests.playbook import (
    answered,
    at,
    begin,
    cancel,
    confirmed,
    fails,
    finish,
    late,
    lost,
    plan,
    play,
    ringing,
    silent,
    stage,
    stalled_until,
    start,
    trying,
    wakes,
    withdrawn,
)

# --------------------------------------------------------------------------- one target


def test_an_answer_ends_the_run() -> None:
    assert (
        play(plan("anna/t1"))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.1)
        >> trying(1)
        >> at(1.0)
        >> ringing(1)
        >> at(4.0)
        >> answered(1)
        << finish(1)
        << wakes(inf)
    )


def test_silence_is_given_up_after_no_reply() -> None:
    assert (
        play(plan("anna/t1", hedge=None))
        >> begin()
        << start(1, "anna via t1")
        << wakes(2.0)
        >> at(2.0)
        << cancel(1, NO_REPLY)
        << finish(None, EXHAUSTED)
    )


def test_no_ringing_is_given_up_after_no_progress() -> None:
    assert (
        play(plan("anna/t1"))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.1)
        >> trying(1)
        << wakes(8.0)
        >> at(8.0)
        << cancel(1, NO_PROGRESS)
        << finish(None, EXHAUSTED)
    )


def test_ringing_is_given_up_after_its_turn() -> None:
    assert (
        play(plan("anna/t1", ring=20.0))
        >> begin(100.0)
        << start(1, "anna via t1")
        >> ringing(1)
        << wakes(120.0)
        >> at(120.0)
        << cancel(1, NO_ANSWER)
        << finish(None, EXHAUSTED)
    )


def test_weaker_evidence_takes_nothing_back() -> None:
    assert (
        play(plan("anna/t1", ring=20.0))
        >> begin()
        << start(1, "anna via t1")
        >> ringing(1)
        >> trying(1)
        >> at(20.0)
        << cancel(1, NO_ANSWER)
        << finish(None, EXHAUSTED)
    )


# --------------------------------------------------------------------------- paths and targets, one after the other


@pytest.mark.parametrize("cause", ["503", "500", "408", "403", TRANSPORT_ERROR])
def test_a_broken_trunk_leads_to_the_next_path_at_once(cause: str) -> None:
    assert (
        play(plan("anna/t1,t2 | ben/t3"))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.1)
        >> fails(1, cause)
        << start(2, "anna via t2")
        >> fails(2, cause)
        << start(3, "ben via t3")
        >> fails(3, cause)
        << finish(None, EXHAUSTED)
    )


@pytest.mark.parametrize("cause", ["486", "480", "404", "410", "600", "603"])
def test_a_refusal_is_never_hunted_across_trunks(cause: str) -> None:
    assert (
        play(plan("anna/t1,t2 | ben/t3"))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.1)
        >> fails(1, cause)
        << start(2, "ben via t3")
    )


def test_a_decline_still_reaches_the_last_stage() -> None:
    assert (
        play(plan("anna/t1", "voicemail/t2"))
        >> begin()
        << start(1, "anna via t1")
        >> ringing(1)
        >> at(3.0)
        >> fails(1, "603")
        << start(2, "voicemail via t2")
        >> answered(2)
        << finish(2)
    )


def test_each_target_of_a_sequential_stage_has_its_whole_turn() -> None:
    assert (
        play(plan("anna/t1 | ben/t2", ring=10.0))
        >> begin()
        << start(1, "anna via t1")
        >> ringing(1)
        >> at(10.0)
        << cancel(1, NO_ANSWER)
        << start(2, "ben via t2")
        >> ringing(2)
        << wakes(20.0)
        >> at(20.0)
        << cancel(2, NO_ANSWER)
        << finish(None, EXHAUSTED)
    )


def test_stages_follow_each_other() -> None:
    assert (
        play(plan("anna/t1", "ben/t2", "carla/t3"))
        >> begin()
        << start(1, "anna via t1")
        >> fails(1, "486")
        << start(2, "ben via t2")
        >> fails(2, "503")
        << start(3, "carla via t3")
        >> fails(3, "404")
        << finish(None, EXHAUSTED)
    )


def test_the_same_endpoint_in_a_later_stage_is_another_target() -> None:
    assert (
        play(plan("anna/t1", "ben/t2 | anna/t1"))
        >> begin()
        << start(1, "anna via t1")
        >> fails(1, "486")
        << start(2, "ben via t2")
        >> fails(2, "486")
        << start(3, "anna via t1")
    )


# --------------------------------------------------------------------------- stop


def test_what_the_caller_must_mend_ends_the_hunt() -> None:
    assert (
        play(plan("anna/t1,t2 | ben/t3", "carla/t4"))
        >> begin()
        << start(1, "anna via t1")
        >> fails(1, "488")
        << finish(None, STOPPED)
    )


def test_a_stop_lets_live_attempts_go_on() -> None:
    assert (
        play(plan("anna/t1,t4 | ben/t2 | carla/t3", mode=Mode.HYBRID, stagger=5.0))
        >> begin()
        << start(1, "anna via t1")
        >> ringing(1)
        >> at(5.0)
        << start(2, "ben via t2")
        >> fails(2, "488")
        << wakes(10.0)
        >> at(10.0)  # carla joins no more
        << wakes(20.0)
        >> fails(1, "503")  # nor is another path tried
        << finish(None, STOPPED)
    )


def test_an_answer_after_a_stop_still_wins() -> None:
    assert (
        play(plan("anna/t1 | ben/t2", mode=Mode.PARALLEL))
        >> begin()
        << start(1, "anna via t1")
        << start(2, "ben via t2")
        >> ringing(1)
        >> fails(2, "488")
        >> answered(1)
        << finish(1)
    )


def test_a_silent_attempt_gets_no_hedge_after_a_stop() -> None:
    assert (
        play(plan("anna/t1,t3 | ben/t2", mode=Mode.PARALLEL))
        >> begin()
        << start(1, "anna via t1")
        << start(2, "ben via t2")
        >> fails(2, "488")
        >> at(0.25)
        << silent(1)
        >> at(2.0)
        << cancel(1, NO_REPLY)
        << finish(None, STOPPED)
    )


# --------------------------------------------------------------------------- causes of the dialplan


def test_the_dialplan_may_stop_at_a_decline() -> None:
    assert (
        play(plan("anna/t1", "ben/t2", causes={"603": Verdict.STOP}))
        >> begin()
        << start(1, "anna via t1")
        >> fails(1, "603")
        << finish(None, STOPPED)
    )


def test_the_dialplan_may_go_on_after_a_488() -> None:
    assert (
        play(plan("anna/t1,t2", causes={"488": Verdict.NEXT_PATH}))
        >> begin()
        << start(1, "anna via t1")
        >> fails(1, "488")
        << start(2, "anna via t2")
    )


def test_the_dialplan_may_try_another_path_when_nobody_answers() -> None:
    assert (
        play(plan("anna/t1,t2", causes={NO_ANSWER: Verdict.NEXT_PATH}, ring=10.0))
        >> begin()
        << start(1, "anna via t1")
        >> ringing(1)
        >> at(10.0)
        << cancel(1, NO_ANSWER)
        << start(2, "anna via t2")
    )


def test_the_dialplan_may_skip_the_person_behind_a_dead_trunk() -> None:
    assert (
        play(plan("anna/t1,t2 | ben/t3", causes={TRUNK_DOWN: Verdict.NEXT_TARGET}))
        >> begin()
        << start(1, "anna via t1")
        >> lost("t1")
        << cancel(1, TRUNK_DOWN)
        << start(2, "ben via t3")
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


# --------------------------------------------------------------------------- hedge


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
        >> answered(1)
        << finish(1)
        << cancel(3, COMPLETED_ELSEWHERE)
    )


def test_merged_without_a_sibling_is_a_refusal() -> None:
    assert (
        play(plan("anna/t1,t2 | ben/t3"))
        >> begin()
        << start(1, "anna via t1")
        >> fails(1, "482")
        << start(2, "ben via t3")
    )


# --------------------------------------------------------------------------- late life


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


# --------------------------------------------------------------------------- late success


def test_a_success_of_one_given_up_wins_while_the_run_is_open() -> None:
    assert (
        play(plan("anna/t1,t2", hedge=None))
        >> begin()
        << start(1, "anna via t1")
        >> at(2.0)
        << cancel(1, NO_REPLY)
        << start(2, "anna via t2")
        >> at(2.5)
        >> answered(1)
        << finish(1)
        << cancel(2, COMPLETED_ELSEWHERE)
    )


def test_a_success_in_the_moment_of_the_deadline_wins() -> None:
    assert (
        play(plan("anna/t1", ring=20.0))
        >> begin()
        << start(1, "anna via t1")
        >> ringing(1)
        >> at(19.999)
        >> answered(1)
        << finish(1)
    )


def test_a_success_that_was_read_late_wins_over_its_deadline() -> None:
    """A stalled loop: the answer lay unread in the socket while the ring time ran out."""
    run = Run(plan("anna/t1", ring=20.0))
    run.begin(0.0)
    commands = run.handle(AttemptProgressed(1, Milestone.ANSWERED), 25.0)
    assert [type(command).__name__ for command in commands] == ["Finish"]
    assert run.winner == 1


def test_a_late_success_after_the_end_is_reported_once() -> None:
    assert (
        play(plan("anna/t1 | ben/t2", mode=Mode.PARALLEL))
        >> begin()
        << start(1, "anna via t1")
        << start(2, "ben via t2")
        >> answered(1)
        << finish(1)
        << cancel(2, COMPLETED_ELSEWHERE)
        >> ringing(2)
        >> answered(2)
        << late(2)
        >> answered(2)
        >> answered(1)
        >> fails(2, "487")
        << wakes(inf)
    )


def test_the_success_of_one_that_failed_is_no_success() -> None:
    assert (
        play(plan("anna/t1,t2"))
        >> begin()
        << start(1, "anna via t1")
        >> fails(1, "503")
        << start(2, "anna via t2")
        >> answered(1)
        >> answered(2)
        << finish(2)
    )


def test_the_failure_of_one_given_up_changes_nothing() -> None:
    assert (
        play(plan("anna/t1,t2", hedge=None))
        >> begin()
        << start(1, "anna via t1")
        >> at(2.0)
        << cancel(1, NO_REPLY)
        << start(2, "anna via t2")
        >> fails(1, "487")
        >> fails(1, "487")
        >> ringing(2)
    )


# --------------------------------------------------------------------------- trunks


def test_a_silent_attempt_on_a_lost_trunk_is_given_up() -> None:
    assert (
        play(plan("anna/t1,t2"))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.1)
        >> lost("t1")
        << cancel(1, TRUNK_DOWN)
        << start(2, "anna via t2")
    )


def test_a_hedged_attempt_on_a_lost_trunk_starts_nothing_more() -> None:
    assert (
        play(plan("anna/t1,t2,t3"))
        >> begin()
        << start(1, "anna via t1")
        >> at(0.25)
        << silent(1)
        << start(2, "anna via t2")
        >> at(0.3)
        >> lost("t1")
        << cancel(1, TRUNK_DOWN)
        >> ringing(2)
    )


def test_an_alerting_attempt_on_a_lost_trunk_gets_company() -> None:
    assert (
        play(plan("anna/t1 | ben/t2"))
        >> begin()
        << start(1, "anna via t1")
        >> ringing(1)
        >> at(3.0)
        >> lost("t1")
        << start(2, "ben via t2")
        >> ringing(2)
        >> at(4.0)
        >> answered(1)
        << finish(1)
        << cancel(2, COMPLETED_ELSEWHERE)
    )


def test_a_sign_of_life_ends_the_doubt_about_a_lost_trunk() -> None:
    assert (
        play(plan("anna/t1 | ben/t2"))
        >> begin()
        << start(1, "anna via t1")
        >> trying(1)
        >> at(3.0)
        >> lost("t1")
        << start(2, "ben via t2")
        >> trying(2)
        >> ringing(1)
        << cancel(2, HEDGE_RELEASED)
    )


def test_a_trunk_that_is_lost_twice_brings_one_stand_in() -> None:
    assert (
        play(plan("anna/t1 | ben/t2 | carla/t3"))
        >> begin()
        << start(1, "anna via t1")
        >> trying(1)
        >> lost("t1")
        << start(2, "ben via t2")
        >> lost("t1")
    )


def test_a_lost_trunk_is_passed_over_later() -> None:
    assert (
        play(plan("anna/t1 | ben/t2,t3"))
        >> begin()
        << start(1, "anna via t1")
        >> ringing(1)
        >> lost("t2")
        >> fails(1, "486")
        << start(2, "ben via t3")
    )


def test_a_lost_trunk_is_tried_when_it_is_all_there_is() -> None:
    assert (
        play(plan("anna/t1 | ben/t2,t3"))
        >> begin()
        << start(1, "anna via t1")
        >> ringing(1)
        >> lost("t2")
        >> lost("t3")
        >> fails(1, "486")
        << start(2, "ben via t2")
        >> fails(2, "503")
        << start(3, "ben via t3")
    )


def test_a_trunk_lost_under_several_attempts_moves_them_all() -> None:
    assert (
        play(plan("anna/t1,t2 | ben/t1,t2", mode=Mode.PARALLEL))
        >> begin()
        << start(1, "anna via t1")
        << start(2, "ben via t1")
        >> at(0.1)
        >> lost("t1")
        << cancel(1, TRUNK_DOWN)
        << start(3, "anna via t2")
        << cancel(2, TRUNK_DOWN)
        << start(4, "ben via t2")
    )


def test_a_trunk_of_nobody_changes_nothing() -> None:
    assert play(plan("anna/t1")) >> begin() << start(1, "anna via t1") >> lost("t9") << wakes(0.25)


# --------------------------------------------------------------------------- withdrawn


def test_a_caller_who_gives_up_ends_everything() -> None:
    assert (
        play(plan("anna/t1 | ben/t2", mode=Mode.PARALLEL))
        >> begin()
        << start(1, "anna via t1")
        << start(2, "ben via t2")
        >> ringing(1)
        >> at(3.0)
        >> withdrawn()
        << finish(None, WITHDRAWN)
        << cancel(1, WITHDRAWN)
        << cancel(2, WITHDRAWN)
        << wakes(inf)
        >> answered(1)
        << late(1)
        >> withdrawn()
        >> at(100.0)
    )


def test_a_caller_who_gives_up_too_late_changes_nothing() -> None:
    assert play(plan("anna/t1")) >> begin() << start(1, "anna via t1") >> answered(1) << finish(1) >> withdrawn()


# --------------------------------------------------------------------------- messages: the same run with other data


def test_a_message_moves_on_although_it_cannot_be_taken_back() -> None:
    """Architecture 5.3: WhatsApp until read within 600 s, then SMS; instants are seconds since the epoch."""
    epoch = 1_763_700_000.0
    cascade = plan(
        stage("whatsapp/wa-1", cancellable=False, ring=600.0, no_reply=30.0, no_progress=600.0, hedge=None),
        stage("sms/sms-1", cancellable=False, ring=600.0, no_reply=30.0, no_progress=600.0, hedge=None),
        until=Milestone.CONFIRMED,
    )
    assert (
        play(cascade)
        >> begin(epoch)
        << start(1, "whatsapp via wa-1")
        << wakes(epoch + 30.0)
        >> at(epoch + 1.0)
        >> trying(1)
        << wakes(epoch + 600.0)
        >> at(epoch + 3.0)
        >> answered(1)  # delivered, which is below read
        << wakes(epoch + 600.0)
        >> at(epoch + 600.0)
        << start(2, "sms via sms-1")
        >> at(epoch + 601.0)
        >> confirmed(2)
        << finish(2)
        >> at(epoch + 700.0)
        >> confirmed(1)
        << late(1)
    )


def test_a_message_that_is_read_after_its_turn_wins_while_the_run_is_open() -> None:
    cascade = plan("whatsapp/wa-1", "sms/sms-1", until=Milestone.CONFIRMED, cancellable=False, ring=600.0)
    assert (
        play(cascade)
        >> begin()
        << start(1, "whatsapp via wa-1")
        >> at(0.1)
        >> answered(1)
        >> at(600.0)
        << start(2, "sms via sms-1")
        >> at(600.1)
        >> confirmed(1)
        << finish(1)
    )


def test_a_provider_that_takes_the_message_is_enough_for_the_last_step() -> None:
    assert (
        play(plan("email/smtp", until=Milestone.ACCEPTED, cancellable=False))
        >> begin()
        << start(1, "email via smtp")
        >> trying(1)
        << finish(1)
    )


def test_a_press_1_that_never_comes_ends_the_turn() -> None:
    assert (
        play(plan("anna/t1 | ben/t2", until=Milestone.CONFIRMED, ring=20.0))
        >> begin()
        << start(1, "anna via t1")
        >> at(5.0)
        >> answered(1)
        >> at(20.0)
        << cancel(1, NO_ANSWER)
        << start(2, "ben via t2")
    )
