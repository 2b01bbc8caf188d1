"""The process for messages as the process for calls sees it: real processes, each a line of Python."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

import controller.child as child_module
from controller.child import Child, messages_command
from controller.control import MESSAGES, Answer, ControlServer, Request, open_control
from controller.log import open_log
from controller.supervise import Supervisor

#: Says its number in a file, then does what it is for.
HELLO = "import os, sys; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); "
STAY = "import signal; signal.sigwait({signal.SIGTERM})"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open(sys.argv[1] + '.deaf', 'w'); sys.stdin.read()"


def command(folder: Path, code: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", HELLO + code, str(folder / "pids"))


async def wait_for(folder: Path, count: int) -> list[int]:
    """The numbers of the processes that were started, once there are so many."""
    async with asyncio.timeout(30):
        while True:
            with suppress(FileNotFoundError):
                lines = (folder / "pids").read_text().splitlines(keepends=True)
                if len(lines) >= count and lines[-1].endswith("\n"):
                    return [int(line) for line in lines]
            await asyncio.sleep(0.01)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while True:
            if holds():
                return
            await asyncio.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def run(folder: Path, code: str, act: Callable[[Child], Awaitable[None]], *, may_hang: bool = True) -> str:
    """Keep a child that runs ``code`` while ``act(child)`` goes on; what was logged."""
    log, writer = open_log(lines := io.StringIO())

    async def main() -> None:
        faults: list[BaseException] = []
        supervisor = Supervisor(faults.append)
        child = Child(command(folder, code), folder, log, may_hang=may_hang)
        supervisor.spawn(child.keep(), "messages")
        await act(child)
        child.end()
        await child.ended(10.0)
        await supervisor.close()
        assert not faults

    asyncio.run(main())
    writer.close()
    return lines.getvalue()


def test_nothing_is_started_unless_it_is_wanted_and_it_ends_when_it_is_not(tmp_path: Path) -> None:
    async def act(child: Child) -> None:
        await asyncio.sleep(0)
        assert not (tmp_path / "pids").exists()
        assert await child.status() is None
        child.want(True)
        (pid,) = await wait_for(tmp_path, 1)
        assert is_alive(pid)
        assert await child.reload() is None  # it has no control socket, and nobody is held up
        child.want(False)
        await child.ended(10.0)
        assert not is_alive(pid)

    assert "ended" not in run(tmp_path, STAY, act)


def test_one_that_dies_is_started_again(tmp_path: Path) -> None:
    async def act(child: Child) -> None:
        child.want(True)
        (first,) = await wait_for(tmp_path, 1)
        os.kill(first, signal.SIGKILL)
        _, second = await wait_for(tmp_path, 2)
        assert is_alive(second)
        assert not is_alive(first)
        assert child.restarts == 1
        assert child.known() == {"pid": second, "restarts": 1}  # and nobody had to answer for that
        child.want(False)
        assert child.known() is None

    assert "messages process ended" in run(tmp_path, STAY, act)


def test_one_that_must_not_hang_is_killed_where_it_does_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_module, "LOOK", 0.02)
    answers = True

    async def act(child: Child) -> None:
        async def status(_: Request) -> Answer:
            if not answers:
                await asyncio.sleep(1000.0)
            return {"ok": True, "status": {}}

        def fail(error: BaseException) -> None:
            raise AssertionError from error

        server = ControlServer(open_control(tmp_path, MESSAGES), {"status": status}, fail)
        await server.start()
        child.want(True)
        (first,) = await wait_for(tmp_path, 1)
        await asyncio.sleep(0.3)
        assert is_alive(first)  # it was asked many times, and answered
        nonlocal answers
        answers = False
        monkeypatch.setattr(child_module, "STATUS_PATIENCE", 0.02)
        await wait_for(tmp_path, 2)
        assert not is_alive(first)
        answers = True
        server.close()

    assert "messages process hangs" in run(tmp_path, STAY, act, may_hang=False)


def test_one_that_cannot_be_started_costs_nothing_but_a_line(tmp_path: Path) -> None:
    log, writer = open_log(lines := io.StringIO())

    async def main() -> None:
        supervisor = Supervisor(lambda _: None)
        child = Child((str(tmp_path / "nothing"),), tmp_path, log)
        child.want(True)
        supervisor.spawn(child.keep(), "messages")
        await until(lambda: child.restarts > 0)
        assert await child.status() == {"answers": False, "pid": None, "restarts": child.restarts}
        await supervisor.close()

    asyncio.run(main())
    writer.close()
    assert "not started" in lines.getvalue()


def test_one_that_does_not_end_is_killed(tmp_path: Path) -> None:
    async def act(child: Child) -> None:
        child.want(True)
        (pid,) = await wait_for(tmp_path, 1)
        await until((tmp_path / "pids.deaf").exists)
        child.end()
        await child.ended(-1.9)  # its time is over nearly at once
        assert not is_alive(pid)

    run(tmp_path, DEAF, act)


def test_it_ends_with_us_however_we_end(tmp_path: Path) -> None:
    """Whoever keeps it is killed: its standard input ends."""
    keeper = (
        "import asyncio, sys, pathlib, io\n"
        "from controller.child import Child\n"
        "from controller.log import open_log\n"
        "async def main():\n"
        f"    child = Child({command(tmp_path, 'sys.stdin.read()')!r}, pathlib.Path(), open_log(io.StringIO())[0])\n"
        "    child.want(True)\n"
        "    await child.keep()\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", keeper]) as parent:
        (pid,) = asyncio.run(wait_for(tmp_path, 1))
        parent.kill()
    asyncio.run(until(lambda: not is_alive(pid)))


def test_command_starts_this_callward(tmp_path: Path) -> None:
    assert messages_command(Path("plan.yaml"), tmp_path, "5s") == (
        sys.executable, "-P", "-m", "controller.cli", "run", "plan.yaml", "--state-dir", str(tmp_path),
        "--role", "messages", "--end-with-stdin", "--drain-timeout", "5s",
    )  # fmt: skip
