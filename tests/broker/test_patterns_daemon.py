"""Row M14 end to end: a real daemon in simulated time learns hours of the day, bursts, and who asks."""

from __future__ import annotations

import asyncio
import json
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from controller.cli import cli
from controller.control import MESSAGES, ask_soon
from controller.messages.planning import replay
from controller.simulate.base import Fates, Faults
from tests.broker.clocked import Clock
from tests.broker.stage import Client, Stage, client, provider, run, stage
from tests.broker.test_policy_daemon import AMERICAN, SMS

MIDNIGHT = 1_800_057_600.0  # of a day, UTC
DAY, HOUR, MINUTE = 86400.0, 3600.0, 60.0
NIGHT = 21  # the hour in which 'cheap' delivers nothing
NIGHTS = 4
LOST = Fates(Faults(undelivered=1.0, code="expired"))  # taken, and reported as failed: the fault of the network


def prepare(here: Stage, clock: Clock) -> None:
    """Two providers for one step, the best first; time is the test's."""
    here.clock = clock
    for name, cost in (("cheap", 0.01), ("dear", 0.05)):
        here.plan["providers"][name] = provider(SMS, here.http.url, name, cost=cost)
    here.plan["cascades"] = {"otp": [{"send": SMS, "order": "best", "wait": "20s"}]}
    here.plan["policies"] = [{"name": "base", "cascade": "otp"}]


@dataclass
class Traffic:
    """Requests one after the other, and who carried each first."""

    here: Stage
    asker: Client
    clock: Clock
    count: int = field(default=0)

    async def send(self, use_case: str = "login") -> str:
        """One request; its id."""
        self.count += 1
        return await self.asker.send(f"m{self.count}", to={"phone": AMERICAN}, use_case=use_case)

    async def firsts(self, count: int) -> list[str]:
        """Who is asked first to carry each of so many."""
        over = await self.asker.over(await self.many(["login"] * count))
        return [str(one["attempts"][0]["provider"]) for one in over.values()]

    async def many(self, use_cases: list[str]) -> list[str]:
        """As many at once; their ids, once all have arrived."""
        ids = [await self.send(each) for each in use_cases]
        assert {one["status"] for one in (await self.asker.over(ids)).values()} == {"completed"}
        return ids

    async def planned(self, cascade_id: str) -> dict[str, Any]:
        """What the planner wrote down; it replays."""
        status, explained = await self.asker.ask("GET", f"/v1/cascades/{cascade_id}/explain")
        assert status == 200
        decision: dict[str, Any] = next(r for r in explained["history"] if r["event"] == "planned")["decision"]
        assert replay(decision) == [tuple(choice["order"]) for choice in decision["choices"]]
        return decision

    async def status(self) -> dict[str, Any]:
        """How the daemon sees it."""
        found: dict[str, Any] = await ask_soon(self.here.folder / "state", "status", 10.0, file=MESSAGES)
        status: dict[str, Any] = found["status"]
        return status


