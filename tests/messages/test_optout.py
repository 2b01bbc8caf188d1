"""Words of people: STOP and its kin, and what only looks like it."""

from __future__ import annotations

import pytest

from controller.messages.optout import Wish, is_start, is_stop, wish_of


@pytest.mark.parametrize(
    "text",
    [
        "STOP",
        " stop. ",
        "Stop!",
        "STOP ALL",
        "stopall",
        "Unsubscribe",
        "opt-out",
        "Opt out",
        "ARRÊT",
        "BAJA",
        "СТОП",
        "ＳＴＯＰ",
        '\n"stop"\n',
    ],
)
def test_people_who_want_nothing_more_are_heard(text: str) -> None:
    assert is_stop(text)
    assert not is_start(text)


@pytest.mark.parametrize("text", ["START", "unstop", "Yes", "Sí"])
def test_people_who_want_something_again_are_heard(text: str) -> None:
    assert wish_of(text) is Wish.START


@pytest.mark.parametrize("text", ["", "please stop by", "123456", "don't stop", "stopover", "stop " * 100, "🙂"])
def test_anything_else_is_no_wish(text: str) -> None:
    assert wish_of(text) is Wish.NOTHING
