from __future__ import annotations

import asyncio
from dataclasses import replace

from controller import clock
from controller.broker import lane
from controller.broker.lane import Job, Lane
from controller.supervise import Supervisor
from controller.types.cascades import SendMessage
from controller.types.messages import Channel


def job(number: int, put_at: float = 0.0) -> Job:
    command = SendMessage(number, "sms-1", Channel.SMS, f"c{number}:1:1", 180.0)
    return Job(f"c{number}", "acme", "US", command, False, put_at, 5.0)


def test_so_many_at_once_and_in_order() -> None:
    async def main() -> None:
        faults: list[BaseException] = []
        begun: list[str] = []
        go = asyncio.Event()

        async def work(one: Job) -> None:
            begun.append(one.cascade_id)
            await go.wait()

        provider = Lane("sms-1", work, Supervisor(faults.append).spawn, at_once=3)
        for number in range(10):
            assert provider.put(job(number))
        for _ in range(3):
            await asyncio.sleep(0)
        assert begun == ["c0", "c1", "c2"]
        assert len(provider) == 10
        go.set()
        await provider.drained()
        assert begun == [f"c{number}" for number in range(10)]
        assert len(provider) == 0
        assert not faults

    asyncio.run(main())


def test_whoever_waits_too_long_makes_it_full() -> None:
    async def main() -> None:
        go = asyncio.Event()

        async def work(_: Job) -> None:
            await go.wait()

        provider = Lane("sms-1", work, Supervisor(lambda _: None).spawn, at_once=1)
        provider.put(job(1, put_at=10.0))
        await asyncio.sleep(0)
        assert not provider.is_full(20.0, patience=2.0)  # nobody waits: it is under way
        provider.put(job(2, put_at=10.0))
        assert not provider.is_full(11.0, patience=2.0)
        assert provider.is_full(13.0, patience=2.0)
        go.set()
        await provider.drained()
        assert not provider.is_full(13.0, patience=2.0)

    asyncio.run(main())


def test_more_than_can_ever_be_sent_in_time_is_turned_away() -> None:
    async def main() -> None:
        provider = Lane("sms-1", lambda _: asyncio.sleep(0), Supervisor(lambda _: None).spawn)
        taken = sum(provider.put(job(number)) for number in range(lane.MOST_WAITING + 5))
        assert taken == lane.MOST_WAITING
        await provider.drained()

    asyncio.run(main())


def test_who_is_too_late_takes_nobodys_turn() -> None:
    """Else a provider that has more to do than it may, for a while, would send nothing in time from then on."""

    async def main() -> None:
        begun: list[str] = []

        async def work(one: Job) -> None:
            begun.append(one.cascade_id)

        provider = Lane("sms-1", work, Supervisor(lambda _: None).spawn, per_second=0.001)
        now = clock.epoch()
        for number in range(200):
            assert provider.put(replace(job(number), latest=now - 1.0))
        assert provider.put(replace(job(200), latest=now + 60.0))
        async with asyncio.timeout(10):
            await provider.drained()
        assert len(begun) == 201

    asyncio.run(main())


def test_whoever_waits_for_a_turn_is_seen_to_wait() -> None:
    async def main() -> None:
        begun: list[str] = []

        async def work(one: Job) -> None:
            begun.append(one.cascade_id)

        tasks = Supervisor(lambda _: None)
        provider = Lane("sms-1", work, tasks.spawn, per_second=0.01)
        now = clock.epoch()
        for number in range(10):
            assert provider.put(replace(job(number, put_at=now), latest=now + 3600.0))
        for _ in range(5):
            await asyncio.sleep(0)
        assert begun == ["c0"]
        assert len(provider) == 9
        assert provider.is_full(now, patience=600.0)
        assert not provider.is_full(now, patience=1000.0)
        await tasks.close()

    asyncio.run(main())
