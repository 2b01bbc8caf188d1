"""A process beside the one for calls, whichever it is: how it is built and unbuilt, what signals mean to it, and that a reload is
whole or not at all.

Owns what the daemon for messages and that for operators have in common. Must not know what either of them does.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from controller.compiled import Compiled
from controller.control import Answer, Request
from controller.lifecycle import follow_system
from controller.log import LineWriter, Log, open_log
from controller.starting import StartError
from controller.supervise import Supervisor, run_aside
from controller.systemd import Notifier

if TYPE_CHECKING:
    from controller.config import Loaded


class Companion(ABC):
    """See the top of the file: `build`, then ``serve``, then `stop`."""

    role: str  # as the log has it

    def __init__(self, compiled: Compiled, state_dir: Path, file: Path, *, end_with_stdin: bool = False) -> None:
        """``file`` is where the dialplan came from, and is read again for a reload. ``end_with_stdin``: standard input is
        a pipe of whoever started us, and ends with it."""
        self._dialplan = compiled.dialplan
        self._state_dir = state_dir
        self._file = file
        self._end_with_stdin = end_with_stdin
        self._undo: list[Callable[[], None]] = []
        self._stopping = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._notifier = Notifier()
        self._log: Log
        self._writer: LineWriter
        self._supervisor: Supervisor

    def build(self) -> None:
        """Open what the daemon needs.

        Raises `StartError`; nothing stays open then.
        """
        self._log, self._writer = open_log()
        self._log = self._log.bind(role=self.role)
        self._undo.append(self._writer.close)
        try:
            self._build()
        except StartError:
            self.stop()
            raise

    def stop(self) -> None:
        """Close everything, last in first out; a second time is harmless."""
        while self._undo:
            self._undo.pop()()

    @abstractmethod
    def _build(self) -> None: ...

    @abstractmethod
    def _on_end(self) -> None: ...

    @abstractmethod
    def _on_fault(self, error: BaseException) -> None: ...

    @abstractmethod
    async def reload(self, _: Request) -> Answer:
        """Take what stands in the file now, or keep what runs where that is not whole."""

    # -- for those that are one

    def _follow_system(self) -> None:
        follow_system(
            asyncio.get_running_loop(),
            on_end=self._on_end,
            on_hangup=self._on_hangup,
            on_fault=self._on_fault,
            on_orphaned=self._on_orphaned if self._end_with_stdin else None,
        )

    async def _read_again(self) -> tuple[Loaded, str]:
        """What stands in the file now, and what is to be said of it."""
        from controller.config import load, render

        loaded = await run_aside(lambda: load(self._file), "reload")
        return loaded, render(loaded.diagnostics, loaded.sources)

    def _not_reloaded(self, why: str) -> Answer:
        self._log.error("not reloaded", why=why, version=self._dialplan.version)
        return {"ok": False, "text": why, "version": self._dialplan.version}

    def _on_hangup(self) -> None:
        self._supervisor.spawn(self._follow_hangup(), "reload")

    async def _follow_hangup(self) -> None:
        await self.reload({})

    def _on_orphaned(self) -> None:
        self._log.warning("whoever started this process has gone")
        self._on_end()
