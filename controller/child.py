"""A process beside that for calls, for messages or for operators: started, started again when it dies, ended with us.

Owns one child process. Its standard input is a pipe that we never write to: when we die, however that was, it ends, and
the child with it. Must not know what it does. Calls wait for none of this.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from controller import clock
from controller.control import MESSAGES, PATIENCE, Answer, ControlError, ask_soon
from controller.log import Log
from controller.supervise import Supervisor

#: Seconds until it is started again: the first time, and twice as long each time up to the last.
FIRST_PAUSE, LAST_PAUSE = 0.2, 10.0

#: Whoever lived so long is not dying in a row.
LIVED_WELL = 60.0

#: So long may the state of the child be waited for when somebody wants to see it.
STATUS_PATIENCE = 2.0

#: So long may it take to end once its own time for that is over, in seconds.
PARTING = 2.0

#: Seconds between two looks whether one that must not hang does; so many looks in a row without an answer, and it is killed.
LOOK, SILENT = 10.0, 3

#: What is meant for us alone, by systemd.
_OURS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")


def messages_command(file: Path, state_dir: Path, drain_timeout: str = "") -> tuple[str, ...]:
    """How the process for messages is started."""
    return role_command("messages", file, state_dir, drain_timeout)


def role_command(role: str, file: Path, state_dir: Path, drain_timeout: str = "") -> tuple[str, ...]:
    """How a process of this role is started."""
    command = (sys.executable, "-P", "-m", "controller.cli", "run", str(file), "--state-dir", str(state_dir))
    more = ("--drain-timeout", drain_timeout) if drain_timeout else ()
    return (*command, "--role", role, "--end-with-stdin", *more)


class Child:
    """One such process. Nothing is started before `keep`, or while it is not wanted."""

    def __init__(
        self,
        command: Sequence[str],
        state_dir: Path,
        log: Log,
        role: str = "messages",
        file: str = MESSAGES,
        *,
        may_hang: bool = True,
    ) -> None:
        """``file``: its control socket. ``may_hang``: else one that answers nothing for `LOOK` x `SILENT` seconds is killed, and
        started again. Without a command it is not ours to run; one that somebody else runs in the same
        folder is asked all the same, so that `callward status` and `reload` are about both."""
        self._role, self._file, self._may_hang = role, file, may_hang
        self._command = command
        self._state_dir = state_dir
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._wanted = asyncio.Event()
        self._ending = False
        self.restarts = 0

    def want(self, wanted: bool) -> None:
        """Whether there is anything to do for it."""
        if wanted and self._command:
            self._wanted.set()
        else:
            self._wanted.clear()
            self._signal(signal.SIGTERM)

    async def keep(self) -> None:
        """Have it running while it is wanted, for ever."""
        pause = FIRST_PAUSE
        while True:
            await self._wanted.wait()
            begun = clock.monotonic()
            await self._run()
            if self._ending or not self._wanted.is_set():
                pause = FIRST_PAUSE
                continue
            if clock.monotonic() - begun > LIVED_WELL:
                pause = FIRST_PAUSE
            self._log.error(
                f"{self._role} process ended", again_in=pause, advice="calls are carried; its own lines say why"
            )
            await asyncio.sleep(pause)
            pause = min(2 * pause, LAST_PAUSE)
            self.restarts += 1

    async def _run(self) -> None:
        environ = {name: value for name, value in os.environ.items() if name not in _OURS}
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.PIPE, env=environ
            )
        except OSError as error:
            self._log.error(f"{self._role} process not started", why=error.strerror)
            return
        watch = Supervisor(lambda error: self._log.error(f"{self._role} process not watched", why=repr(error)))
        if not self._may_hang:
            watch.spawn(self._watch(), f"watch {self._role}")
        try:
            await self._process.wait()
        finally:
            self._let_go()
            await watch.close()

    async def _watch(self) -> None:
        silent = 0
        while silent < SILENT:
            await asyncio.sleep(LOOK)
            silent = silent + 1 if await self._ask("status", STATUS_PATIENCE) is None else 0
        self._log.error(f"{self._role} process hangs", seconds=LOOK * SILENT, advice="it is killed, and started again")
        self._signal(signal.SIGKILL)

    def _let_go(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()

    def end(self) -> None:
        """Ask it to finish what it does and go."""
        self._ending = True
        self._wanted.clear()
        self._signal(signal.SIGTERM)

    async def ended(self, patience: float) -> None:
        """Wait until it has gone, ``patience`` seconds and then a little more before it is killed."""
        process = self._process
        if process is None:
            return
        try:
            async with asyncio.timeout(patience + PARTING):
                await process.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def reload(self) -> Answer | None:
        """Have it take the dialplan anew; None where it does not run."""
        return await self._ask("reload", PATIENCE)

    def known(self) -> dict[str, Any] | None:
        """What is known of it without asking it; None where it is not ours to run, or not wanted."""
        if not self._command or not self._wanted.is_set():
            return None
        return {"pid": self._process.pid if self._process is not None else None, "restarts": self.restarts}

    async def status(self) -> dict[str, Any] | None:
        """How it is, for `callward status`; None where it is not wanted."""
        if self._command and not self._wanted.is_set():
            return None
        answer = await self._ask("status", STATUS_PATIENCE)
        if answer is None and not self._command:
            return None
        found: dict[str, Any] = answer["status"] if answer is not None and answer["ok"] else {}
        pid = self._process.pid if self._process is not None else None
        return {"answers": bool(found), "pid": pid, "restarts": self.restarts, **found}

    async def _ask(self, command: str, patience: float) -> Answer | None:
        if self._command and self._process is None:
            return None
        try:
            return await ask_soon(self._state_dir, command, patience, file=self._file)
        except ControlError:
            return None
