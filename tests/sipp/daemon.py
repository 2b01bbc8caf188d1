"""Runs the real daemon, or the relay, as a process of its own, as an operator would, and reads the events it writes.

Owns the start, the wait for "ready" and the end. Other tests may use it: it knows nothing of SIPp.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Thread
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
Event = Mapping[str, Any]


#: Becomes the command that follows, with these descriptors as its numbers 3 and up (sd_listen_fds(3)).
HAND_OVER = """
import fcntl, os, sys
ours = [fcntl.fcntl(int(number), fcntl.F_DUPFD_CLOEXEC, 50) for number in sys.argv[1].split(",")]  # out of the way
os.environ.update(LISTEN_FDS=str(len(ours)), LISTEN_PID=str(os.getpid()))
for place, number in enumerate(ours, 3):
    os.dup2(number, place)
os.execv(sys.argv[2], sys.argv[2:])
"""


class DaemonError(Exception):
    """The daemon did not do what it should; the message holds what it said."""


@dataclass(slots=True)
class Command:
    """A verb of callward that stays until it is stopped; leave its context and it is gone."""

    arguments: tuple[str, ...]
    patience: float = 20.0  # seconds to start, and to stop
    lines: list[str] = field(default_factory=list)  # of its stderr
    events: list[Event] = field(default_factory=list)  # the same, as far as it is JSON
    program: tuple[str, ...] = ("-m", "controller.cli")  # of Python
    counts: Counter[str] = field(default_factory=Counter)  # of the events by name
    sockets: tuple[int, ...] = ()  # descriptors that it inherits, as systemd hands them over
    _heard: Condition = field(default_factory=Condition)
    _over: bool = False
    _process: subprocess.Popen[str] = field(init=False)
    _reader: Thread = field(init=False)

    def __enter__(self) -> Self:
        """Start it, once more where it was killed; it is ready on return."""
        self._over = False
        command = [sys.executable, *self.program, *self.arguments]
        if self.sockets:
            command = [sys.executable, "-c", HAND_OVER, ",".join(map(str, self.sockets)), *command]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=self.sockets,
        )
        self._reader = Thread(target=self._read, name="daemon-stderr", daemon=True)
        self._reader.start()
        try:
            self.wait_for(lambda event: event.get("event") == "ready", "it to be ready")
        except DaemonError:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Whatever happened, nothing is left running."""
        self.kill()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stderr:
            for line in stderr:
                with self._heard:
                    self.lines.append(line.rstrip("\n"))
                    if line.startswith("{"):
                        event = json.loads(line)
                        self.events.append(event)
                        self.counts[str(event.get("event"))] += 1
                    self._heard.notify_all()
        with self._heard:
            self._over = True
            self._heard.notify_all()

    def wait_for(self, wanted: Callable[[Event], bool], what: str) -> None:
        """Until an event that is wanted has been written; at once where it has been already."""
        self.wait_until(lambda: any(map(wanted, self.events)), what)

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Until this holds; it is looked at with every line that is written."""
        with self._heard:
            self._heard.wait_for(lambda: self._over or holds(), self.patience)
            if holds():
                return
            waited = "it ended" if self._over else f"waited {self.patience:.0f} s"
        raise DaemonError(f"waiting for {what}: {waited}; the daemon said:\n" + "\n".join(self.lines[-40:]))

    def stop(self) -> int:
        """Ask it to end (SIGTERM), and give its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Until it has ended; its exit code."""
        code = self._process.wait(self.patience)
        self._reader.join(self.patience)
        return code

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it the hard way (SIGKILL); nothing happens where it is gone already."""
        self._process.kill()
        self._process.wait()
        self._reader.join(self.patience)


class Daemon(Command):
    """`callward run`."""

    def __init__(self, dialplan: Path, state: Path, patience: float = 20.0, drain_timeout: str = "30s") -> None:
        places = (str(dialplan), "--state-dir", str(state))
        super().__init__(("run", *places, "--drain-timeout", drain_timeout), patience)
