"""What is wrong, from what the daemons really show: a virtual world's status, and rows of the other kinds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from controller.alerting.conditions import FAULT_FOR, STARTING, Finder
from controller.alerting.words import Condition
from controller.scenario.network import Port
from controller.status import collect_status
from controller.types.alerts import Kind, Severity
from tests.alerting.stage import START
from tests.sim.test_quality import ANSWERS, UNABLE, call_for, make_world
from tests.sim.world import World

UP = {"calls": True, "messages": True}


class Desk:
    """A finder by the dialplan of a virtual world, and pictures of that world."""

    def __init__(self) -> None:
        self.world: World = make_world()
        self.finder = Finder(self.world.engine.switchboard.dialplan)
        self.at = START

    def status(self, **more: Any) -> dict[str, Any]:
        """As `callward status` has it."""
        shown: dict[str, Any] = json.loads(json.dumps(collect_status(self.world.engine, self.world.now)))
        return shown | more

    def see(self, messages: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Condition]:
        """What is wrong, by id."""
        sight = self.finder.see(self.at, self.status(**more), messages, UP)
        return {condition.id: condition for condition in sight.conditions}


def test_a_trunk_that_is_down_and_one_that_carries_nothing() -> None:
    desk = Desk()
    assert desk.see() == {}
    desk.world.trunks["t1"].scripts["anna"] = UNABLE
    call_for(desk.world, 20.0)
    found = desk.see()
    assert found.keys() == {"quality:t1"}  # it answers OPTIONS all the while (C3)
    assert (found["quality:t1"].severity, found["quality:t1"].labels["carrier"]) == (Severity.WARNING, "carrier t1")
    assert found["quality:t1"].why == "says itself that it cannot (503), 3 times in a row"
    desk.world.trunks["t1"].scripts["anna"] = ANSWERS
    for _ in range(90):  # held and tried, again and again, until it has proved itself: one alert, without a gap
        call_for(desk.world, 2.0)
        if desk.see() == {}:
            break
        assert desk.see().keys() == {"quality:t1"}
    assert gate(desk, "t1") in ("rising", "open")
    desk.world.set_port("t2", Port.GONE)
    desk.world.run_until(desk.world.now + 8.0)
    found = desk.see()
    assert found.keys() == {"trunk:t2"}
    down = found["trunk:t2"]
    assert (down.severity, down.labels.keys() & {"address"}) == (Severity.CRITICAL, {"address"})
    assert down.since is not None
    assert 5.0 < START - down.since < 9.0
    desk.world.engine.drain("t2", desk.world.now)
    assert desk.see() == {}  # whoever works on it knows


def test_a_trunk_that_comes_back_in_steps_is_no_alert_for_that() -> None:
    desk = Desk()
    desk.world.set_port("t2", Port.GONE)
    desk.world.run_until(desk.world.now + 8.0)
    assert desk.see().keys() == {"trunk:t2"}
    desk.world.set_port("t2", Port.OPEN)
    gates = set()
    for _ in range(200):
        call_for(desk.world, 1.0)
        found = desk.see()
        assert found.keys() <= {"trunk:t2"}
        if not found:
            gates.add(gate(desk, "t2"))
    assert {"canary", "rising"} <= gates


def gate(desk: Desk, name: str) -> str:
    """How much of its calls it has."""
    (row,) = (each for each in desk.status()["trunks"] if each["name"] == name)
    return row["calls"]["gate"] if row["calls"] else "open"


def test_a_trunk_that_calls_speak_against_unless_an_operator_knows() -> None:
    desk = Desk()
    rows = desk.status()["trunks"]
    rows[0] |= {"state": "degraded", "code": "QUALITY", "why": "says itself that it cannot"}
    assert desk.see(trunks=rows)["quality:t1"].severity is Severity.WARNING
    rows[0]["calls"] = {"gate": "parked"}
    assert desk.see(trunks=rows) == {}
    rows[0] |= {"calls": None, "code": "NOT_REGISTERED"}  # a kind of its own
    assert desk.see(trunks=rows) == {}


def test_a_name_is_down_when_all_its_addresses_are() -> None:
    desk = Desk()
    rows = desk.status()["trunks"]
    for row in rows:
        row |= {"group": "carrier", "state": "down"}
    rows[1]["state"] = "up"
    assert desk.see(trunks=rows, down=[]) == {}
    rows[1]["state"] = "down"
    assert desk.see(trunks=rows, down=["carrier"]).keys() == {"trunk:carrier"}


@pytest.mark.parametrize(
    ("more", "name", "severity"),
    [
        ({"uplink": "all fell"}, "uplink:calls", Severity.CRITICAL),
        ({"overloaded": True}, "overload:calls", Severity.CRITICAL),
        ({"silent_relay": "127.0.0.1:2223"}, "media:127.0.0.1:2223", Severity.WARNING),
        (
            {"registrations": [{"trunk": "t1", "bound": False, "for": 9.0, "why": "403"}]},
            "registration:t1",
            Severity.CRITICAL,
        ),
        (
            {"certificates": [{"owner": "trunk t1", "until": START - 1, "expiry": "expired", "refused": ""}]},
            "certificate:trunk t1",
            Severity.CRITICAL,
        ),
        (
            {"certificates": [{"owner": "trunk t1", "until": START + 86400.0, "expiry": "expires", "refused": ""}]},
            "certificate:trunk t1",
            Severity.WARNING,
        ),
        (
            {"certificates": [{"owner": "trunk t1", "until": None, "expiry": "", "refused": "self-signed"}]},
            "certificate:trunk t1",
            Severity.WARNING,
        ),
    ],
)
def test_what_status_shows(more: dict[str, Any], name: str, severity: Severity) -> None:
    found = Desk().see(**more)
    assert {key: each.severity for key, each in found.items()} == {name: severity}


def test_what_is_only_about_to_be_wrong_is_not_told() -> None:
    later = {"owner": "trunk t1", "until": START + 20 * 86400.0, "expiry": "expires", "refused": ""}
    asked = {"trunk": "t1", "bound": False, "for": None, "why": ""}
    assert Desk().see(certificates=[later], registrations=[asked]) == {}


def test_messages() -> None:
    rows = [
        {"provider": "a", "alive": False, "gate": "open", "why": ""},
        {"provider": "b", "alive": None, "gate": "held", "why": "fails"},
        {"provider": "c", "alive": True, "gate": "open", "why": ""},
    ]
    found = Desk().see({"store": {"lost": "refused"}, "providers": rows})
    assert {key: each.severity for key, each in found.items()} == {
        "store:messages": Severity.CRITICAL,
        "provider:a": Severity.CRITICAL,
        "provider:b": Severity.WARNING,
    }


def test_a_fault_is_one_alert_for_an_hour_after_the_last() -> None:
    desk = Desk()
    for ago in (1800.0, 0.0):
        desk.finder.hear("calls", "fault", START - ago, {"what": "a traceback"})
    assert desk.see()["fault:calls"].since == START - 1800.0
    desk.at += FAULT_FOR - 1.0
    assert desk.see().keys() == {"fault:calls"}
    again = Finder(desk.world.engine.switchboard.dialplan)  # a reload, or another life of ours
    again.load(json.loads(json.dumps(desk.finder.dump())))
    assert {each.id for each in again.see(desk.at, desk.status(), None, UP).conditions} == {"fault:calls"}
    desk.at += 2.0
    assert desk.see() == {}


def test_a_daemon_that_starts_is_not_one_that_is_gone() -> None:
    desk = Desk()

    def gone(after: float) -> bool:
        sight = desk.finder.see(START + after, None, None, {"calls": False})
        assert Kind.TRUNK in sight.unknown
        return any(each.kind is Kind.DAEMON for each in sight.conditions)

    assert not gone(0.0)
    assert not gone(STARTING - 0.1)
    assert gone(STARTING)
    desk = Desk()
    desk.see()
    assert gone(0.5)


def test_a_daemon_that_hangs_does_not_answer_though_it_has_its_sockets() -> None:
    desk = Desk()
    assert desk.see() == {}
    sight = desk.finder.see(START + 3.0, None, None, UP)
    assert [each.id for each in sight.conditions] == ["daemon:calls"]
    assert desk.see() == {}
