"""Runs a program of others as a child and reads what it says, line by line.

Owns its start, its end (with all processes that it started itself) and the waiting, which is always for a line and
always bounded. Knows nothing of SIP.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Thread
from types import TracebackType
from typing import Self

PATIENCE = 20.0  # seconds; a safety net for everything that is waited for
LIFE = ("timeout", "--signal=KILL", "180")  # seconds: should the tests themselves be killed, nothing stays for long


class PeerError(Exception):
    """A program did not do what it should; the message holds what it said."""


@dataclass(slots=True)
class Child:
    """One program; leave its context and it is gone."""

    who: str
    command: Sequence[str]
    folder: Path
    lines: list[str] = field(default_factory=list)  # of its stdout and stderr
    _heard: Condition = field(default_factory=Condition)
    _over: bool = False
    _process: subprocess.Popen[str] = field(init=False)
    _reader: Thread = field(init=False)

    def __enter__(self) -> Self:
        """Start it."""
        self._process = subprocess.Popen(
            (*LIFE, *self.command),
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # so that its own children can be ended with it
        )
        self._reader = Thread(target=self._read, name=f"{self.who}-stdout", daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Whatever happened, nothing is left running."""
        self.signal(signal.SIGKILL)
        self._process.wait()
        self._reader.join(PATIENCE)
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            for line in stdout:
                with self._heard:
                    self.lines.append(line.rstrip("\n"))
                    self._heard.notify_all()
        with self._heard:
            self._over = True
            self._heard.notify_all()

    def signal(self, number: signal.Signals) -> None:
        """Send it and its children a signal: SIGSTOP makes them fall silent."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def say(self, line: str) -> None:
        """Write a line to its stdin."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise PeerError(f"{self.who} is gone; it said:\n{self.said()}") from None

    def wait_for(self, wanted: Callable[[str], bool], what: str, start: int = 0) -> int:
        """The number of the first line from `start` that is wanted, as soon as it is there."""

        def find() -> int | None:
            return next((n for n in range(start, len(self.lines)) if wanted(self.lines[n])), None)

        with self._heard:
            self._heard.wait_for(lambda: self._over or find() is not None, PATIENCE)
            found = find()
        if found is None:
            waited = "it ended" if self._over else f"waited {PATIENCE:.0f} s"
            raise PeerError(f"{self.who}: waiting for {what}: {waited}; it said:\n{self.said()}")
        return found

    def said(self) -> str:
        """The last of what it said."""
        return "\n".join(self.lines[-60:])
