"""Calls through the whole engine in virtual time: what fails, and who answers in the end.

`World.calm` checks every invariant of every call (see tests/sim/audit.py) and that nothing of it is left behind.
"""

from __future__ import annotations

import pytest

from controller.scenario.network import Link, Port
from controller.types import (
    HEDGE_RELEASED,
    NO_REPLY,
    TRANSPORT_ERROR,
    Mode,
    Probe,
    TargetState,
)
from sip.agent import Script
from tests.playbook import stage
from tests.sim.audit import ELSEWHERE
from tests.sim.world import World

ANSWERS = Script(ring_after=0.1, answer_after=2.0, hang_up_after=5.0)
BUSY = Script(ring_after=None, reject=486, reject_after=0.05)
BROKEN = Script(trying=False, ring_after=None, reject=503)
DECLINES = Script(reject=603, reject_after=1.0)
RINGS_FOR_EVER = Script()
DEAF = Script(silent=True)

TWO_TRUNKS = stage("anna/t1,t2")
TWO_PEOPLE = stage("anna/t1 | ben/t2", ring=10.0)


# --------------------------------------------------------------------------- what breaks


def test_a_silent_trunk_costs_a_quarter_of_a_second() -> None:
    world = World(TWO_TRUNKS)
    world.set_port("t1", Port.GONE)
    world.behave("anna", ANSWERS)
    call = world.call()
    world.run_until(0.5)
    assert world.caller.story(call) == ["placed", "trying", "ringing"]
    world.calm()
    assert world.winner(call) == "anna via t2"
    silent, stand_in = world.record(call).attempts
    assert (silent.rang, silent.hedge, stand_in.hedge) == (None, False, True)
    assert stand_in.rang is not None
    assert 0.35 < stand_in.rang < 0.4


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_broken_trunk_is_passed_at_once(status: int) -> None:
    world = World(TWO_TRUNKS)
    world.trunks["t1"].script = Script(trying=False, ring_after=None, reject=status)
    world.trunks["t2"].script = ANSWERS
    call = world.call()
    world.calm()
    record = world.record(call)
    assert (record.winner, record.attempts[0].cause) == ("anna via t2", str(status))
    assert record.attempts[1].started < 0.05


def test_a_closed_port_is_passed_at_once() -> None:
    world = World(TWO_TRUNKS)
    world.set_port("t1", Port.CLOSED)
    world.behave("anna", ANSWERS)
    call = world.call()
    world.calm()
    record = world.record(call)
    assert (record.winner, record.attempts[0].cause) == ("anna via t2", TRANSPORT_ERROR)
    assert record.attempts[1].started < 0.05


def test_a_busy_person_is_not_hunted_across_trunks() -> None:
    world = World(stage("anna/t1,t2 | ben/t3"))
    world.behave("anna", BUSY)
    world.behave("ben", ANSWERS)
    call = world.call()
    world.calm()
    assert world.winner(call) == "ben via t3"
    assert len(world.rang("anna")) == 1


def test_a_phone_that_rings_for_ever_is_cancelled() -> None:
    world = World(TWO_PEOPLE)
    world.behave("anna", RINGS_FOR_EVER)
    world.behave("ben", ANSWERS)
    call = world.call()
    world.calm()
    assert world.winner(call) == "ben via t2"
    (rang,) = world.rang("anna")
    assert rang.cancelled
    assert not rang.reason, "nobody had answered elsewhere by then"


def test_losers_are_told_that_somebody_else_answered() -> None:
    world = World(stage("anna/t1 | ben/t2", mode=Mode.PARALLEL))
    world.behave("anna", RINGS_FOR_EVER)
    world.behave("ben", ANSWERS)
    call = world.call()
    world.calm()
    assert world.winner(call) == "ben via t2"
    assert [rang.reason for rang in world.rang("anna")] == [ELSEWHERE]


@pytest.mark.parametrize(
    ("one", "other", "status"),
    [
        (BUSY, BUSY, 486),
        (BUSY, BROKEN, 486),
        (BROKEN, BROKEN, 500),  # a 503 from below is not ours
        (DECLINES, BUSY, 603),
        (DEAF, DEAF, 408),
        (RINGS_FOR_EVER, DEAF, 480),
        (RINGS_FOR_EVER, BROKEN, 480),
    ],
)
def test_the_caller_gets_the_best_of_the_refusals(one: Script, other: Script, status: int) -> None:
    world = World(TWO_PEOPLE)
    world.behave("anna", one)
    world.behave("ben", other)
    call = world.call()
    world.calm()
    assert (world.status(call), world.winner(call)) == (status, None)


