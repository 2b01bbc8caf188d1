"""Row M7 end to end: a provider that takes messages and swallows them is left long before a single wait is over."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from controller.simulate.base import Fates, Faults
from tests.broker.stage import Client, Stage, run
from tests.broker.test_policy_daemon import AMERICAN, SMS

#: Taken with thanks, and never heard of again.
SWALLOWED = Fates(Faults(lost=1.0))
KNOWN = 25  # messages until the daemon knows how long this provider takes
ENOUGH = 16  # that it swallows until it is left


async def until_told(here: Stage) -> dict[str, Any]:
    """The first change of a gate that the daemon tells of."""
    async with asyncio.timeout(60):
        while True:
            for line in here.lines:
                if line["event"] == "quality":
                    return line
            await asyncio.sleep(0.05)


def test_m7_a_provider_that_swallows_messages_is_left_within_bounded_sends(tmp_path: Path, free_port: int) -> None:
    """Each would wait a hundred seconds for its report. While all sixteen still do, new ones go to the other."""

    def prepare(here: Stage) -> None:
        here.plan["cascades"] = {"otp": [{"send": SMS, "wait": "100s"}]}
        here.plan["policies"] = [{"name": "base", "cascade": "otp"}]

    async def act(here: Stage, asker: Client) -> None:
        done = await asker.over([await asker.send(f"first-{n}", to={"phone": AMERICAN}) for n in range(KNOWN)])
        assert {each["provider"] for one in done.values() for each in one["attempts"]} == {"silent"}
        here.http.fate_of("silent", SWALLOWED)
        swallowed = [await asker.send(f"then-{n}", to={"phone": AMERICAN}) for n in range(ENOUGH)]
        told = await until_told(here)
        assert (told["provider"], told["region"].split()[0], told["new"]) == ("silent", "US", "held")
        assert "overdue" in told["why"]
        for one in swallowed:
            _, shown = await asker.ask("GET", f"/v1/cascades/{one}")
            assert [each["provider"] for each in shown["attempts"]] == ["silent"]
            assert shown["status"] == "active"
        done = await asker.over([await asker.send(f"last-{n}", to={"phone": AMERICAN}) for n in range(5)])
        assert {each["provider"] for one in done.values() for each in one["attempts"]} == {"other"}

    run(tmp_path, free_port, dict.fromkeys(("silent", "other"), SMS), act, prepare)
