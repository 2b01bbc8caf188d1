"""Playbooks of the run: answers that come too late, or nearly.

Names of people are endpoints, t1, t2 ... are trunks.
"""

from __future__ import annotations

from math import inf

from controller.rules.run import Run
from controller.types import (
    COMPLETED_ELSEWHERE,
    NO_REPLY,
    AttemptProgressed,
    Milestone,
    Mode,
)
from tests.playbook import (
    answered,
    at,
    begin,
    cancel,
    fails,
    finish,
    late,
    plan,
    play,
    ringing,
    start,
    wakes,
)


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
