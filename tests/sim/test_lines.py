"""Each line by its own rules, as an admin writes them: two numbers on one trunk, thresholds, causes, ten targets deep."""

from __future__ import annotations

import pytest

from controller.config import compile_text
from controller.scenario.network import Port
from sip.agent import Script
from tests.playbook import stage
from tests.sim.world import ENGINE, World

ANSWERS = Script(ring_after=0.1, answer_after=1.0, hang_up_after=3.0)
RINGS_FOR_EVER = Script()
MAIN, AFTER_HOURS, OTHER, DEEP = "+15557000", "+15557001", "+15557002", "+15557003"

#: 1970-01-01 was a Thursday: `now` counts from its midnight.
DIALPLAN = f"""
version: 1
access: anyone
listen: [{{udp: "192.0.2.10:5060"}}]
defaults: {{causes: {{603: next-target, 404: next-path}}}}
trunks:
  pbx: {{uri: "sip:192.0.2.21", probe: off}}
  carrier: {{uri: "sip:192.0.2.22", carrier: b, probe: off}}
hours:
  office: {{zone: UTC, open: {{mon-fri: "08:00-18:00"}}}}
endpoints:
  desk: {{user: "100", via: [pbx, carrier]}}
{"".join(f"  extension-{n}: {{user: '2{n:02d}', via: [pbx]}}{chr(10)}" for n in range(10))}
  answering: {{number: "+15550199", via: [carrier], live: true}}
chains:
  main:
    - {{ring: [desk], for: 10s}}
    - {{ring: [answering]}}
  after-hours:
    - {{ring: [desk], for: 10s, when: {{hours: office}}}}
    - {{ring: [answering]}}
  deep:
    - {{ring: [{", ".join(f"extension-{n}" for n in range(10))}], for: 3s, no_progress: 3s}}
    - {{ring: [answering]}}
routes:
  - {{did: "{MAIN}", chain: main}}
  - {{did: "{AFTER_HOURS}", chain: after-hours}}
  - {{did: "{OTHER}", chain: main}}
  - {{did: "{DEEP}", chain: deep}}
"""


def office(seconds: float) -> World:
    """The world of the dialplan, so many seconds after midnight."""
    world = World(stage("desk/pbx,carrier"))
    loaded = compile_text(DIALPLAN, "lines.yaml")
    assert loaded.dialplan is not None, loaded.diagnostics
    world.engine.reload(loaded.dialplan, world.hops, world.now)
    world.engine.plane.epoch_offset = seconds - world.now
    world.behave("+15550199", ANSWERS)
    world.behave("100", RINGS_FOR_EVER)
    return world


def ring(world: World, did: str) -> list[tuple[str, float]]:
    """One call, until it is over: the paths tried and when."""
    call = world.call(f"sip:{did}@{ENGINE.host}:{ENGINE.port}")
    world.calm()
    assert world.status(call) == 200
    return [(attempt.path, round(attempt.started, 2)) for attempt in world.record(call).attempts]


def test_main_line_rings_ten_seconds_and_the_after_hours_line_goes_to_the_service_at_once() -> None:
    """Two numbers on one trunk, each with its own thresholds (C4, C5)."""
    night = office(seconds=3 * 3600.0)
    assert ring(night, MAIN) == [("desk via pbx", 0.0), ("answering via carrier", 10.0)]
    assert ring(night, AFTER_HOURS) == [("answering via carrier", 0.0)]
    noon = office(seconds=12 * 3600.0)
    assert ring(noon, AFTER_HOURS) == [("desk via pbx", 0.0), ("answering via carrier", 10.0)]


@pytest.mark.parametrize(
    ("status", "second"),
    [
        (503, "desk via carrier"),  # the next route to the same phone, now
        (486, "answering via carrier"),  # a busy phone is busy on every trunk
        (603, "answering via carrier"),  # as `causes` says, not the end of the hunt
        (404, "desk via carrier"),  # as `causes` says, for a PBX that forgot its phones
    ],
)
def test_causes_lead_where_the_table_of_the_dialplan_says(status: int, second: str) -> None:
    world = office(seconds=12 * 3600.0)
    world.trunks["pbx"].scripts["100"] = Script(trying=False, ring_after=None, reject=status)
    world.trunks["carrier"].scripts["100"] = ANSWERS
    (first, second_try) = ring(world, MAIN)
    assert first == ("desk via pbx", 0.0)
    assert second_try[0] == second
    assert second_try[1] < 0.1, "at once"


def test_ten_extensions_are_rung_one_after_the_other_before_the_service() -> None:
    world = office(seconds=0.0)
    for number in range(10):
        world.behave(f"2{number:02d}", RINGS_FOR_EVER)
    expected = [(f"extension-{n} via pbx", 3.0 * n) for n in range(10)]
    assert ring(world, DEEP) == [*expected, ("answering via carrier", 30.0)]


def test_a_dead_pbx_costs_a_quarter_of_a_second_and_less_once_it_is_suspected() -> None:
    world = office(seconds=0.0)
    world.set_port("pbx", Port.GONE)
    world.trunks["carrier"].scripts["100"] = ANSWERS
    for did, seconds in ((MAIN, 0.25), (OTHER, 0.05)):
        assert ring(world, did) == [("desk via pbx", 0.0), ("desk via carrier", seconds)]
