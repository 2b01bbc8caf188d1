"""The limit around a send: what takes too long ends, and nobody else's cancelling is taken for that."""

from __future__ import annotations

import asyncio

import pytest

from controller.limit import Limit


def test_what_takes_too_long_ends() -> None:
    async def act() -> None:
        with pytest.raises(TimeoutError), Limit(0.0):
            await asyncio.Future()
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0  # nothing of it is left for later awaits
        await asyncio.sleep(0)

    asyncio.run(act())


def test_what_is_done_in_time_is_left_alone() -> None:
    async def act() -> None:
        with Limit(0.0):
            pass
        await asyncio.sleep(0)  # its timer would have come by now
        await asyncio.sleep(0)

    asyncio.run(act())


def test_whoever_cancels_the_task_is_not_the_clock() -> None:
    async def act() -> None:
        async def wait() -> None:
            with Limit(60.0):
                await asyncio.Future()

        task = asyncio.get_running_loop().create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(act())


def test_both_at_once_is_a_cancelled_task() -> None:
    async def act() -> None:
        async def wait() -> None:
            with Limit(0.0):
                own = asyncio.current_task()
                assert own is not None
                asyncio.get_running_loop().call_soon(own.cancel)
                await asyncio.Future()

        task = asyncio.get_running_loop().create_task(wait())
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(act())


def test_what_fails_by_itself_keeps_its_error() -> None:
    async def act() -> None:
        with pytest.raises(ZeroDivisionError), Limit(60.0):
            raise ZeroDivisionError

    asyncio.run(act())