def test_a_deaf_trunk_that_wakes_up_is_cancelled() -> None:
    """RFC 3261 §9.1: the CANCEL waits for the first 1xx; here it comes long after somebody else answered."""
    world = World(TWO_TRUNKS)
    world.set_port("t1", Port.GONE)
    world.trunks["t1"].script = RINGS_FOR_EVER
    world.trunks["t2"].script = ANSWERS
    call = world.call()
    world.at(10.0, world.set_port, "t1", Port.OPEN)
    world.calm()
    assert world.winner(call) == "anna via t2"
    (late,) = (rang for rang in world.rang("anna") if rang.started > 10.0)
    assert late.cancelled


def test_late_life_calls_the_stand_in_off() -> None:
    world = World(TWO_PEOPLE)
    world.set_link("t1", Link(delay=0.15))
    world.behave("anna", ANSWERS)
    world.behave("ben", Script(ring_after=1.0, answer_after=2.0))
    call = world.call()
    world.calm()
    record = world.record(call)
    assert record.winner == "anna via t1"
    assert [(attempt.path, attempt.cause) for attempt in record.attempts[1:]] == [("ben via t2", HEDGE_RELEASED)]
    assert [rang.cancelled for rang in world.rang("ben")] == [True]


def test_one_pbx_behind_two_trunks_does_not_lose_the_call() -> None:
    """The hedge reaches the same PBX and gets 482; that must not end the first attempt, which is only slow."""
    world = World(stage("anna/t1,t2 | ben/t3"))
    slow = Script(trying=False, ring_after=0.4, answer_after=2.0)
    world.trunks["t1"].script = slow
    world.trunks["t2"].script = Script(trying=False, ring_after=None, reject=482)
    world.behave("ben", Script(ring_after=2.0))
    call = world.call()
    world.calm()
    assert world.winner(call) == "anna via t1"


# --------------------------------------------------------------------------- answers that cross each other


def test_a_late_answer_after_cancel_is_released() -> None:
    world = World(TWO_PEOPLE)
    world.behave("anna", Script(answer_cancelled=0.0))
    world.behave("ben", ANSWERS)
    call = world.call()
    world.calm()
    # Anna is cancelled after ten seconds and answers all the same: the run is still open, so she wins.
    assert world.winner(call) == "anna via t1"
    assert all(rang.cancelled for rang in world.rang("ben"))


def test_an_answer_after_the_win_is_released() -> None:
    world = World(stage("anna/t1 | ben/t2", mode=Mode.PARALLEL))
    world.behave("anna", Script(answer_cancelled=0.0))
    world.behave("ben", ANSWERS)
    call = world.call()
    world.calm()
    assert world.winner(call) == "ben via t2"
    assert world.trunks["t1"].story(call) == ["invited", "ringing", "cancelled", "answered", "acked", "ended"]
    assert world.caller.story(call).count("answered") == 1


def test_simultaneous_answers_give_the_caller_one() -> None:
    world = World(stage("anna/t1 | ben/t2 | carla/t3", mode=Mode.PARALLEL))
    for user in ("anna", "ben", "carla"):
        world.behave(user, Script(answer_after=1.0))
    call = world.call()
    world.calm()
    assert world.caller.story(call).count("answered") == 1
    assert "answered again" not in world.caller.story(call)
    assert [len(world.rang(user)) for user in ("anna", "ben", "carla")] == [1, 1, 1]


def test_an_answer_that_crosses_the_callers_cancel() -> None:
    for tenth in range(20):
        world = World(stage("anna/t1"), seed=tenth)
        world.behave("anna", Script(answer_after=1.0))
        call = world.call()
        world.at(0.99 + tenth * 0.002, world.cancel, call)
        world.calm()
        assert world.status(call) in (200, 487)


@pytest.mark.parametrize("moment", [0.0, 0.003, 0.007, 0.012, 0.1, 0.3, 1.0, 5.0, 9.99])
def test_a_caller_who_gives_up_is_answered_at_once(moment: float) -> None:
    world = World(TWO_PEOPLE)
    world.set_port("t1", Port.GONE)
    world.behave("ben", RINGS_FOR_EVER)
    call = world.call()
    world.at(moment, world.cancel, call)
    world.calm()
    assert world.status(call) == 487
    ended = world.caller.find(call).ended
    assert ended is not None
    assert ended < moment + 0.1, "the 487 must not wait for silent branches"


# --------------------------------------------------------------------------- health


