"""The playbook itself: what it lets pass, what it finds, and how it says so."""

from __future__ import annotations

import gc
from math import inf

import pytest

from controller.rules.run import Run
from controller.types import COMPLETED_ELSEWHERE, EXHAUSTED, CancelAttempt, DeadlineReached, Mode, StartAttempt
from tests.playbook import (
    Mismatch,
    answered,
    at,
    begin,
    cancel,
    fails,
    finish,
    plan,
    play,
    silent,
    stage,
    stalled_until,
    start,
    wakes,
)

TWO_TRUNKS = plan("anna/t1,t2")


def difference(book: object) -> str:
    with pytest.raises(Mismatch) as caught:
        assert book
    return str(caught.value)


def test_a_run_that_plays_by_the_book_passes() -> None:
    assert (
        play(TWO_TRUNKS)
        >> begin()
        << start(1, "anna via t1")
        << wakes(0.25)
        >> at(0.25)
        << silent(1)
        << start(2, "anna via t2")
        >> answered(2)
        << finish(2)
        << cancel(1, COMPLETED_ELSEWHERE)
        << wakes(inf)
    )


def test_commands_themselves_may_stand_in_a_book() -> None:
    path = TWO_TRUNKS.stages[0].targets[0].paths[0]
    assert (
        play(TWO_TRUNKS)
        >> begin()
        << StartAttempt(1, path)
        >> at(0.25)
        << silent(1)
        << start(2, "anna via t2")
        >> answered(2)
        << finish(2)
        << CancelAttempt(1, COMPLETED_ELSEWHERE)
    )


def test_a_mismatch_shows_both_sides_with_their_times() -> None:
    assert difference(
        play(TWO_TRUNKS)
        >> begin()
        << start(1, "anna via t1")
        >> at(0.3)
        << silent(1)
        << start(2, "ben via t2")
        >> answered(2)
        << finish(2)
        << cancel(1, COMPLETED_ELSEWHERE)
    ) == (
        "the run did not play by the book (- expected, + got)\n"
        "      0.000  >> begin\n"
        "      0.000  << start(1, anna via t1)\n"
        "      0.300  >> clock\n"
        "-     0.300  << silent(1)\n"
        "-     0.300  << start(2, ben via t2)\n"
        "+     0.250  << silent(1)\n"
        "+     0.250  << start(2, anna via t2)\n"
        "      0.300  >> answered(2)\n"
        "      0.300  << finish(2)\n"
        "      0.300  << cancel(1, COMPLETED_ELSEWHERE)"
    )


def test_a_command_that_the_book_does_not_name_is_a_mismatch() -> None:
    assert difference(play(TWO_TRUNKS) >> begin()) == (
        "the run did not play by the book (- expected, + got)\n"
        "      0.000  >> begin\n"
        "+     0.000  << start(1, anna via t1)"
    )


def test_a_wrong_deadline_is_a_mismatch() -> None:
    assert difference(play(TWO_TRUNKS) >> begin() << start(1, "anna via t1") << wakes(0.5)) == (
        "the run did not play by the book (- expected, + got)\n"
        "      0.000  >> begin\n"
        "      0.000  << start(1, anna via t1)\n"
        "-     0.000  << wakes at 0.500\n"
        "+     0.000  << wakes at 0.250"
    )


def test_an_exception_of_the_run_stands_in_the_difference() -> None:
    text = difference(play(TWO_TRUNKS) >> begin() << start(1, "anna via t1") >> at(0.1) >> fails(7, "486"))
    assert text.splitlines()[-1] == "+     0.100  !! KeyError: 7"


def test_a_run_that_never_comes_to_rest_is_found() -> None:
    class Restless(Run):
        def deadline(self) -> float:
            return 1.0

    text = difference(play(Restless(TWO_TRUNKS)) >> begin() << start(1, "anna via t1") >> at(1.0))
    assert text.splitlines()[-1].endswith("!! RuntimeError: the run does not come to rest: 1000 deadlines up to 1.000")


def test_a_stalled_clock_meets_all_deadlines_at_once() -> None:
    assert (
        play(plan("anna/t1"))
        >> begin()
        << start(1, "anna via t1")
        >> stalled_until(3.0)
        << cancel(1, "NO_REPLY")
        << finish(None, EXHAUSTED)
    )


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_book_that_was_never_played_is_an_error() -> None:
    book = play(TWO_TRUNKS) >> begin()
    with pytest.raises(AssertionError, match="never played"):
        book.__del__()
    assert book << start(1, "anna via t1")
    gc.collect()


def test_a_plan_is_written_in_one_line() -> None:
    made = plan("anna/t1,t2 | ben/t3", stage("carla", mode=Mode.PARALLEL, ring=7.0), stagger=3.0)
    first, second = made.stages
    assert [[path.name for path in each.paths] for each in first.targets] == [
        ["anna via t1", "anna via t2"],
        ["ben via t3"],
    ]
    assert (first.mode, first.stagger) == (Mode.SEQUENTIAL, 3.0)
    assert (second.mode, second.ring, second.targets[0].paths[0].trunk) == (Mode.PARALLEL, 7.0, "carla")


def test_a_book_can_go_on_with_a_run_that_began_before() -> None:
    run = Run(TWO_TRUNKS)
    run.begin(10.0)
    run.handle(DeadlineReached(), 10.25)
    assert play(run) >> at(10.3) >> answered(1) << finish(1) << cancel(2, COMPLETED_ELSEWHERE)
