"""A day of flapping trunks in seconds: `Day` checks every call, this file asks for enough of everything."""

from __future__ import annotations

import sys

import pytest

from tests.sim import __main__ as command
from tests.sim import world as world_module
from tests.sim.day import FAULTS, Day


def test_a_day_of_flapping_trunks() -> None:
    summary = Day(seed=1, calls=80).run()
    print(summary)
    outcomes = summary.outcomes
    assert outcomes["answered"] + outcomes["cancelled"] == summary.calls > 1500
    assert min(outcomes[kind] for kind in ("cancelled", "failed over", "late successes", "glare")) > 30, summary
    assert set(summary.faults) == set(FAULTS), summary
    assert min(summary.transitions[state] for state in ("up", "suspect", "down")) > 10, summary


def test_an_hour_is_replayed_from_its_seed() -> None:
    once, again, other = (Day(seed, hours=1.0, calls=120).run() for seed in (5, 5, 6))
    assert str(once) == str(again)
    assert once.digest != other.digest


def test_the_command_prints_the_summary(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tests.sim", "--seed", "3", "--hours", "0.2"])
    assert command.main() == 0
    assert capsys.readouterr().out == f"{Day(3, 0.2).run()}\n"


def test_the_command_shows_the_ladder_of_a_broken_call(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world_module, "audit", lambda case: ["the moon is made of cheese"])
    monkeypatch.setattr(sys, "argv", ["tests.sim", "--seed", "3", "--hours", "0.2"])
    assert command.main() == 1
    said = capsys.readouterr().err
    assert said.startswith("seed 3, ")
    assert "the moon is made of cheese\n" in said
    assert "caller -> callward INVITE sip:+15557000@192.0.2.10:5060" in said


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 160))
def test_many_days(seed: int) -> None:
    Day(seed, calls=100).run()
