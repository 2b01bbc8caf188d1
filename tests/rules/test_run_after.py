"""Stages that wait: for somebody to be busy, for nobody to answer, for a trunk to be full."""

from __future__ import annotations

from math import inf

from controller.rules.run import Run
from controller.types import (
    ANYTHING,
    BUSY,
    EXHAUSTED,
    FORBIDDEN,
    FULL,
    NO_ANSWER,
    UNANSWERED,
    Plan,
    Refusal,
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
    start,
    wakes,
)


def test_a_busy_phone_opens_the_stage_that_waits_for_it() -> None:
    book = plan("desk/t1", stage("mailbox/t2", after=(BUSY,)), "mobile/t3")
    assert (
        play(book)
        >> begin() << start(1, "desk via t1")
        >> fails(1, "486") << start(2, "mailbox via t2")
        >> answered(2) << finish(2)
    )  # fmt: skip


def test_without_a_busy_phone_it_is_passed_over() -> None:
    book = plan("desk/t1", stage("mailbox/t2", after=(BUSY,)), "mobile/t3")
    assert (
        play(book)
        >> begin() << start(1, "desk via t1")
        >> fails(1, "503") << start(2, "mobile via t3")
        >> fails(2, "404") << finish(None, EXHAUSTED)
    )  # fmt: skip


def test_busy_everywhere_counts_as_well() -> None:
    assert (
        play(plan("desk/t1", stage("mailbox/t2", after=(BUSY,))))
        >> begin() << start(1, "desk via t1")
        >> fails(1, "600") << start(2, "mailbox via t2")
        >> fails(2, "486") << finish(None, EXHAUSTED)
    )  # fmt: skip


def test_it_comes_late_when_somebody_is_busy_late() -> None:
    """The stages after it have had their turn, but nobody has answered: better late than never."""
    book = plan("desk/t1", stage("mailbox/t2", after=(BUSY,)), "mobile/t3")
    assert (
        play(book)
        >> begin() << start(1, "desk via t1")
        >> fails(1, "404") << start(2, "mobile via t3")
        >> fails(2, "486") << start(3, "mailbox via t2")
        >> fails(3, "503") << finish(None, EXHAUSTED)
    )  # fmt: skip


def test_nobody_answers_and_the_stage_for_that_begins() -> None:
    book = plan(stage("desk/t1", ring=10.0), stage("mailbox/t2", after=(UNANSWERED,)))
    assert (
        play(book)
        >> begin() << start(1, "desk via t1")
        >> ringing(1)
        >> at(10.0) << cancel(1, NO_ANSWER) << start(2, "mailbox via t2")
        >> answered(2) << finish(2)
    )  # fmt: skip


def test_a_timeout_of_the_other_side_is_no_answer_only_where_it_rang() -> None:
    book = plan("desk/t1", stage("mailbox/t2", after=(UNANSWERED,)))
    assert play(book) >> begin() << start(1, "desk via t1") >> fails(1, "408") << finish(None, EXHAUSTED)
    assert (
        play(book)
        >> begin() << start(1, "desk via t1")
        >> ringing(1)
        >> fails(1, "408") << start(2, "mailbox via t2")
        >> fails(2, "404") << finish(None, EXHAUSTED)
    )  # fmt: skip


def test_a_stage_for_overflow_waits_for_a_full_trunk() -> None:
    book = plan("desk/t1", stage("service/t2", overflow=(ANYTHING,)))
    assert play(book) >> begin() << start(1, "desk via t1") >> fails(1, "503") << finish(None, EXHAUSTED)
    assert (
        play(book)
        >> begin() << start(1, "desk via t1")
        >> fails(1, FULL) << start(2, "service via t2")
        >> answered(2) << finish(2)
    )  # fmt: skip


def test_a_stage_for_one_trunk_does_not_open_for_another() -> None:
    book = plan("desk/t1,t2", stage("service/t3", overflow=("t2",)))
    assert (
        play(book)
        >> begin() << start(1, "desk via t1")
        >> fails(1, FULL) << start(2, "desk via t2")
        >> fails(2, FULL) << start(3, "service via t3")
        >> answered(3) << finish(3)
    )  # fmt: skip
    assert (
        play(book)
        >> begin() << start(1, "desk via t1")
        >> fails(1, FULL) << start(2, "desk via t2")
        >> fails(2, "503") << finish(None, EXHAUSTED)
    )  # fmt: skip


def test_both_conditions_must_have_happened() -> None:
    book = plan("desk/t1 | ben/t2", stage("service/t3", after=(BUSY,), overflow=(ANYTHING,)))
    assert (
        play(book)
        >> begin() << start(1, "desk via t1")
        >> fails(1, "486") << start(2, "ben via t2")
        >> fails(2, FULL) << start(3, "service via t3")
        >> answered(3) << finish(3)
    )  # fmt: skip


def test_a_stage_that_waits_is_no_stand_in_for_a_silent_one() -> None:
    assert (
        play(plan("desk/t1", stage("mailbox/t2", after=(BUSY,))))
        >> begin() << start(1, "desk via t1")
        >> at(0.25) << silent(1) << wakes(2.0)
        >> fails(1, "486") << start(2, "mailbox via t2")
        >> answered(2) << finish(2)
    )  # fmt: skip


def test_all_trunks_full_is_said_so() -> None:
    assert (
        play(plan("desk/t1,t2"))
        >> begin() << start(1, "desk via t1")
        >> fails(1, FULL) << start(2, "desk via t2")
        >> fails(2, FULL) << finish(None, FULL) << wakes(inf)
    )  # fmt: skip


def test_one_that_was_tried_makes_it_exhausted() -> None:
    assert (
        play(plan("desk/t1,t2"))
        >> begin() << start(1, "desk via t1")
        >> fails(1, FULL) << start(2, "desk via t2")
        >> fails(2, "503") << finish(None, EXHAUSTED)
    )  # fmt: skip


def test_what_is_refused_as_a_whole_ends_with_its_cause() -> None:
    for cause in (FULL, FORBIDDEN):
        run = Run(Plan("x", (), {}, {}, refusal=Refusal(cause, 486, "no")))
        assert play(run) >> begin() << finish(None, cause)
    assert play(Plan("x", (), {}, {})) >> begin() << finish(None, EXHAUSTED)


def test_a_first_stage_that_waits_leaves_the_turn_to_the_next() -> None:
    assert (
        play(plan(stage("mailbox/t2", after=(BUSY,)), "desk/t1"))
        >> begin() << start(1, "desk via t1")
        >> fails(1, "486") << start(2, "mailbox via t2")
        >> answered(2) << finish(2)
    )  # fmt: skip
