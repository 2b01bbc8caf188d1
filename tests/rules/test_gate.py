"""What has no room, from the offer to the attempt: plans, the gate, and the switchboard that lets all pass there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.rules.plan import make_plan
from controller.rules.usage import ROOM, Full
from controller.switchboard import Switchboard
from controller.types import (
    ANYTHING,
    FORBIDDEN,
    FULL,
    THE_NUMBER,
    AttemptFailed,
    AttemptProgressed,
    CancelAttempt,
    Chain,
    DeadlineReached,
    Dialplan,
    Finish,
    HealthView,
    Limits,
    Milestone,
    Mode,
    Offer,
    Refusal,
    Route,
    RunCommand,
    Stage,
    StartAttempt,
    TargetState,
    Tolls,
    Trunk,
    TrunkHealth,
    When,
)
from tests.playbook import say, stage

NOW = 0.0
DID = "+15557000"


def make_dialplan(*stages: Stage, route: Route | None = None, **limits: Limits) -> Dialplan:
    trunks = {path.trunk for each in stages for target in each.targets for path in target.paths}
    return Dialplan(
        "test",
        (),
        {name: Trunk(name, "192.0.2.1", 5060, limits=limits.get(name)) for name in sorted(trunks)},
        {"sales": Chain("sales", stages)},
        {DID: route or Route(DID, "sales")},
    )


def overflow(*words: str) -> When:
    return When(overflow=words)


def plan_of(dialplan: Dialplan, full: Full = ROOM, down: tuple[str, ...] = ()) -> list[str]:
    view = HealthView(1, {name: TrunkHealth(TargetState.DOWN, code="X") for name in down})
    plan = make_plan(dialplan, dialplan.chains["sales"], view, Offer("1", DID), None, full)
    return [path.name for each in plan.stages for target in each.targets for path in target.paths]


def full_of(*trunks: str) -> Full:
    return Full({name: f"{name} is full: 1 of 1 call" for name in trunks})


def words(commands: list[RunCommand] | None) -> list[str]:
    assert commands is not None
    return [say(command) for command in commands]


# --------------------------------------------------------------------------- plans


def test_a_full_trunk_goes_behind_the_others_of_its_target() -> None:
    dialplan = make_dialplan(stage("anna/t1,t2 | ben/t1"), stage("service/t3"))
    assert plan_of(dialplan, full_of("t1")) == ["anna via t2", "anna via t1", "service via t3", "ben via t1"]


def test_why_is_recorded() -> None:
    dialplan = make_dialplan(stage("anna/t1,t2"))
    plan = make_plan(dialplan, dialplan.chains["sales"], HealthView(), Offer("1", DID), None, full_of("t1"))
    (skipped,) = plan.skipped
    assert (skipped.what, skipped.why, skipped.barred) == ("anna via t1", "t1 is full: 1 of 1 call", True)


def test_what_is_dead_comes_behind_what_is_full() -> None:
    """Full may have room a moment later, and to ask costs nothing."""
    assert plan_of(make_dialplan(stage("anna/t1,t2,t3")), full_of("t2"), down=("t1",)) == [
        "anna via t3",
        "anna via t2",
        "anna via t1",
    ]


def test_all_ways_full_is_no_panic() -> None:
    dialplan = make_dialplan(stage("anna/t1,t2"))
    plan = make_plan(dialplan, dialplan.chains["sales"], HealthView(), Offer("1", DID), None, full_of("t1", "t2"))
    assert not plan.panic
    assert plan.refusal == Refusal(FULL, 503, "t1 is full: 1 of 1 call")


def test_a_stage_for_overflow_is_in_the_plan_when_a_way_before_it_is_full() -> None:
    dialplan = make_dialplan(stage("anna/t1,t2"), stage("service/t3", when=overflow(ANYTHING)), stage("ben/t4"))
    for full, waits in ((full_of("t1"), ()), (full_of("t4"), (ANYTHING,)), (ROOM, (ANYTHING,))):
        plan = make_plan(dialplan, dialplan.chains["sales"], HealthView(), Offer("1", DID), None, full)
        (service,) = [each for each in plan.stages if each.targets[0].endpoint == "service"]
        assert service.overflow == waits, full


def test_a_stage_for_a_full_trunk_asks_for_that_one_wherever_it_is_used() -> None:
    dialplan = make_dialplan(stage("anna/t1,t2"), stage("service/t3", when=overflow("t4")), stage("ben/t4"))
    plan = make_plan(dialplan, dialplan.chains["sales"], HealthView(), Offer("1", DID), None, full_of("t4"))
    assert [each.overflow for each in plan.stages] == [(), (), ()]


def test_a_full_number_has_its_overflow_stages_only() -> None:
    refusal = Refusal(FULL, 486, "+15557000 is full: 2 of 2 calls")
    dialplan = make_dialplan(
        stage("anna/t1"),
        stage("service/t2", when=overflow(THE_NUMBER)),
        stage("other/t3", when=overflow("t9")),
        stage("all/t4", when=overflow(ANYTHING)),
    )
    full = Full(entry=(THE_NUMBER,), refusal=refusal)
    plan = make_plan(dialplan, dialplan.chains["sales"], HealthView(), Offer("1", DID), None, full)
    assert [each.targets[0].endpoint for each in plan.stages] == ["service", "all"]
    assert all(each.overflow == () for each in plan.stages)
    assert [each.why for each in plan.skipped] == [refusal.why, "nothing that it is for is full"]
    free = make_plan(dialplan, dialplan.chains["sales"], HealthView(), Offer("1", DID))
    assert [each.what for each in free.skipped] == ["stage 2"], "a number is full at once or not at all"


def test_what_is_dear_is_never_tried() -> None:
    dialplan = make_dialplan(replace(stage("anna/t1,t2"), max_cost=0.05))
    dialplan = replace(dialplan, trunks={**dialplan.trunks, "t1": replace(dialplan.trunks["t1"], cost=0.06)})
    assert plan_of(dialplan) == ["anna via t2"]
    assert plan_of(dialplan, down=("t2",)) == ["anna via t2"], "not even in panic"
    plan = make_plan(dialplan, dialplan.chains["sales"], HealthView(), Offer("1", DID))
    assert [each.why for each in plan.skipped] == ["t1 costs 0.06 a minute, more than 0.05"]


# --------------------------------------------------------------------------- the switchboard


def test_the_second_call_overflows_to_the_next_trunk_and_the_third_to_the_service() -> None:
    dialplan = make_dialplan(
        stage("anna/t1,t2"), stage("service/t3", when=overflow(ANYTHING)), t1=Limits(calls=1), t2=Limits(calls=1)
    )
    board = Switchboard(dialplan)
    assert words(board.begin(Offer("1", DID), HealthView(), NOW)) == ["start(1, anna via t1)"]
    assert words(board.begin(Offer("2", DID), HealthView(), NOW)) == ["start(1, anna via t2)"]
    assert words(board.begin(Offer("3", DID), HealthView(), NOW)) == ["start(1, service via t3)"]
    assert words(board.handle("1", AttemptFailed(1, "486"), NOW)) == ["finish(None, EXHAUSTED)"]
    board.close("1")
    assert words(board.begin(Offer("4", DID), HealthView(), NOW)) == ["start(1, anna via t1)"]


def test_a_trunk_that_fills_up_meanwhile_is_refused_at_the_start() -> None:
    dialplan = make_dialplan(stage("desk/t9"), stage("anna/t1,t2"), t1=Limits(calls=1))
    board = Switchboard(dialplan)
    board.begin(Offer("1", DID), HealthView(), NOW)
    board.begin(Offer("2", DID), HealthView(), NOW)
    assert words(board.handle("1", AttemptFailed(1, "486"), NOW)) == ["start(2, anna via t1)"]
    assert words(board.handle("2", AttemptFailed(1, "486"), NOW)) == ["start(3, anna via t2)"], (
        "the second found it full"
    )
    assert board.runs["2"].attempts[2].cause == FULL


def test_a_parallel_group_takes_the_lines_that_there_are() -> None:
    dialplan = make_dialplan(stage("anna/t1 | ben/t1 | carl/t1 | dora/t2", mode=Mode.PARALLEL), t1=Limits(calls=2))
    board = Switchboard(dialplan)
    started = words(board.begin(Offer("1", DID), HealthView(), NOW))
    assert started == ["start(1, anna via t1)", "start(2, ben via t1)", "start(4, dora via t2)"]
    commands = board.handle("1", AttemptProgressed(4, Milestone.ANSWERED), NOW)
    cancelled = [command.attempt for command in commands if isinstance(command, CancelAttempt)]
    assert cancelled == [1, 2], "what was never sent is not cancelled"


def test_all_full_finishes_at_once() -> None:
    dialplan = make_dialplan(stage("anna/t1"), t1=Limits(calls=1))
    board = Switchboard(dialplan)
    board.begin(Offer("1", DID), HealthView(), NOW)
    commands = board.begin(Offer("2", DID), HealthView(), NOW)
    assert commands == [Finish(None, FULL)]
    assert board.runs["2"].plan.refusal == Refusal(FULL, 503, "t1 is full: 1 of 1 call")


def test_a_number_at_its_limit_is_busy() -> None:
    dialplan = make_dialplan(stage("anna/t1"), route=Route(DID, "sales", limits=Limits(calls=1)))
    board = Switchboard(dialplan)
    board.begin(Offer("1", DID), HealthView(), NOW)
    assert board.begin(Offer("2", DID), HealthView(), NOW) == [Finish(None, FULL)]
    refusal = board.runs["2"].plan.refusal
    assert refusal is not None
    assert refusal.status == 486
    board.close("2")
    board.close("1")
    assert board.usage.held == {}


def test_a_number_that_may_not_be_dialled_is_refused_and_occupies_nothing() -> None:
    tolls = Route("", "sales", prefix=True, outbound=True, tolls=Tolls(countries=("US",)))
    dialplan = replace(make_dialplan(stage("out/t1")), outbound={"": {"t1": tolls}})
    board = Switchboard(dialplan)
    assert board.begin(Offer("1", "+442071234567", trunk="t1"), HealthView(), NOW) == [Finish(None, FORBIDDEN)]
    refusal = board.runs["1"].plan.refusal
    assert refusal == Refusal(FORBIDDEN, 403, "+442071234567 is a number of GB, not of US")
    assert board.usage.held == {}
    started = board.begin(Offer("2", "+12125550100", trunk="t1"), HealthView(), NOW)
    assert started is not None
    assert isinstance(started[0], StartAttempt)


def test_a_plan_is_made_anew_while_something_is_full_and_remembered_otherwise() -> None:
    dialplan = make_dialplan(stage("anna/t1,t2"), t1=Limits(calls=1))
    board = Switchboard(dialplan)
    board.begin(Offer("0", DID), HealthView(), NOW)
    board.close("0")
    board.begin(Offer("1", DID), HealthView(), NOW)
    board.begin(Offer("2", DID), HealthView(), NOW)
    assert board.runs["1"].plan is not board.runs["2"].plan
    board.close("1")
    board.begin(Offer("3", DID), HealthView(), NOW)
    assert [path.name for path in board.runs["3"].plan.stages[0].targets[0].paths] == ["anna via t1", "anna via t2"]


def test_what_is_given_up_frees_its_line_at_once() -> None:
    """The phone's 487 may take its time, or never come."""
    board = Switchboard(make_dialplan(stage("anna/t1"), stage("ben/t2"), t1=Limits(calls=1)))
    board.begin(Offer("1", DID), HealthView(), NOW)
    assert board.usage.held == {"out t1": 1}
    commands = board.handle("1", DeadlineReached(), 0.25)
    assert words(commands) == ["silent(1)", "start(2, ben via t2)"]
    assert words(board.handle("1", DeadlineReached(), 2.0)) == ["cancel(1, NO_REPLY)", "silent(2)"]
    assert board.usage.held == {"out t2": 1}


def test_a_fault_of_ours_occupies_nothing() -> None:
    dialplan = make_dialplan(stage("anna/t1"), route=Route(DID, "nowhere", limits=Limits(calls=1)))
    board = Switchboard(dialplan)
    with pytest.raises(KeyError):
        board.begin(Offer("1", DID, trunk="t1"), HealthView(), NOW)
    assert (board.usage.held, board.runs) == ({}, {})