def test_a_trunk_that_died_is_not_tried_again() -> None:
    world = World(TWO_TRUNKS, probe=Probe())
    world.behave("anna", ANSWERS)
    world.run_until(10.0)
    world.set_port("t1", Port.GONE)
    world.run_until(12.0)
    call = world.call()
    world.run_until(30.0)
    record = world.record(call)
    assert [attempt.path for attempt in record.attempts] == ["anna via t2"]
    assert [skipped.what for skipped in record.skipped] == ["anna via t1"]


def test_probes_move_a_call_on_before_no_reply() -> None:
    world = World(stage("anna/t1", hedge=None), stage("ben/t2"), probe=Probe())
    world.behave("anna", ANSWERS)
    world.behave("ben", ANSWERS)
    world.run_until(10.0)
    world.set_port("t1", Port.GONE)
    call = world.call()
    world.run_until(30.0)
    record = world.record(call)
    assert record.attempts[0].cause == "TRUNK_DOWN"
    assert record.attempts[1].started < 1.2
    assert record.winner == "ben via t2"


def test_a_closed_port_is_known_before_the_next_call() -> None:
    world = World(TWO_TRUNKS, probe=Probe())
    world.behave("anna", ANSWERS)
    world.run_until(10.0)
    world.set_port("t1", Port.CLOSED)
    world.run_until(10.5)
    down = [transition for transition in world.transitions if transition.new is TargetState.DOWN]
    assert [(transition.trunk, transition.code) for transition in down] == [("t1", "PORT_CLOSED")]


def test_when_every_trunk_looks_dead_calls_are_tried_all_the_same() -> None:
    world = World(TWO_TRUNKS, probe=Probe())
    for trunk in world.trunks.values():
        trunk.script = Script(options=0, answer_after=1.0)
    world.run_until(10.0)
    assert {state.state for state in world.engine.board.view.trunks.values()} == {TargetState.DOWN}
    call = world.call()
    world.run_until(20.0)
    record = world.record(call)
    assert (record.panic, record.winner) == (True, "anna via t1")


def test_silence_of_a_call_is_evidence_for_health() -> None:
    world = World(TWO_TRUNKS, probe=Probe(every=30.0))
    world.behave("anna", ANSWERS)
    world.run_until(65.0)
    world.set_port("t1", Port.GONE)
    world.call()
    world.run_until(68.0)
    states = [(transition.new, transition.code) for transition in world.transitions if transition.trunk == "t1"]
    assert states[-2:] == [(TargetState.SUSPECT, "CALL_SILENT"), (TargetState.DOWN, "PROBE_TIMEOUT")]


# --------------------------------------------------------------------------- the last ones


def test_nobody_is_left_when_the_chain_is_exhausted() -> None:
    world = World(stage("anna/t1 | ben/t2", mode=Mode.PARALLEL, ring=5.0))
    world.behave("anna", RINGS_FOR_EVER)
    world.behave("ben", DEAF)
    call = world.call()
    world.calm()
    record = world.record(call)
    assert (record.status, record.cause) == (480, "EXHAUSTED")
    assert [attempt.cause for attempt in record.attempts] == ["NO_ANSWER", NO_REPLY]


def test_a_trunk_that_is_held_for_dead_is_tried_before_a_call_is_lost() -> None:
    """It fell so often that it is held, though it is alive; the only other one says 503 now."""
    world = World(TWO_TRUNKS, stage("ben/t3"), probe=Probe())
    world.behave("anna", ANSWERS)
    for _ in range(5):
        for trunk in ("t1", "t3"):
            world.set_port(trunk, Port.GONE)
        world.run_until(world.now + 3.0)
        for trunk in ("t1", "t3"):
            world.set_port(trunk, Port.OPEN)
        world.run_until(world.now + 2.0)
    assert world.engine.board.view.trunks["t1"].state is TargetState.DOWN
    world.trunks["t2"].scripts["anna"] = BROKEN
    world.behave("ben", ANSWERS)
    call = world.call()
    world.calm()
    record = world.record(call)
    assert (record.winner, [attempt.path for attempt in record.attempts]) == (
        "anna via t1",
        ["anna via t2", "anna via t1"],
    )
    assert [skipped.what for skipped in record.skipped] == ["anna via t1", "ben via t3"]


def test_somebody_behind_a_dead_trunk_only_is_tried_after_all_others() -> None:
    world = World(stage("ben/t3"), TWO_PEOPLE, probe=Probe())
    world.set_port("t3", Port.GONE)
    world.run_until(5.0)
    for user in ("anna", "ben"):
        world.behave(user, BUSY)
    call = world.call()
    world.calm()
    assert [attempt.path for attempt in world.record(call).attempts] == ["anna via t1", "ben via t2", "ben via t3"]
