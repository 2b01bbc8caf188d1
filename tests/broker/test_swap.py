"""Providers over a reload: who is the same keeps what it has, who is gone finishes what it had."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from controller.broker.swap import close_all, make_changed, swap
from controller.channels.base import Accepted, Message, Submission
from controller.types.messages import Channel, Messaging, Provider
from controller.types.smpp import Smpp
from tests.broker.test_broker import live, world
from tests.broker.world import Life

ACCOUNT = Provider("sms-1", Channel.SMS, "smpp", Smpp("smsc.example", 2775, "acme", "secret"), where="plan.yaml:7")


def test_a_session_is_not_given_up_for_a_price_or_a_line_that_moved(tmp_path: Path) -> None:
    before = Messaging({"sms-1": ACCOUNT}, {})

    def changed(**fields: Any) -> list[str]:
        return list(make_changed(before, Messaging({"sms-1": replace(ACCOUNT, **fields)}, {}), tmp_path))

    assert changed(where="plan.yaml:9", costs={"DE": 0.05}, per_second=20.0, upstream="agg") == []
    assert changed(settings=replace(ACCOUNT.settings, password="another")) == ["sms-1"]
    assert list(make_changed(before, replace(before, public="https://other.example"), tmp_path)) == ["sms-1"]
    assert list(make_changed(Messaging({}, {}), before, tmp_path)) == ["sms-1"]


def test_who_goes_finishes_what_it_has_and_who_stays_is_not_disturbed(tmp_path: Path) -> None:
    here = world(tmp_path, lease=30.0)
    closed: list[str] = []
    go = asyncio.Event()

    async def wait(message: Message) -> Submission:
        await go.wait()
        return Accepted(f"one/{message.send_key}")

    here.carriers["one"].answer = wait

    async def act(life: Life) -> None:
        for name, carrier in here.carriers.items():

            async def close(name: str = name) -> None:
                closed.append(name)

            carrier.close = close  # type: ignore[method-assign]
        before, stays = here.messaging, life.broker.adapter("two")
        await life.accept("c1")
        await life.until(lambda: len(here.carriers["one"].got) == 1)
        staying = {"two": replace(before.providers["two"], per_second=10.0), "three": before.providers["three"]}
        await swap(life.broker, before, replace(before, providers=staying), {}, life.supervisor.spawn)
        assert life.broker.adapter("one") is None
        assert life.broker.adapter("two") is stays
        for _ in range(5):
            await asyncio.sleep(0)
        assert closed == [], "it has not answered yet"
        go.set()
        await life.until(lambda: closed == ["one"])
        assert (await life.get("c1")).sends[0].ref == "one/c1:1:1"

    live(here, act)


def test_an_adapter_that_fails_at_the_end_keeps_no_other_from_it(tmp_path: Path) -> None:
    carriers = list(world(tmp_path).carriers.values())
    closed, faults = [], []

    async def fail() -> None:
        raise ZeroDivisionError

    async def close() -> None:
        closed.append(True)

    carriers[0].close, carriers[1].close, carriers[2].close = fail, close, close  # type: ignore[method-assign]
    asyncio.run(close_all(carriers, faults.append))
    assert closed == [True, True]
    assert [type(fault) for fault in faults] == [ZeroDivisionError]
