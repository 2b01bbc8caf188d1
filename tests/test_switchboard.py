from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from math import inf

from controller.switchboard import Switchboard
from controller.types import (
    NO_REPLY,
    TRUNK_DOWN,
    AttemptFailed,
    AttemptProgressed,
    CancelAttempt,
    Chain,
    DeadlineReached,
    Dialplan,
    HealthView,
    Hours,
    Milestone,
    Offer,
    OfferWithdrawn,
    ReportSilent,
    Route,
    RunCommand,
    Stage,
    StartAttempt,
    TargetState,
    TrunkHealth,
    When,
)
from tests.playbook import say, stage

SALES = Offer("call-1", "+15557000")
ALL_UNKNOWN = HealthView()
T1_DOWN = HealthView(2, {"t1": TrunkHealth(TargetState.DOWN, code="PROBE_TIMEOUT")})


def dialplan(*stages: Stage, version: str = "v1", default: bool = False) -> Dialplan:
    route = Route("+15557000", "sales")
    chain = Chain("sales", stages or (stage("anna/t1,t2"),))
    return Dialplan(version, (), {}, {"sales": chain}, {"+15557000": route}, route if default else None)


def said(commands: list[RunCommand] | None) -> list[str]:
    assert commands is not None
    return [say(command) for command in commands]


def test_an_offer_starts_the_run_of_its_route() -> None:
    board = Switchboard(dialplan())
    assert said(board.begin(SALES, ALL_UNKNOWN, 100.0)) == ["start(1, anna via t1)"]
    assert board.deadline("call-1") == 100.25


def test_an_offer_that_nobody_wants_starts_nothing() -> None:
    board = Switchboard(dialplan())
    assert board.begin(Offer("call-1", "+4930123"), ALL_UNKNOWN, 0.0) is None
    assert not board.runs


def test_the_default_route_wants_everything() -> None:
    board = Switchboard(dialplan(default=True))
    assert said(board.begin(Offer("call-1", "+4930123"), ALL_UNKNOWN, 0.0)) == ["start(1, anna via t1)"]


def test_events_find_their_run() -> None:
    board = Switchboard(dialplan())
    board.begin(SALES, ALL_UNKNOWN, 0.0)
    board.begin(Offer("call-2", "+15557000"), ALL_UNKNOWN, 0.0)
    commands = board.handle("call-1", AttemptFailed(1, "503"), 0.1)
    assert said(commands) == ["start(2, anna via t2)"]
    assert list(board.runs["call-1"].attempts) == [1, 2]
    assert list(board.runs["call-2"].attempts) == [1]


def test_an_event_for_a_run_that_is_gone_changes_nothing() -> None:
    board = Switchboard(dialplan())
    assert board.handle("call-9", OfferWithdrawn(), 0.0) == []
    assert board.deadline("call-9") == inf
    assert board.close("call-9") is None


def test_a_deadline_is_met_by_handing_it_in() -> None:
    board = Switchboard(dialplan())
    board.begin(SALES, ALL_UNKNOWN, 0.0)
    commands = board.handle("call-1", DeadlineReached(), board.deadline("call-1"))
    assert commands[0] == ReportSilent(1)
    assert isinstance(commands[1], StartAttempt)
    assert board.handle("call-1", DeadlineReached(), 2.0)[0] == CancelAttempt(1, NO_REPLY)


def test_a_lost_trunk_is_told_to_every_run_that_it_concerns() -> None:
    board = Switchboard(dialplan())
    for name in ("call-1", "call-2", "call-3"):
        board.begin(Offer(name, "+15557000"), ALL_UNKNOWN, 0.0)
    board.handle("call-2", AttemptFailed(1, "503"), 0.1)
    told = {run_id: said(commands) for run_id, commands in board.lose_trunk("t1", 0.2)}
    assert told == {name: [f"cancel(1, {TRUNK_DOWN})", "start(2, anna via t2)"] for name in ("call-1", "call-3")}


def test_a_run_keeps_its_plan_when_the_dialplan_is_swapped() -> None:
    board = Switchboard(dialplan())
    board.begin(SALES, ALL_UNKNOWN, 0.0)
    board.swap(dialplan(stage("ben/t3"), version="v2"))
    assert said(board.handle("call-1", AttemptFailed(1, "503"), 0.1)) == ["start(2, anna via t2)"]
    assert said(board.begin(Offer("call-2", "+15557000"), ALL_UNKNOWN, 0.2)) == ["start(1, ben via t3)"]
    assert [run.plan.version for run in board.runs.values()] == ["v1", "v2"]


def test_new_offers_follow_the_newest_view() -> None:
    board = Switchboard(dialplan())
    assert said(board.begin(SALES, ALL_UNKNOWN, 0.0)) == ["start(1, anna via t1)"]
    assert said(board.begin(Offer("call-2", "+15557000"), T1_DOWN, 1.0)) == ["start(1, anna via t2)"]
    assert said(board.begin(Offer("call-3", "+15557000"), ALL_UNKNOWN, 2.0)) == ["start(1, anna via t1)"]


def test_the_same_view_is_planned_once() -> None:
    board = Switchboard(dialplan())
    for name in ("call-1", "call-2"):
        board.begin(Offer(name, "+15557000"), T1_DOWN, 0.0)
    one, other = board.runs.values()
    assert one.plan is other.plan


def test_a_closed_run_is_handed_over_with_its_story() -> None:
    board = Switchboard(dialplan())
    board.begin(SALES, ALL_UNKNOWN, 0.0)
    board.handle("call-1", AttemptProgressed(1, Milestone.ANSWERED), 1.0)
    run = board.close("call-1")
    assert run is not None
    assert run.winner == 1
    assert not board.runs


def test_a_chain_that_depends_on_the_caller_is_planned_for_each() -> None:
    board = Switchboard(dialplan(stage("anna/t1", when=When(callers=("+44",))), stage("ben/t3")))
    for caller, first in (("+4420", "anna via t1"), ("+1555", "ben via t3"), ("+4420", "anna via t1")):
        offer = Offer(f"call-{len(board.runs)}", "+15557000", caller)
        assert said(board.begin(offer, ALL_UNKNOWN, 0.0)) == [f"start(1, {first})"]


def test_a_chain_that_depends_on_the_hour_is_planned_for_each_moment() -> None:
    first_hour = Hours("first", UTC, (((0, 3600),),) * 7)
    plan = dialplan(stage("anna/t1", when=When(hours="first")), stage("ben/t3"))
    board = Switchboard(replace(plan, hours={"first": first_hour}))
    for moment, first in ((1800.0, "anna via t1"), (3600.0, "ben via t3"), (86400.0, "anna via t1")):
        offer = Offer(f"call-{moment}", "+15557000", moment=moment)
        assert said(board.begin(offer, ALL_UNKNOWN, 0.0)) == [f"start(1, {first})"]


def test_a_chain_whose_turn_never_comes_ends_at_once() -> None:
    board = Switchboard(dialplan(stage("anna/t1", when=When(callers=("+44",)))))
    assert said(board.begin(SALES, ALL_UNKNOWN, 0.0)) == ["finish(None, EXHAUSTED)"]
