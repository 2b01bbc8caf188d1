from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from controller.rules.plain import dump_plan, load_plan
from controller.types import Demoted, Milestone, Mode, Order, Path, Plan, Skipped, Stage, Target, Verdict

seconds = st.floats(0.001, 1e9)
names = st.text(max_size=8)
paths = st.builds(Path, names, names, names, names, st.booleans())
targets = st.builds(Target, names, st.lists(paths, max_size=3).map(tuple), st.booleans())
stages = st.builds(
    Stage,
    st.lists(targets, max_size=3).map(tuple),
    mode=st.sampled_from(Mode),
    ring=seconds,
    no_reply=seconds,
    no_progress=seconds,
    stagger=seconds,
    hedge=st.one_of(st.none(), st.just("auto"), seconds),
    where=names,
    order=st.sampled_from(Order),
)
plans = st.builds(
    Plan,
    names,
    st.lists(stages, max_size=3).map(tuple),
    hedges=st.dictionaries(names, seconds),
    causes=st.dictionaries(names, st.sampled_from(Verdict)),
    until=st.sampled_from(Milestone),
    skipped=st.lists(st.builds(Skipped, names, names), max_size=2).map(tuple),
    panic=st.booleans(),
    version=names,
    demoted=st.lists(st.builds(Demoted, names, names), max_size=2).map(tuple),
)


@given(plans)
def test_a_plan_survives_json(plan: Plan) -> None:
    assert load_plan(json.loads(json.dumps(dump_plan(plan), allow_nan=False))) == plan


@given(plans)
def test_what_is_loaded_has_the_types_of_the_vocabulary(plan: Plan) -> None:
    loaded = load_plan(json.loads(json.dumps(dump_plan(plan))))
    assert type(loaded.until) is Milestone
    assert all((type(stage.mode), type(stage.order)) == (Mode, Order) for stage in loaded.stages)
    assert all(type(verdict) is Verdict for verdict in loaded.causes.values())


def test_the_data_can_be_read_by_people() -> None:
    plan = Plan("sales", (Stage((Target("anna", (Path("anna via a", "anna", "a", "sip:1@a"),)),)),), {"a": 0.3}, {})
    assert json.dumps(dump_plan(plan)) == (
        '{"chain": "sales", "stages": [{"targets": [{"endpoint": "anna", "paths": [{"name": "anna via a",'
        ' "endpoint": "anna", "trunk": "a", "address": "sip:1@a", "cancellable": true, "group": ""}], "live": false}],'
        ' "mode": "sequential", "ring": 20.0, "no_reply": 2.0, "no_progress": 8.0, "stagger": 5.0, "hedge": "auto",'
        ' "where": "", "order": "configured", "early_media": "pass", "after": [], "until": null, "overflow": [], "number": 0}], "hedges": {"a": 0.3},'
        ' "causes": {}, "until": 3,'
        ' "skipped": [], "panic": false, "version": "", "demoted": [], "decisions": [], "refusal": null}'
    )
