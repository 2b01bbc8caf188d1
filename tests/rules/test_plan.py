from __future__ import annotations

from dataclasses import replace

from controller.rules.plan import make_plan
from controller.types import (
    Chain,
    Demoted,
    Dialplan,
    HealthView,
    Milestone,
    Mode,
    Offer,
    Plan,
    Site,
    Skipped,
    Stage,
    TargetState,
    Trunk,
    TrunkHealth,
    Verdict,
    When,
)
from tests.playbook import stage

DIALPLAN = Dialplan("v7", (), {}, {}, {}, causes={"603": Verdict.STOP})
DOWN = TrunkHealth(TargetState.DOWN, 5.0, "PROBE_TIMEOUT")
DEGRADED = TrunkHealth(TargetState.DEGRADED, 5.0, "DEEP_FAILED")


def view(**states: TargetState | TrunkHealth) -> HealthView:
    return HealthView(
        1, {name: state if isinstance(state, TrunkHealth) else TrunkHealth(state) for name, state in states.items()}
    )


def planned(health: HealthView, *stages: str | Stage) -> Plan:
    chain = Chain("sales", tuple(stage(each) if isinstance(each, str) else each for each in stages))
    return make_plan(DIALPLAN, chain, health, Offer("1", "100"))


def paths_of(plan: Plan) -> list[list[list[str]]]:
    return [[[path.name for path in target.paths] for target in each.targets] for each in plan.stages]


def test_a_healthy_chain_is_planned_as_it_is_written() -> None:
    written = stage("anna/t1,t2 | ben/t2", mode=Mode.HYBRID, ring=9.0)
    plan = planned(view(t1=TargetState.UP, t2=TargetState.UP), written)
    assert plan.stages == (written,)
    assert (plan.chain, plan.version, plan.until, plan.skipped, plan.panic) == (
        "sales",
        "v7",
        Milestone.ANSWERED,
        (),
        False,
    )
    assert plan.causes == {"603": Verdict.STOP}


def test_only_down_is_routed_around() -> None:
    for state in TargetState:
        plan = planned(view(t1=state), "anna/t1,t2")
        names = {
            TargetState.DOWN: ["anna via t2", "anna via t1"],
            TargetState.DEGRADED: ["anna via t2", "anna via t1"],
        }.get(state, ["anna via t1", "anna via t2"])
        assert paths_of(plan) == [[names]], state


def test_a_trunk_that_nobody_watches_is_tried() -> None:
    assert paths_of(planned(HealthView(), "anna/t1")) == [[["anna via t1"]]]


def test_what_is_left_out_is_said_with_its_reason() -> None:
    plan = planned(view(t1=DOWN), "anna/t1,t2")
    assert plan.skipped == (Skipped("anna via t1", "t1 is down (PROBE_TIMEOUT)"),)


def test_a_degraded_trunk_is_tried_behind_the_others_of_its_target() -> None:
    plan = planned(view(t1=DEGRADED, t3=DEGRADED), "anna/t1,t2,t3,t4 | ben/t3,t2")
    assert paths_of(plan) == [
        [["anna via t2", "anna via t4", "anna via t1", "anna via t3"], ["ben via t2", "ben via t3"]]
    ]
    assert plan.skipped == ()
    assert plan.demoted == (
        Demoted("anna via t1", "t1 is degraded (DEEP_FAILED)"),
        Demoted("anna via t3", "t3 is degraded (DEEP_FAILED)"),
        Demoted("ben via t3", "t3 is degraded (DEEP_FAILED)"),
    )


def test_a_target_that_only_has_degraded_trunks_is_tried_as_usual() -> None:
    plan = planned(view(t1=DEGRADED, t2=DEGRADED, t3=DOWN), "anna/t1,t2,t3", "ben/t4")
    assert paths_of(plan) == [[["anna via t1", "anna via t2", "anna via t3"]], [["ben via t4"]]]
    assert (plan.demoted, plan.panic) == ((), False)


def test_nothing_is_put_behind_while_our_own_uplink_is_suspected() -> None:
    health = replace(view(t1=DEGRADED, t3=DOWN), uplink="all of them")
    plan = planned(health, "anna/t1,t2", "ben/t3")
    assert paths_of(plan) == [[["anna via t1", "anna via t2"]], [["ben via t3"]]]
    assert (plan.panic, plan.demoted) == (True, ())


def test_what_is_demoted_names_the_stage_of_the_chain() -> None:
    plan = planned(view(t1=DEGRADED, t4=DOWN), "carl/t4", "anna/t1,t2")
    assert [(each.what, each.stage) for each in plan.demoted] == [("anna via t1", 2)]


def test_a_target_without_a_living_path_is_tried_after_everybody_else() -> None:
    plan = planned(view(t1=DOWN), "anna/t1 | ben/t2", "carl/t3")
    assert paths_of(plan) == [[["ben via t2"]], [["carl via t3"]], [["anna via t1"]]]


