"""The daemon as a subprocess: started as an operator starts it, watched through its log, never left behind.

Owns the process and the lines it writes. Must not interpret calls.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Line = dict[str, Any]
PATIENCE = 3.0  # seconds until a daemon that does not stop is killed
KEPT = 20  # lines of complaint that are shown when it does not start


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""


class Daemon(asyncio.SubprocessProtocol):
    """One `callward run`. ``on_line`` gets every JSON line, and is called once more when the process has ended."""

    def __init__(self, on_line: Callable[[Line], None]) -> None:
        self._on_line = on_line
        self._rest = b""
        self._complaints: list[str] = []  # lines that are no JSON: this is how it says why it does not start
        self._transport: asyncio.SubprocessTransport | None = None
        self._gone = asyncio.Event()

    async def start(self, dialplan: Path, state_dir: Path, environ: Mapping[str, str] | None = None) -> None:
        """Start it; it is ready when it says so. ``environ``: for it alone, beside what we have."""
        command = [
            sys.executable,
            "-m",
            "controller.cli",
            "run",
            str(dialplan),
            "--state-dir",
            str(state_dir),
            "--drain-timeout",
            "1ms",
        ]
        minder = shutil.which("setpriv")  # util-linux: takes the daemon along however we die, even by SIGKILL
        if minder:
            command = [minder, "--pdeathsig", "TERM", *command]
        await asyncio.get_running_loop().subprocess_exec(
            lambda: self,
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **(environ or {})},
            start_new_session=True,  # Ctrl-C is for us: we stop it in order
        )

    async def stop(self) -> None:
        """Stop it as an operator does, or else by force; harmless when it is gone."""
        if self._transport is None:
            return
        try:
            if not self._gone.is_set():
                self._transport.terminate()
                async with asyncio.timeout(PATIENCE):
                    await self._gone.wait()
        except TimeoutError:
            pass
        finally:
            self._transport.close()  # kills what is still there

    @property
    def pid(self) -> int:
        """Its process id, 0 before the start."""
        return self._transport.get_pid() if self._transport else 0

    def check(self) -> None:
        """Raise `DemoError` if it is no more."""
        if self._gone.is_set() and self._transport is not None:
            raise DemoError(f"the daemon ended with exit code {self._transport.get_returncode()}{self.complaints}")

    @property
    def complaints(self) -> str:
        """What it said that was no log line, for the end of a message."""
        return "".join(f"\n    {line}" for line in self._complaints)

    # -- what asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The process runs."""
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """It wrote something."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for text in lines:
            try:
                line = json.loads(text)
            except ValueError:
                line = None
            if isinstance(line, dict):
                self._on_line(line)
            else:
                self._complaints = [*self._complaints, text.decode("utf-8", "replace")][-KEPT:]

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended, and all it wrote was read."""
        self._gone.set()
        self._on_line({"event": "gone"})
