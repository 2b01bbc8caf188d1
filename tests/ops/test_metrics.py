"""Metrics: what happens is counted as by hand, and by nothing that could grow without end or tell who called."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from controller.news import show_news
from controller.ops.consumer import CALLS, Event, Picture
from controller.ops.metrics.catalogue import COUNTED, HISTOGRAM, SHOWN
from controller.ops.metrics.counting import OUTCOMES, outcome_of
from controller.ops.metrics.meter import Meter, wants_openmetrics
from controller.ops.metrics.processes import cost_of
from controller.scenario.network import Port
from controller.status import collect_status
from controller.types import Exercised, Mode
from sip.agent import Script
from tests.playbook import stage
from tests.sim.world import World

ROOT = Path(__file__).resolve().parents[2]
ANSWERS = Script(ring_after=0.1, answer_after=2.0, hang_up_after=5.0)
BROKEN = Script(trying=False, ring_after=None, reject=503)
BUSY = Script(ring_after=None, reject=486, reject_after=0.05)


def read(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in parse_plain(text)
        for sample in family.samples
        if not sample.name.endswith("_bucket")
    }


def call_in(world: World, meter: Meter | None = None) -> dict[tuple[str, ...], float]:
    """One call to its end, and what is counted of it."""
    meter = meter or Meter()
    meter.know(world.engine.switchboard.dialplan)
    call = world.call()
    world.calm()
    kind, data = show_news(world.record(call))
    meter.hear(Event(CALLS, kind, 0.0, data, number=1))
    return read(meter.show().decode())


def two_trunks() -> World:
    return World(stage("anna/t1,t2"))


def test_a_call_that_fails_over_is_one_failover_of_the_trunk_that_failed() -> None:
    world = two_trunks()
    world.trunks["t1"].script, world.trunks["t2"].script = BROKEN, ANSWERS
    found = call_in(world)
    chain = "sales"
    assert found["callward_calls_total", chain, "ANSWERED", "2xx"] == 1
    assert found["callward_calls_failed_over_total", chain] == 1
    assert found["callward_calls_lost_total", chain] == 0
    assert found["callward_attempts_total", "503", "t1"] == 1
    assert found["callward_attempts_total", "ANSWERED", "t2"] == 1
    assert found["callward_failovers_total", "t1"] == 1
    assert found["callward_failovers_total", "t2"] == 0
    assert found["callward_hedges_total", "t2"] == 0
    assert found["callward_added_delay_seconds_sum",] < 0.05
    assert 0.1 <= found["callward_call_ring_seconds_sum",] < 0.2
    assert 2.0 <= found["callward_call_answer_seconds_sum",] < 2.2


def test_a_silent_trunk_is_a_hedge_and_a_quarter_of_a_second() -> None:
    world = two_trunks()
    world.set_port("t1", Port.GONE)
    world.behave("anna", ANSWERS)
    found = call_in(world)
    assert found["callward_hedges_total", "t2"] == 1
    assert found["callward_hedges_total", "t1"] == 0
    assert found["callward_attempts_total", "ANSWERED", "t2"] == 1
    assert found["callward_added_delay_seconds_count",] == 1
    assert 0.24 < found["callward_added_delay_seconds_sum",] < 0.3


def test_test_calls_and_drills_are_counted_by_trunk() -> None:
    meter = Meter()
    meter.know(two_trunks().engine.switchboard.dialplan)
    for number, (passed, drill) in enumerate([(True, False), (False, False), (True, True), (None, True)], 1):
        kind, data = show_news(Exercised("t1/192.0.2.1:5060", passed, "", 0.0, 0.1, drill))
        meter.hear(Event(CALLS, kind, 0.0, data, number=number))
    found = read(meter.show().decode())
    results = {
        (result, trunk): found["callward_test_calls_total", result, trunk]
        for result in ("passed", "failed")
        for trunk in ("t1", "t2")
    }
    assert results == {("passed", "t1"): 2, ("failed", "t1"): 1, ("passed", "t2"): 0, ("failed", "t2"): 0}
    assert found["callward_news_total", "test_call", "calls"] == found["callward_news_total", "drill", "calls"] == 2


def test_who_rings_beside_the_winner_has_not_failed() -> None:
    world = World(stage("anna/t1 | ben/t2", mode=Mode.PARALLEL))
    world.behave("anna", ANSWERS)
    world.behave("ben", Script(ring_after=0.1))
    found = call_in(world)
    assert found["callward_attempts_total", "COMPLETED_ELSEWHERE", "t2"] == 1
    assert found["callward_failovers_total", "t2"] == 0
    assert found["callward_calls_failed_over_total", "sales"] == 0
    assert found["callward_added_delay_seconds_sum",] == 0


def test_a_trunk_that_was_silent_when_another_won_has_failed() -> None:
    world = two_trunks()
    world.set_port("t1", Port.GONE)
    world.behave("anna", Script(ring_after=0.01, answer_after=0.02, hang_up_after=1.0))
    found = call_in(world)
    assert found["callward_attempts_total", "COMPLETED_ELSEWHERE", "t1"] == 1
    assert found["callward_failovers_total", "t1"] == 1
    assert found["callward_calls_failed_over_total", "sales"] == 1
    assert 0.24 < found["callward_added_delay_seconds_sum",] < 0.3


def test_a_call_is_lost_only_where_trunks_alone_failed_it() -> None:
    world = two_trunks()
    world.trunks["t1"].script = world.trunks["t2"].script = BROKEN
    found = call_in(world)
    chain = "sales"
    assert found["callward_calls_lost_total", chain] == 1
    assert found["callward_calls_total", chain, "EXHAUSTED", "5xx"] == 1
    assert found["callward_added_delay_seconds_count",] == 0  # nothing took over
    busy = World(stage("anna/t1,t2"))
    busy.behave("anna", BUSY)
    found = call_in(busy)
    assert found["callward_calls_lost_total", chain] == 0
    assert found["callward_attempts_total", "486", "t1"] == 1
    assert found["callward_failovers_total", "t1"] == 0  # a person who is busy is no fault of a trunk


def test_what_was_before_we_came_is_not_counted_late_and_gaps_are() -> None:
    world = two_trunks()
    world.behave("anna", ANSWERS)
    call = world.call()
    world.calm()
    kind, data = show_news(world.record(call))
    meter = Meter()
    meter.know(world.engine.switchboard.dialplan)
    for number, old, missed in ((1, True, 0), (2, False, 0), (5, False, 2), (6, False, 0), (1, False, 0)):
        meter.hear(Event(CALLS, kind, 0.0, data, number=number, old=old, missed=missed))
    found = read(meter.show().decode())
    assert found["callward_call_answer_seconds_count",] == 4
    assert found["callward_news_missed_total", CALLS] == 2


def test_a_fault_of_the_process_that_shows_all_this_is_counted_too() -> None:
    meter = Meter()
    meter.know(two_trunks().engine.switchboard.dialplan)
    assert read(meter.show().decode())["callward_faults_total", "ops"] == 0
    meter.note_fault()
    assert read(meter.show().decode())["callward_faults_total", "ops"] == 1


def test_restarts_of_both_processes_beside_that_for_calls_are_shown() -> None:
    world = two_trunks()
    beside = {"messages": {"pid": 7, "restarts": 2}, "ops": {"pid": 8, "restarts": 3}}
    meter = Meter()
    meter.see(Picture(0.0, {**collect_status(world.engine, 0.0), **beside}))
    found = read(meter.show().decode())
    assert found["callward_process_restarts_total", "messages"] == 2
    assert found["callward_process_restarts_total", "ops"] == 3


causes = st.one_of(st.sampled_from(sorted(OUTCOMES)), st.text(max_size=12), st.integers(0, 9999).map(str))
attempts = st.fixed_dictionaries(
    {
        "path": st.one_of(st.text(max_size=30), st.sampled_from(["anna via t1", "ben via t2/192.0.2.7:5060"])),
        "at": st.floats(0, 60),
        "milestone": st.sampled_from(["none", "accepted", "alerting", "answered", "confirmed"]),
        "cause": causes,
        "rang": st.none() | st.floats(0, 90),
        "hedge": st.booleans(),
    }
).map(lambda one: {**one, "rang": None if one["rang"] is None else one["at"] + one["rang"]})
calls = st.fixed_dictionaries(
    {
        "call": st.text(max_size=300),
        "did": st.from_regex(r"\+[1-9][0-9]{7,14}", fullmatch=True),
        "caller": st.from_regex(r"\+[1-9][0-9]{7,14}", fullmatch=True),
        "chain": st.one_of(st.just(""), st.text(max_size=20), st.sampled_from(["sales"])),
        "status": st.integers(200, 699),
        "winner": st.none() | st.text(max_size=30) | st.just("anna via t1"),
        "cause": causes,
        "seconds": st.floats(0, 90),
        "attempts": st.lists(attempts, max_size=6),
        "panic": st.booleans(),
    }
)
ALLOWED = re.compile(
    r"t1|t2|other|none|sales|main|calls of our own|[2-6]xx|[A-Z_]+|[3-6]\d\d|calls|messages|ops|call|up|down|passed|failed"
)


@given(st.lists(calls, max_size=5))
def test_labels_are_bounded_whatever_a_call_says(found: list[dict[str, Any]]) -> None:
    meter = Meter()
    meter.know(two_trunks().engine.switchboard.dialplan)
    for number, data in enumerate(found, 1):
        told = {**data, "call": f"{data['call'][:20]}{data['did'][1:]}-{data['caller']}"}
        meter.hear(Event(CALLS, "call", 0.0, told, number=number))
    text = meter.show(openmetrics=True).decode()
    for family in parse_open(text):
        for sample in family.samples:
            if family.name not in {known.name for known in COUNTED}:
                continue
            for label, value in sample.labels.items():
                if label != "le":
                    assert ALLOWED.fullmatch(value), sample
            if sample.exemplar is not None:
                shown = sample.exemplar.labels["call"]
                for data in found:
                    assert data["did"][1:] not in shown
                    assert data["caller"][1:] not in shown


def test_an_exemplar_names_the_call() -> None:
    world = two_trunks()
    world.behave("anna", ANSWERS)
    meter = Meter()
    call_in(world, meter)
    named = [
        sample.exemplar.labels["call"]
        for family in parse_open(meter.show(openmetrics=True).decode())
        for sample in family.samples
        if sample.name == "callward_call_answer_seconds_bucket" and sample.exemplar is not None
    ]
    assert named == ["caller-call-2@198.51.100.1"]


def test_a_cause_is_shown_as_it_is_or_by_its_class() -> None:
    assert [outcome_of(cause) for cause in ("486", "NO_REPLY", "499", "302", "", "boo", "999", "٤٨٦")] == [
        *("486", "NO_REPLY", "4xx", "3xx", "other", "other", "other", "other")
    ]


def test_a_picture_becomes_the_samples_that_the_catalogue_has() -> None:
    world = two_trunks()
    world.run_until(1.0)
    status = collect_status(world.engine, world.now)
    process = {"pid": 1, "log_dropped": 3, "feed_lost": 4}
    more: dict[str, Any] = {
        "process": process,
        "reload": {"ok": False, "at": 12.0},
        "messages": None,
        "limits": [
            {"of": "trunk t1", "calls": 2, "most": 3, "full": "", "in": 0},
            {"of": "trunk t2", "calls": 2, "most": None, "full": "x", "in": 0},
            {"of": "did +15557000", "calls": 9, "most": 9, "full": "it is", "in": 0},
        ],
        "registrations": [{"trunk": "t1", "bound": False}],
        "names": [{"name": "sbc.example", "stale": True, "addresses": ["192.0.2.1"]}],
        "certificates": [
            {"owner": "trunk t1", "until": 5.0, "refused": "it is old"},
            {"owner": "x", "until": None, "refused": ""},
        ],
    }
    meter = Meter()
    meter.know(world.engine.switchboard.dialplan)
    meter.see(Picture(0.0, {**status, **more}, None, {CALLS: True}, {CALLS: 0.002}))
    text = meter.show().decode()
    assert "15557000" not in text
    found = read(text)
    assert found["callward_limits_full", "did"] == 1
    assert found["callward_limits_full", "trunk"] == 1
    assert found["callward_limit_calls", "trunk", "t1"] == 2
    assert ("callward_limit_most", "trunk", "t2") not in found
    assert found["callward_reload_ok",] == 0
    assert found["callward_log_dropped_total", CALLS] == 3
    assert found["callward_feed_lost_total", CALLS] == 4
    assert found["callward_certificate_end_seconds", "trunk t1"] == 5
    assert found["callward_certificate_refused", "trunk t1"] == 1
    assert found["callward_name_stale", "sbc.example"] == 1
    assert found["callward_registration_bound", "t1"] == 0
    assert found["callward_response_seconds", CALLS] == 0.002
    up = [value for key, value in found.items() if key[0] == "callward_trunk_state" and "t1" in key]
    assert sorted(up) == [0, 0, 0, 0, 1]


def test_a_daemon_of_an_older_version_is_shown_as_far_as_it_tells() -> None:
    world = two_trunks()
    world.behave("anna", ANSWERS)
    call = world.call()
    world.calm()
    kind, data = show_news(world.record(call))
    attempts = [
        {key: value for key, value in each.items() if key not in ("rang", "hedge")} for each in data["attempts"]
    ]
    status = {**collect_status(world.engine, world.now), "messages": None}
    del status["late_timers"]
    meter = Meter()
    meter.know(world.engine.switchboard.dialplan)
    meter.see(Picture(0.0, status))
    meter.hear(Event(CALLS, kind, 0.0, {**data, "attempts": attempts}, number=1))
    found = read(meter.show().decode())
    assert found["callward_attempts_total", "ANSWERED", "t1"] == 1
    assert found["callward_role_up", CALLS] == 1
    assert ("callward_process_resident_bytes", CALLS) not in found


def test_a_daemon_that_does_not_answer_is_seen() -> None:
    meter = Meter()
    meter.know(two_trunks().engine.switchboard.dialplan)
    found = read(meter.show().decode())
    assert found["callward_role_up", "calls"] == 0
    assert found["callward_role_up", "ops"] == 1
    assert ("callward_role_up", "messages") not in found  # there are none by this dialplan
    assert found["callward_process_resident_bytes", "ops"] > 1 << 20


def test_a_process_that_has_gone_costs_nothing() -> None:
    assert cost_of(2**22 + 1) is None


def test_openmetrics_is_for_whoever_reads_it() -> None:
    prometheus = (
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain"
    )
    assert wants_openmetrics(prometheus)
    assert not wants_openmetrics("text/html, */*")
    assert not wants_openmetrics("")


def test_the_page_has_every_metric_with_its_kind_labels_and_meaning() -> None:
    rows = re.findall(
        r"^\| `([a-z_]+)` \| (\w+) \|([^|]*)\| (.+?) \|$", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE
    )
    page = {name: (kind, tuple(re.findall(r"`(\w+)`", labels)), meaning) for name, kind, labels, meaning in rows}
    assert page == {known.shown: (known.kind, known.labels, known.meaning) for known in (*COUNTED, *SHOWN)}
    assert all(known.buckets for known in COUNTED if known.kind == HISTOGRAM)


def test_other_consumers_have_figures_until_a_reload_takes_them_away() -> None:
    meter = Meter()
    meter.know(two_trunks().engine.switchboard.dialplan)
    meter.parts["mqtt"] = lambda: [("callward_mqtt_connected", (), 1.0)]
    assert read(meter.show().decode())["callward_mqtt_connected",] == 1
    meter.know(two_trunks().engine.switchboard.dialplan)
    assert ("callward_mqtt_connected",) not in read(meter.show().decode())
