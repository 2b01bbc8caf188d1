"""Playbooks of the run: several addresses of one name, "a/1" and "a/2"."""

from __future__ import annotations

import pytest

from controller.types import NO_PROGRESS
from tests.playbook import Playbook, at, begin, cancel, fails, finish, plan, play, silent, start, trying


def test_a_silent_address_is_hedged_by_the_next_one() -> None:
    assert (
        play(plan("anna/a/1,a/2,b"))
        >> begin()
        << start(1, "anna via a/1")
        >> at(0.25)
        << silent(1)
        << start(2, "anna via a/2")
    )


@pytest.mark.parametrize("cause", ["503", "500", "TRANSPORT_ERROR"])
def test_an_address_that_fails_is_followed_by_the_next_one(cause: str) -> None:
    assert (
        play(plan("anna/a/1,a/2,b"))
        >> begin()
        << start(1, "anna via a/1")
        >> at(0.1)
        >> fails(1, cause)
        << start(2, "anna via a/2")
    )


def stuck(text: str) -> Playbook:
    """The first address says 100 and nothing more."""
    return (
        play(plan(text))
        >> begin()
        << start(1, f"anna via {text.split('/', 1)[1].split(',', maxsplit=1)[0]}")
        >> at(0.1)
        >> trying(1)
        >> at(8.0)
        << cancel(1, NO_PROGRESS)
    )


def test_a_name_that_kept_the_caller_waiting_in_vain_is_left_for_another_trunk() -> None:
    assert stuck("anna/a/1,a/2,a/3,b") << start(2, "anna via b") >> fails(2, "503") << finish(None, "EXHAUSTED")


def test_unless_it_is_all_there_is() -> None:
    assert stuck("anna/a/1,a/2") << start(2, "anna via a/2")


def test_two_trunks_without_addresses_are_two_names() -> None:
    assert stuck("anna/t1,t2") << start(2, "anna via t2")
