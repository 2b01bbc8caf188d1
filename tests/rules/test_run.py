"""Playbooks of the run: one after the other, and how it ends.

Names of people are endpoints, t1, t2 ... are trunks.
"""

from __future__ import annotations

from math import inf

import pytest

from controller.types import (
    EXHAUSTED,
    NO_ANSWER,
    NO_PROGRESS,
    NO_REPLY,
    STOPPED,
    TRANSPORT_ERROR,
    TRUNK_DOWN,
    WITHDRAWN,
    Mode,
    Verdict,
)
from tests.playbook import (
    answered,
    at,
    begin,
    cancel,
    fails,
    finish,
    late,
    lost,
    plan,
    play,
    ringing,
    silent,
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
        << start(3, "anna via t1", trial=2)
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


# --------------------------------------------------------------------------- withdrawn


def test_a_caller_who_gives_up_ends_everything() -> None:
    assert (
        play(plan("anna/t1 | ben/t2", mode=Mode.PARALLEL))
        >> begin()
        << start(1, "anna via t1")
        << start(2, "ben via t2")
        >> ringing(1)
        >> trying(2)
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
