from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from controller.rules.conditions import depends_on_offer, is_open, is_site_down, why_not
from controller.types import Dialplan, HealthView, Hours, Offer, Site, TargetState, TrunkHealth, When
from tests.playbook import stage

NEW_YORK = ZoneInfo("America/New_York")
DAY = ((8 * 3600, 18 * 3600),)
NIGHT = ((22 * 3600, 6 * 3600),)
OFFICE = Hours("office", NEW_YORK, (DAY,) * 5 + ((), ()), {date(2026, 12, 25): "Christmas Day"})
SHIFT = Hours("shift", NEW_YORK, (NIGHT,) * 5 + ((), ()), {date(2026, 12, 25): "Christmas Day"})
DIALPLAN = Dialplan(
    "v", (), {}, {}, {}, hours={"office": OFFICE, "shift": SHIFT}, sites={"hq": Site("hq", ("pbx", "spare"))}
)


def local(text: str, fold: int = 0) -> float:
    """A moment from New York's wall clock."""
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK, fold=fold).timestamp()


def view(**states: TargetState) -> HealthView:
    return HealthView(1, {name: TrunkHealth(state) for name, state in states.items()})


def why(
    when: When, *, at: str = "2026-11-20T12:00", caller: str = "+15550100", health: HealthView | None = None
) -> str:
    return why_not(when, DIALPLAN, Offer("1", "100", caller, local(at)), health or HealthView())


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-20T07:59:59", False),
        ("2026-11-20T08:00:00", True),
        ("2026-11-20T17:59:59", True),
        ("2026-11-20T18:00:00", False),
        ("2026-11-21T12:00:00", False),  # a Saturday
        ("2026-12-25T12:00:00", False),  # a Friday, but Christmas
        ("2026-03-09T08:00:00", True),  # the Monday after the clocks went forward
        ("2026-03-09T07:59:00", False),
        ("2026-11-02T08:00:00", True),  # the Monday after they went back
        ("2026-11-02T18:00:00", False),
    ],
)
def test_hours_are_those_of_the_wall_clock(at: str, expected: bool) -> None:
    assert is_open(OFFICE, local(at)) is expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-20T21:59:59", False),
        ("2026-11-20T22:00:00", True),
        ("2026-11-21T05:59:59", True),  # Saturday morning is Friday's night
        ("2026-11-21T06:00:00", False),
        ("2026-11-21T23:00:00", False),  # Saturday has no night
        ("2026-11-23T03:00:00", False),  # nor has Sunday, so Monday morning is closed
        ("2026-12-25T03:00:00", True),  # the night of Christmas Eve goes on
        ("2026-12-25T23:00:00", False),  # Christmas has none
        ("2026-12-26T03:00:00", False),
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_begins(at: str, expected: bool) -> None:
    assert is_open(SHIFT, local(at)) is expected


def test_clocks_that_change_at_night_leave_no_gap() -> None:
    """8 March and 1 November 2026 are Sundays: the Saturday's night has an hour less and an hour more."""
    saturdays = Hours("s", NEW_YORK, ((),) * 5 + (NIGHT, ()))
    for begin, end, hours in (("2026-03-07", "2026-03-08", 7), ("2026-10-31", "2026-11-01", 9)):
        first, last = local(f"{begin}T22:00"), local(f"{end}T06:00")
        assert last - first == hours * 3600
        minutes = range(-120, int((last - first) / 60) + 120)
        opened = [minute for minute in minutes if is_open(saturdays, first + minute * 60)]
        assert opened == list(range(int((last - first) / 60)))


def test_an_hour_that_comes_twice_is_open_both_times() -> None:
    early = Hours("early", NEW_YORK, ((),) * 6 + (((3600, 7200),),))
    for fold in (0, 1):
        assert is_open(early, local("2026-11-01T01:30", fold))
    assert not is_open(early, local("2026-11-01T02:00"))


def test_a_day_may_be_open_until_midnight_and_from_it() -> None:
    whole = Hours("whole", NEW_YORK, (((0, 86400),),) + ((),) * 6)
    assert is_open(whole, local("2026-11-23T00:00"))
    assert is_open(whole, local("2026-11-23T23:59:59"))
    assert not is_open(whole, local("2026-11-24T00:00"))


def test_closed_hours_are_said_with_the_local_time_and_the_holiday() -> None:
    assert why(When(hours="office")) == ""
    assert why(When(hours="office"), at="2026-11-21T12:30") == "office is closed: Sat 2026-11-21 12:30 America/New_York"
    said = why(When(hours="office"), at="2026-12-25T09:00")
    assert said == "office is closed: Fri 2026-12-25 09:00 America/New_York, Christmas Day"
    assert why(When(not_hours="office")) == "office is open: Fri 2026-11-20 12:00 America/New_York"
    assert why(When(not_hours="office"), at="2026-11-21T12:30") == ""


@pytest.mark.parametrize(
    ("caller", "known"), [("+15550100", True), ("15550100", True), ("+4930123", False), ("", False), ("anna", False)]
)
def test_a_caller_is_known_by_the_beginning_of_the_number(caller: str, known: bool) -> None:
    assert (why(When(callers=("+1555", "+44")), caller=caller) == "") is known
    assert (why(When(callers=("1555",)), caller=caller) == "") is known


@pytest.mark.parametrize("state", TargetState)
def test_a_trunk_is_up_unless_it_is_down(state: TargetState) -> None:
    health = view(pbx=state)
    down = state is TargetState.DOWN
    assert why(When(trunks=(("pbx", True),)), health=health) == ("trunk pbx is down" if down else "")
    assert why(When(trunks=(("pbx", False),)), health=health) == ("" if down else "trunk pbx is up")


def test_a_site_is_down_when_all_its_pbxs_are() -> None:
    down = TargetState.DOWN
    hq = DIALPLAN.sites["hq"]
    assert not is_site_down(hq, view())
    assert not is_site_down(hq, view(pbx=down))
    assert is_site_down(hq, view(pbx=down, spare=down))
    assert why(When(sites=(("hq", True),)), health=view(pbx=down, spare=down)) == "site hq is down"
    assert why(When(sites=(("hq", False),)), health=view(pbx=down)) == "site hq is up"


def test_all_conditions_must_hold() -> None:
    both = When(hours="office", callers=("+44",))
    assert why(both, caller="+4420") == ""
    assert why(both, caller="+1555").startswith("caller +1555 does not begin with +44")
    assert why(both, at="2026-11-21T12:00", caller="+4420").startswith("office is closed")


def test_only_hours_and_callers_make_a_stage_depend_on_the_offer() -> None:
    assert [
        depends_on_offer(stage("anna/t1", when=when))
        for when in (
            None,
            When(),
            When(trunks=(("t1", True),), sites=(("hq", True),)),
            When(hours="office"),
            When(not_hours="office"),
            When(callers=("+1",)),
        )
    ] == [False, False, False, True, True, True]