def test_m14_a_provider_that_is_bad_at_certain_hours_is_left_at_these_hours(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four nights teach it. In the fifth 'cheap' is not first at nine in the evening, though nothing has failed yet and
    its gate is open; two hours later it is first again. A daemon that is started anew knows it still."""
    clock = Clock(tmp_path / "clock")
    clock.use(monkeypatch)

    async def act(traffic: Traffic) -> None:
        here = traffic.here
        for day in range(NIGHTS):
            for hour in (15, NIGHT):
                here.http.fate_of("cheap", LOST if hour == NIGHT else Fates())
                for turn in range(4):
                    clock.to(MIDNIGHT + day * DAY + hour * HOUR + turn * 10 * MINUTE)
                    await traffic.many(["login"] * 6)
        here.http.fate_of("cheap", Fates())
        await here.kill(signal.SIGTERM)
        await here.start()
        firsts = {}
        for hour in (15, NIGHT, 23):
            clock.to(MIDNIGHT + NIGHTS * DAY + hour * HOUR)
            firsts[hour] = await traffic.firsts(5)
        for hour, provider_of_it in ((15, "cheap"), (NIGHT, "dear"), (23, "cheap")):
            assert firsts[hour].count(provider_of_it) >= 4, firsts  # one of a hundred explores

        clock.to(MIDNIGHT + (NIGHTS + 1) * DAY + NIGHT * HOUR)
        decision = await traffic.planned((await traffic.many(["login"]))[0])
        assert decision["circumstances"] == ["source acme/login", "burst none"]
        (choice,) = decision["choices"]
        assert choice["record"]["circumstances"][-1] == f"hour {NIGHT}"
        cheap = next(row for row in choice["record"]["seen"] if row[0] == "cheap")
        assert cheap[-2] == "open"
        assert cheap[-1].startswith(f"hour {NIGHT}: "), cheap
        learnt = (await traffic.status())["patterns"]
        assert [(row["provider"], row["circumstance"]) for row in learnt if row["arrive"] < row["usually"]] == [
            ("cheap", f"hour {NIGHT}")
        ]
        status, found = await traffic.asker.ask("GET", "/v1/stats?hours=200")
        assert status == 200
        hours = {
            row["hour"]: {route["provider"]: route for route in row["routes"]} for row in found["patterns"]["hours"]
        }
        assert sorted(hours) == [15, NIGHT, 23]
        assert hours[NIGHT]["cheap"]["delivery_rate"] < 0.2
        assert hours[15]["cheap"]["delivery_rate"] == hours[NIGHT]["dear"]["delivery_rate"] == 1.0

    async def main() -> None:
        async with stage(tmp_path, free_port, dict.fromkeys(("cheap", "dear"), SMS)) as here:
            prepare(here, clock)
            clock.to(MIDNIGHT)
            await here.start()
            async with client(here.url) as asker:
                await act(Traffic(here, asker, clock))
            await here.kill(signal.SIGTERM)
        assert not here.faults()

    asyncio.run(main())


def test_m14_a_burst_of_one_source_is_told_from_a_burst_of_all(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hours as usual; then thirty of one use case at once, and ten minutes later sixty of all three."""
    clock = Clock(tmp_path / "clock")
    clock.use(monkeypatch)
    usual, burst = ["login", "order", "promo"] * 2, 30

    async def act(here: Stage, asker: Client) -> None:
        traffic = Traffic(here, asker, clock)
        for turn in range(12):
            clock.to(MIDNIGHT + turn * 10 * MINUTE)
            await traffic.many(usual)
        clock.to(MIDNIGHT + 2 * HOUR)
        one = await traffic.planned((await traffic.many(["promo"] * burst))[-1])
        assert one["circumstances"] == ["source acme/promo", "burst source"]
        assert one["burst"].startswith("a burst of use case acme/promo alone")
        beside = await traffic.planned((await traffic.many(["login"]))[0])
        assert beside["circumstances"] == ["source acme/login", "burst none"]
        assert "burst" not in beside
        body = {"to": {"phone": AMERICAN}, "template": "otp", "params": {"code": "1"}, "use_case": "promo"}
        status, foreseen = await asker.ask("POST", "/v1/cascades/explain", body)
        assert status == 200
        assert foreseen["burst"].startswith("a burst of use case acme/promo alone")
        assert foreseen["weight"] < 0.9  # what becomes of it says less of providers
        assert [row["of"] for row in (await traffic.status())["bursts"]] == ["use case acme/promo"]

        clock.to(MIDNIGHT + 2 * HOUR + 10 * MINUTE)
        every = await traffic.planned((await traffic.many(["login", "order", "promo"] * 20))[-1])
        assert every["circumstances"] == ["source acme/promo", "burst all"]
        assert every["burst"].startswith("a burst of all")
        assert (await traffic.status())["bursts"][0]["of"] == "all"
        state = str(here.folder / "state")
        shown = await asyncio.to_thread(CliRunner().invoke, cli, ["status", "--state-dir", state])
        assert "a burst of all: " in shown.output

        clock.to(MIDNIGHT + 3 * HOUR)
        calm = await traffic.planned((await traffic.many(["promo"]))[0])
        assert calm["circumstances"][-1] == "burst none"
        status, found = await asker.ask("GET", "/v1/stats?hours=24")
        assert status == 200
        bursts = {row["burst"]: row["cascades"] for row in found["patterns"]["bursts"]}
        assert sum(bursts.values()) == traffic.count
        assert 1 <= bursts["source"] <= burst
        assert 30 <= bursts["all"] <= 60
        sources = {row["source"]: row["cascades"] for row in found["patterns"]["sources"]}
        assert sources == {"acme/login": 24 + 20 + 1, "acme/order": 24 + 20, "acme/promo": 24 + burst + 20 + 1}
        json.dumps(found)

    def set_up(here: Stage) -> None:
        prepare(here, clock)
        clock.to(MIDNIGHT)

    run(tmp_path, free_port, dict.fromkeys(("cheap", "dear"), SMS), act, set_up)