def test_a_stage_without_a_living_target_is_tried_after_everybody_else() -> None:
    first, kept = stage("anna/t1"), stage("ben/t2", ring=7.0)
    plan = planned(view(t1=DOWN), first, kept)
    assert plan.stages == (kept, first)
    assert plan.skipped == (Skipped("anna via t1", "t1 is down (PROBE_TIMEOUT)"),)


def test_when_nothing_looks_alive_health_is_ignored() -> None:
    plan = planned(view(t1=DOWN, t2=DOWN), "anna/t1,t2", "ben/t2")
    assert plan.panic
    assert paths_of(plan) == [[["anna via t1", "anna via t2"]], [["ben via t2"]]]
    assert len(plan.skipped) == 3, "the reasons stay on record"


def test_one_living_path_is_enough_to_believe_in_health() -> None:
    plan = planned(view(t1=DOWN), "anna/t1", "ben/t2")
    assert not plan.panic


def test_settings_of_a_stage_survive_the_loss_of_a_target() -> None:
    written = stage("anna/t1 | ben/t2", mode=Mode.HYBRID, ring=9.0, stagger=2.0, hedge=None)
    for kept in planned(view(t1=DOWN), written).stages:
        assert (kept.mode, kept.ring, kept.stagger, kept.hedge) == (Mode.HYBRID, 9.0, 2.0, None)


def test_hedges_follow_what_was_measured() -> None:
    health = view(t1=TrunkHealth(TargetState.UP, hedge=0.6), t3=TrunkHealth(TargetState.UP, hedge=0.9))
    assert planned(health, "anna/t1,t2").hedges == {"t1": 0.6}, "t2 was never measured, t3 is not used"


def test_a_trunk_under_suspicion_is_hedged_as_soon_as_the_board_says() -> None:
    assert planned(view(t1=TrunkHealth(TargetState.SUSPECT, hedge=0.05)), "anna/t1").hedges == {"t1": 0.05}


def test_configured_order_stands_when_our_own_uplink_is_suspected() -> None:
    health = replace(view(t1=DOWN), uplink="all fell at once")
    plan = planned(health, "anna/t1,t2")
    assert [path.trunk for path in plan.stages[0].targets[0].paths] == ["t1", "t2"]
    assert plan.panic


def test_the_same_chain_and_view_give_the_same_plan() -> None:
    health = view(t1=DOWN, t2=TrunkHealth(TargetState.UP, hedge=0.5))
    assert planned(health, "anna/t1,t2", "ben/t2") == planned(health, "anna/t1,t2", "ben/t2")


HQ_DARK = Dialplan(
    "v7",
    (),
    {name: Trunk(name, "h", 5060, site="hq" if name != "t3" else "") for name in ("t1", "t2", "line", "t3")},
    {},
    {},
    sites={"hq": Site("hq", ("t1", "t2"))},
)


def test_a_stage_whose_condition_does_not_hold_is_skipped_with_its_number_and_reason() -> None:
    here, never = stage("ben/t2", when=When(callers=("+1",))), stage("anna/t1", when=When(callers=("+44",)))
    chain = Chain("sales", (never, here))
    plan = make_plan(DIALPLAN, chain, HealthView(), Offer("1", "100", "+1555"))
    assert plan.stages == (stage("ben/t2"),), "and a plan has no conditions"
    assert plan.skipped == (Skipped("stage 1", "caller +1555 does not begin with +44"),)
    assert plan.skipped[0].stage == 1


def test_panic_ignores_health_but_not_conditions() -> None:
    never = stage("anna/t1", when=When(callers=("+44",)))
    plan = planned(view(t2=DOWN), never, "ben/t2")
    assert plan.panic
    assert paths_of(plan) == [[["ben via t2"]]]


def test_no_condition_that_holds_is_no_panic() -> None:
    plan = planned(view(t1=DOWN), stage("anna/t1", when=When(callers=("+44",))))
    assert (plan.stages, plan.panic) == ((), False)


def test_a_dark_site_takes_all_its_trunks_with_it() -> None:
    chain = Chain("sales", (stage("anna/t1,t2,line | ben/line,t3"),))
    offer = Offer("1", "100")
    plan = make_plan(HQ_DARK, chain, view(t1=DOWN), offer)
    assert paths_of(plan) == [[["anna via t2", "anna via line", "anna via t1"], ["ben via line", "ben via t3"]]]
    plan = make_plan(HQ_DARK, chain, view(t1=DOWN, t2=DOWN), offer)
    assert paths_of(plan) == [
        [["ben via t3", "ben via line"]],
        [["anna via t1", "anna via t2", "anna via line"]],
    ]
    assert Skipped("anna via line", "site hq is down") in plan.skipped
