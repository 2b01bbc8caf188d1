"""Warnings about certificates, in virtual time."""

from __future__ import annotations

import pytest

from controller.expiry import Expiries, days_left, show_day, warning_level

DAY = 86_400.0
END = 1_800_000_000.0  # 2027-01-15 08:00 UTC


@pytest.mark.parametrize(
    ("days", "level"),
    [(31, None), (30.01, None), (30, 30), (15, 30), (14, 14), (4, 14), (3, 3), (0.001, 3), (0, 0), (-100, 0)],
)
def test_level_of_warning(days: float, level: int | None) -> None:
    assert warning_level(END, END - days * DAY) == level


@pytest.mark.parametrize(
    ("days", "words"),
    [(30, "30 days"), (1.99, "1 day"), (1, "1 day"), (0.99, "less than a day"), (0, "less than a day")],
)
def test_days_are_rounded_down(days: float, words: str) -> None:
    assert days_left(END, END - days * DAY) == words


def test_each_warning_comes_once_as_the_days_go_by() -> None:
    expiries = Expiries()
    expiries.note("trunk a", END)
    said = [
        (hour, found.days, found.why) for hour in range(-40 * 24, 3 * 24) for found in expiries.due(END + hour * 3600)
    ]
    assert said == [
        (-30 * 24, 30, "expires on 2027-01-15 08:00 UTC, in 30 days"),
        (-14 * 24, 14, "expires on 2027-01-15 08:00 UTC, in 14 days"),
        (-3 * 24, 3, "expires on 2027-01-15 08:00 UTC, in 3 days"),
        (0, 0, "expired on 2027-01-15 08:00 UTC"),
    ]


def test_what_was_not_looked_at_for_long_is_warned_of_once() -> None:
    expiries = Expiries()
    expiries.note("trunk a", END)
    assert [found.days for found in expiries.due(END - 2 * DAY)] == [3]
    expiries.note("trunk a", END)  # the same certificate, shown again
    assert expiries.due(END - 2 * DAY) == []


def test_a_new_certificate_begins_anew() -> None:
    expiries = Expiries()
    expiries.note("trunk a", END)
    expiries.note("trunk b", END + 10 * DAY)
    assert [(found.owner, found.days) for found in expiries.due(END - DAY)] == [("trunk a", 3), ("trunk b", 14)]
    expiries.note("trunk a", END + 90 * DAY)
    assert expiries.due(END) == []
    assert [found.owner for found in expiries.due(END + 89 * DAY)] == ["trunk a", "trunk b"]


def test_who_has_left_is_forgotten() -> None:
    expiries = Expiries()
    expiries.note("trunk a", END)
    expiries.note("listener", END)
    expiries.keep({"listener"})
    assert [found.owner for found in expiries.due(END)] == ["listener"]
    assert expiries.ends == {"listener": END}
    assert expiries.say("listener", END) == f"expired on {show_day(END)}"
    assert expiries.say("trunk a", END) == ""
