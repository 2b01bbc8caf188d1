"""Tasks and threads beside the pump: nothing fails unheard, and what blocks holds up nobody."""

from __future__ import annotations

import asyncio
import threading

import pytest

from controller.supervise import Supervisor, run_aside


def test_a_job_gives_back_what_it_returns_and_what_it_raises() -> None:
    def fail() -> None:
        raise OSError("no such name")

    assert asyncio.run(run_aside(lambda: 7, "job")) == 7
    with pytest.raises(OSError, match="no such name"):
        asyncio.run(run_aside(fail, "job"))


def test_the_end_does_not_wait_for_a_job_that_hangs() -> None:
    """A resolver may take half a minute; SIGTERM must not."""
    started, released, done = threading.Event(), threading.Event(), threading.Event()

    def hang() -> None:
        started.set()
        released.wait(60)
        done.set()

    async def daemon() -> None:
        supervisor = Supervisor(lambda error: None)
        supervisor.spawn(run_aside(hang, "job"), "job")
        await run_aside(started.wait, "wait")
        await supervisor.close()

    asyncio.run(daemon())
    assert not done.is_set()
    released.set()
    assert done.wait(60), "and what it says in the end harms nobody"


def test_a_task_that_fails_is_heard() -> None:
    heard: list[BaseException] = []
    told = asyncio.Event()

    def hear(error: BaseException) -> None:
        heard.append(error)
        told.set()

    async def fail() -> None:
        raise ValueError("a bug")

    async def daemon() -> None:
        supervisor = Supervisor(hear)
        supervisor.spawn(fail(), "fails")
        await told.wait()
        await supervisor.close()

    asyncio.run(daemon())
    assert [str(error) for error in heard] == ["a bug"]


def test_what_shall_never_fail_for_good_begins_anew() -> None:
    heard: list[BaseException] = []
    tries = 0

    async def job() -> None:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise ValueError(tries)

    async def daemon() -> None:
        supervisor, over = Supervisor(heard.append), asyncio.Event()

        async def all_of_it() -> None:
            await job()
            over.set()

        supervisor.keep(all_of_it, "job", pause=0.0)
        await over.wait()
        await supervisor.close()

    asyncio.run(daemon())
    assert [error.args for error in heard] == [(1,), (2,), (3,)]
