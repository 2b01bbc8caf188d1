"""Incidents in virtual time: one page for one outage, and what may come after it."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

from controller.alerting.incidents import AGAIN, REFRESH, Alerting
from controller.alerting.notices import make_notice
from controller.alerting.words import What
from controller.config import load
from controller.types import Hours
from controller.types.alerts import AlertRoute, Group, Kind, Match, Severity, Step
from tests.alerting.stage import World, labels_of, route
from tests.config.sample import SAMPLE


def world(*routes: AlertRoute, trunks: int = 3, carriers: int = 1, live: tuple[str, ...] = ()) -> World:
    return World(Alerting(routes or (route(),), {}, live), labels_of(trunks, carriers))


def title(here: World) -> str:
    incident = next(iter(here.alerting.open.values()), None) or here.alerting.over[-1]
    return make_notice(incident, What.TRIGGER)["title"]


def test_fifty_trunks_that_fall_one_after_the_other_are_one_page_that_resolves_itself() -> None:
    here = world(trunks=50)
    for index in range(50):
        here.fall(f"t{index}").wait(0.05)
    here.wait(10.0)
    assert here.said() == [(5.0, "oncall", "trigger")]
    assert title(here) == "carrier c0: all 50 trunks are down"
    for index in range(50):
        here.rise(f"t{index}").wait(0.2)
    assert len(here.said()) == 1
    here.wait(40.0)
    assert [what for _, _, what in here.said()] == ["trigger", "resolve"]
    assert not here.alerting.open


def test_who_falls_after_the_page_joins_it() -> None:
    here = world(trunks=50).fall("t0").wait(6.0)
    assert title(here) == "trunk t0 is down"
    here.fall(*(f"t{index}" for index in range(1, 50))).wait(20.0)
    assert here.said() == [(5.0, "oncall", "trigger")]
    assert title(here) == "carrier c0: all 50 trunks are down"


def test_trunks_of_several_carriers_at_one_address_are_one_page() -> None:
    here = world(trunks=6, carriers=6)
    here.labels = labels_of(6, 6, address="192.0.2.1:5060")
    here.fall(*here.labels).wait(6.0)
    assert len(here.said()) == 1
    assert title(here) == "address 192.0.2.1:5060: all 6 trunks are down"


def test_who_falls_later_at_the_same_address_joins_whatever_its_carrier() -> None:
    here = world(trunks=6, carriers=6)
    here.labels = labels_of(6, 6, address="192.0.2.1:5060")
    here.fall("t0").wait(6.0).fall("t1").fall("t2", "t3", "t4", "t5").wait(3.0)
    assert len(here.said()) == 1
    assert title(here) == "address 192.0.2.1:5060: all 6 trunks are down"


def test_two_carriers_that_have_nothing_in_common_are_two_pages() -> None:
    here = world(trunks=6, carriers=2).fall("t0", "t1", "t2", "t3").wait(6.0)
    assert len(here.said()) == 2
    assert {each.cause for each in here.alerting.open.values()} == {("carrier", "c0"), ("carrier", "c1")}


def test_what_mends_within_its_hold_is_not_told() -> None:
    here = world().fall("t0").wait(4.9).rise("t0").wait(60.0)
    assert here.said() == []


def test_what_comes_back_must_be_quiet_for_longer_and_is_not_told_again() -> None:
    here = world().fall("t0").wait(6.0)
    for _ in range(5):
        here.rise("t0").wait(20.0).fall("t0").wait(20.0)
    here.rise("t0").wait(5 * 30.0)
    assert [what for _, _, what in here.said()] == ["trigger"]
    here.wait(31.0)
    assert [what for _, _, what in here.said()] == ["trigger", "resolve"]


def test_a_suspected_uplink_hides_the_trunks() -> None:
    here = world(trunks=6, carriers=3).fall(*labels_of(6)).fall("calls", kind=Kind.UPLINK).wait(60.0)
    assert here.said() == [(5.0, "oncall", "trigger")]
    assert title(here) == "our own uplink is suspected: all trunks fell at once"
    here.rise("calls", kind=Kind.UPLINK).wait(2.0).rise(*labels_of(5)).wait(2.0)
    assert len(here.said()) == 1
    here.wait(2.0)
    assert here.said()[1:] == [(65.0, "oncall", "trigger")]  # one stayed down: told once its hold is over
    here.rise("t5").wait(60.0)
    assert [what for _, _, what in here.said()[2:]] == ["resolve", "resolve"]


def test_a_trunk_that_is_down_hides_what_else_is_said_about_it() -> None:
    here = world().fall("t0").fall("t0", kind=Kind.REGISTRATION).wait(60.0)
    assert [each.kind for incident in here.alerting.open.values() for each in incident.members.values()] == [Kind.TRUNK]


def test_whoever_does_not_acknowledge_is_followed_by_the_next() -> None:
    steps = (Step(300.0, ("boss",)), Step(600.0, ("owner", "boss")))
    here = world(route(escalate=steps)).fall("t0").wait(306.0)
    assert here.said() == [(5.0, "oncall", "trigger"), (305.0, "boss", "trigger")]
    (name,) = here.alerting.open
    here.take(here.alerting.acknowledge(name, "anna", here.now) or ())
    here.wait(2000.0)
    assert here.said()[2:] == [(306.0, "oncall", "acknowledge"), (306.0, "boss", "acknowledge")]
    here.rise("t0").wait(31.0)
    assert {notifier for _, notifier, what in here.said() if what == "resolve"} == {"oncall", "boss"}


def test_whoever_cannot_be_reached_is_followed_at_once() -> None:
    here = world(route(notify=("chat", "oncall"), escalate=(Step(300.0, ("boss",)),))).fall("t0").wait(6.0)
    (name,) = here.alerting.open
    here.take(here.alerting.unheard(name, "chat", "503", here.now))
    assert len(here.said()) == 2
    here.take(here.alerting.unheard(name, "oncall", "503", here.now))
    assert here.said()[2:] == [(6.0, "boss", "trigger")]


def test_the_first_route_that_matches_has_it() -> None:
    fine = Match(carriers=frozenset(("c1",)))
    here = world(route("c1", ("desk",), match=fine), route("rest"), trunks=4, carriers=2).fall("t0", "t1").wait(6.0)
    assert {(notifier, what) for _, notifier, what in here.said()} == {("desk", "trigger"), ("oncall", "trigger")}
    nothing = route("never", ("desk",), match=Match(kinds=frozenset((Kind.STORE,)), sites=frozenset(("hq",))))
    assert world(nothing, route()).fall("t0").wait(6.0).said() == [(5.0, "oncall", "trigger")]


def test_warnings_wait_for_the_end_of_quiet_hours_and_critical_ones_do_not() -> None:
    day = (((22 * 3600, 24 * 3600), (0, 6 * 3600)),) * 7
    nights = Hours("nights", UTC, day)
    rules = (route(quiet="nights", hold=0.0),)
    here = World(Alerting(rules, {"nights": nights}), labels_of(3))
    here.now += 46 * 60.0 + 40.0  # START is 22:13:20: within
    here.fall("carrier-x", kind=Kind.CERTIFICATE, severity=Severity.WARNING)
    here.fall("t0")
    assert [what for _, _, what in here.said()] == ["trigger"]
    here.wait(6 * 3600.0)
    assert len(here.said()) == 1
    here.wait(2 * 3600.0)
    assert [what for _, _, what in here.said()] == ["trigger", "trigger"]
    by_day = World(Alerting((route(quiet_unless="nights", hold=0.0),), {"nights": nights}), labels_of(3))
    assert len(by_day.fall("x", kind=Kind.FAULT, severity=Severity.WARNING).said()) == 1


def nights_of(rule: AlertRoute) -> World:
    """It is 21:50, and quiet from 22:00 to 6:00."""
    nights = Hours("nights", UTC, (((22 * 3600, 24 * 3600), (0, 6 * 3600)),) * 7)
    here = World(Alerting((rule,), {"nights": nights}), labels_of(3))
    here.now -= 23 * 60.0 + 20.0
    return here


def test_a_warning_that_grows_in_quiet_hours_is_told_when_they_end() -> None:
    here = nights_of(route(quiet="nights")).fall("t0", kind=Kind.QUALITY, severity=Severity.WARNING).wait(3600.0)
    here.fall("t1", kind=Kind.QUALITY, severity=Severity.WARNING).wait(6 * 3600.0)
    assert len(here.said()) == 1
    here.wait(4300.0)
    assert [what for _, _, what in here.said()] == ["trigger", "trigger"]
    morning = 7 * 3600.0 + 46 * 60.0 + 40.0  # after START
    assert morning <= here.said()[1][0] <= morning + 31.0


def test_nobody_is_woken_because_nobody_looked_after_a_warning() -> None:
    steps = (Step(900.0, ("boss",)),)
    here = nights_of(route(quiet="nights", escalate=steps)).fall("t0", kind=Kind.QUALITY, severity=Severity.WARNING)
    here.wait(8 * 3600.0)
    assert [who for _, who, _ in here.said()] == ["oncall"]
    here.wait(700.0)
    assert [who for _, who, _ in here.said()] == ["oncall", "boss"]
    critical = nights_of(route(quiet="nights", escalate=steps)).fall("t0").wait(906.0)
    assert [who for _, who, _ in critical.said()] == ["oncall", "boss"]


def test_a_quiet_night_is_no_busy_one_for_us() -> None:
    here = nights_of(route(quiet="nights", escalate=(Step(60.0, ("boss",)),)))
    here.fall("t0", kind=Kind.QUALITY, severity=Severity.WARNING).wait(1800.0)
    assert here.alerting.next_deadline(here.now) > here.now + 1.0


def test_whoever_a_reload_puts_in_the_place_of_others_is_told() -> None:
    before = world(
        route("critical", ("oncall",), match=Match(kinds=frozenset((Kind.TRUNK,)))), route("rest", ("chat",))
    )
    before.fall("t0").wait(6.0)
    renamed = (route("pages", ("new-oncall",), match=Match(kinds=frozenset((Kind.TRUNK,)))), route("rest", ("chat",)))
    here = world(*renamed)
    here.alerting.load(before.alerting.dump())
    here.now, here.wrong = before.now, before.wrong
    here.wait(30.0)
    assert [each[1:] for each in here.said()] == [("new-oncall", "trigger")]
    here.fall("t1").wait(20.0)  # the same outage still: no other route has it
    assert len(here.said()) == 1
    here.rise("t0", "t1").wait(31.0)
    assert {each[1:] for each in here.said()[1:]} == {("oncall", "resolve"), ("new-oncall", "resolve")}


def test_whoever_a_reload_adds_is_left_alone_where_somebody_looks_after_it() -> None:
    before = world(route("all", ("oncall",))).fall("t0").wait(6.0)
    (name,) = before.alerting.open
    before.alerting.acknowledge(name, "anna", before.now)
    here = world(route("all", ("oncall", "boss")))
    here.alerting.load(before.alerting.dump())
    here.now, here.wrong = before.now, before.wrong
    assert here.wait(60.0).said() == []


def test_a_clock_that_is_set_back_delays_nobody() -> None:
    here = world(route(escalate=(Step(300.0, ("boss",)),))).fall("t0").wait(3.0).set_clock(-3600.0).wait(3.0)
    assert [who for _, who, _ in here.said()] == ["oncall"]
    here.set_clock(-86400.0).wait(301.0)
    assert [who for _, who, _ in here.said()] == ["oncall", "boss"]
    here.rise("t0").wait(2.0).set_clock(-3600.0).wait(29.0)
    assert [what for _, _, what in here.said()[2:]] == ["resolve", "resolve"]
    over = here.alerting.over[-1]
    assert over.resolved is not None
    assert 330.0 < over.resolved - over.opened < 340.0


def test_what_becomes_critical_is_told_again_and_nobody_looks_after_it_any_more() -> None:
    here = world(route(escalate=(Step(300.0, ("boss",)),))).fall(
        "own", kind=Kind.CERTIFICATE, severity=Severity.WARNING
    )
    here.wait(6.0)
    (name,) = here.alerting.open
    here.take(here.alerting.acknowledge(name, "anna", here.now) or ())
    here.wait(1000.0).fall("own", kind=Kind.CERTIFICATE, severity=Severity.CRITICAL)
    assert [what for _, _, what in here.said()] == ["trigger", "acknowledge", "trigger"]
    assert here.wait(301.0).said()[-1][1:] == ("boss", "trigger")


def test_a_trunk_that_falls_makes_a_warning_of_its_carrier_critical() -> None:
    here = world().fall("t0", kind=Kind.QUALITY, severity=Severity.WARNING).wait(6.0)
    here.fall("t1").wait(1.0)
    assert [what for _, _, what in here.said()] == ["trigger", "trigger"]
    assert title(here) == "carrier c0: 1 trunk does not carry calls as it should, 1 trunk is down"


def test_who_could_not_be_reached_is_asked_anew_when_it_becomes_critical() -> None:
    here = world(route(escalate=(Step(300.0, ("boss",)),))).fall(
        "own", kind=Kind.CERTIFICATE, severity=Severity.WARNING
    )
    here.wait(6.0)
    (name,) = here.alerting.open
    here.take(here.alerting.unheard(name, "oncall", "503", here.now))
    here.fall("own", kind=Kind.CERTIFICATE, severity=Severity.CRITICAL).wait(10.0)
    assert [who for _, who, _ in here.said()] == ["oncall", "boss", "oncall", "boss"]


def test_growth_after_a_long_time_is_told_again() -> None:
    here = world().fall("t0").wait(6.0).wait(AGAIN).fall("t1").wait(6.0)
    assert [what for _, _, what in here.said()] == ["trigger", "trigger"]


def test_those_who_follow_everything_are_told_again_and_again() -> None:
    here = world(route(notify=("oncall", "manager")), live=("manager",)).fall("t0").wait(6.0)
    here.fall("t1").wait(1.0)
    assert here.said()[-1][1:] == ("manager", "update")
    count = len(here.said())
    here.wait(3 * REFRESH)
    assert 2 <= len([each for each in here.said()[count:] if each[1:] == ("manager", "update")]) <= 4
    assert [each for each in here.said() if each[1] == "oncall"] == [(5.0, "oncall", "trigger")]


def test_nothing_ends_while_nobody_can_know() -> None:
    here = world().fall("t0").wait(6.0)
    here.unknown = frozenset((Kind.TRUNK,))
    here.rise("t0").wait(600.0)
    assert len(here.said()) == 1
    here.unknown = frozenset()
    here.wait(31.0)
    assert [what for _, _, what in here.said()] == ["trigger", "resolve"]


def test_a_restart_neither_tells_twice_nor_forgets_the_end() -> None:
    here = world(trunks=50).fall(*labels_of(50)).wait(6.0)
    there = world(trunks=50)
    there.alerting.load(here.alerting.dump())
    there.now, there.wrong = here.now, here.wrong
    there.wait(60.0)
    assert there.said() == []
    there.rise(*labels_of(50)).wait(31.0)
    assert [what for _, _, what in there.said()] == ["resolve"]


def test_groups_as_they_are_asked_for() -> None:
    for group, count in ((Group.EACH, 6), (Group.CARRIER, 2), (Group.KIND, 1), (Group.ALL, 1), (Group.SITE, 6)):
        here = world(route(group_by=group), trunks=6, carriers=2).fall(*labels_of(6)).wait(6.0)
        assert len(here.said()) == count, group


def test_the_example_of_the_docs_is_a_dialplan(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
    example = text.split("```yaml\n")[1].split("```")[0]
    (tmp_path / "pagerduty.key").write_text("key")
    (tmp_path / "slack.url").write_text("https://hooks.example.com/services/x")
    (tmp_path / "plan.yaml").write_text(SAMPLE.split("hours:")[0] + example if "hours:" in SAMPLE else SAMPLE + example)
    loaded = load(tmp_path / "plan.yaml")
    assert loaded.dialplan is not None, loaded.diagnostics
    assert loaded.dialplan.ops is not None
    assert loaded.dialplan.ops.alerts is not None
    first, last = loaded.dialplan.ops.alerts.routes
    assert (first.notify, first.escalate) == (("oncall", "chat"), (Step(300.0, ("boss",)),))
    assert last.quiet_unless == "office"
