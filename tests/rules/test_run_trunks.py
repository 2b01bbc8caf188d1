"""Playbooks of the run: health says that a trunk is down.

Names of people are endpoints, t1, t2 ... are trunks.
"""

from __future__ import annotations

from controller.rules.run import Run
from controller.types import (
    COMPLETED_ELSEWHERE,
    EXHAUSTED,
    HEDGE_RELEASED,
    TRUNK_DOWN,
    AttemptFailed,
    Finish,
    Mode,
    RunCommand,
    StartAttempt,
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
    start,
    trying,
    wakes,
)


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


def test_who_is_put_behind_comes_later_and_not_never() -> None:
    run = Run(plan("anna/t1,t2,t3", hedge=None))
    run.avoid(("t1",))
    assert _started(run.begin(0.0)) == ["anna via t2"]
    run.avoid(("t1", "t3"))
    assert _started(run.handle(AttemptFailed(1, "503"), 0.1)) == ["anna via t1"]  # all are: as written
    run = Run.load(run.dump())
    run.avoid(())
    assert _started(run.handle(AttemptFailed(2, "503"), 0.2)) == ["anna via t3"]
    assert run.handle(AttemptFailed(3, "503"), 0.3) == [Finish(None, EXHAUSTED)]


def _started(commands: list[RunCommand]) -> list[str]:
    return [command.path.name for command in commands if isinstance(command, StartAttempt)]
