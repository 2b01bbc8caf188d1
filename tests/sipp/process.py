"""Starts and stops SIPp, on loopback and bounded in time; hands out ports.

Owns SIPp's command line. Each scenario says in its first comment how it is run ("Run with:").
"""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from tests.ports import own_share
from tests.sipp.ladder import Message, read_log

HOST = "127.0.0.1"
SCENARIOS = Path(__file__).resolve().parents[2] / "sipp-scenarios"
TICK = 0.01  # seconds to wait for a process before looking at the world again
_STAYS = "stays until it is stopped"


class SippError(Exception):
    """SIPp could not do its part; the message says why."""


class Ports:
    """Free ports of 127.0.0.1 in blocks of four, never the same twice; threads may share it."""

    # Below Linux's ephemeral range (32768 up), and below what tests/conftest.py hands out.
    _BLOCK = 4

    def __init__(self, start: int = 0, first: int = 12_000, last: int = 19_999) -> None:
        """`start` spreads out test runs that go on side by side."""
        self._first, self._last = own_share(first, last)
        self._next = start
        self._lock = Lock()

    def pick(self) -> int:
        """A port to which nothing is bound, neither UDP nor TCP; the three after it are the caller's too."""
        blocks = (self._last - self._first + 1) // self._BLOCK
        with self._lock:
            for _ in range(blocks):
                port = self._first + self._next % blocks * self._BLOCK
                self._next += 1
                if all(_is_free(port + beside) for beside in range(self._BLOCK)):
                    return port
        raise SippError(f"no free port on {HOST} between {self._first} and {self._last}")


def _is_free(port: int) -> bool:
    try:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.bind((HOST, port))
    except OSError:
        return False
    return True


def is_bound(port: int) -> bool:
    """Whether somebody listens on this port (proc(5): /proc/net/udp, local_address is the second column).

    Of TCP only listening sockets count, state 0A: a connection may have the port as well.
    """
    suffix = f":{port:04X}"
    udp, tcp = (Path(f"/proc/net/{kind}").read_text().splitlines()[1:] for kind in ("udp", "tcp"))
    listening = [row for row in tcp if row.split()[3] == "0A"]
    return any(row.split()[1].endswith(suffix) for row in udp + listening)


@cache
def find_sipp() -> str:
    """Where SIPp is."""
    found = shutil.which("sipp")
    if not found:
        raise SippError("there is no sipp here: apt-get install sip-tester")
    return found


@dataclass(frozen=True, slots=True)
class Script:
    """A scenario file and how it wants to be run."""

    name: str
    arguments: tuple[str, ...]
    stays: bool  # it does not end by itself: it waits to be stopped

    @property
    def file(self) -> Path:
        """The XML file."""
        return SCENARIOS / f"{self.name}.xml"


@cache
def read_script(name: str) -> Script:
    """The scenario of this name."""
    file = SCENARIOS / f"{name}.xml"
    if not file.exists():
        raise SippError(f"no scenario {file.name} in {SCENARIOS.name}/")
    said = re.search(r"^ *Run with: (.+)$", file.read_text(), flags=re.MULTILINE)
    if not said:
        raise SippError(f"{file.name}: its first comment needs a line 'Run with: -m 1'")
    arguments, _, rest = said[1].partition(";")
    return Script(name, tuple(arguments.split()), rest.strip() == _STAYS)


@dataclass(slots=True)
class Sipp:
    """One running SIPp; leave its context and it is gone."""

    who: str  # its name in ladders
    script: Script
    folder: Path  # for its logs
    ports: Ports
    limit: float  # seconds, a safety net
    remote: int | None = None  # the port to call; None: it waits for calls
    arguments: tuple[str, ...] = ()
    port: int = 0  # its own; 0: a free one. The three ports after it are its too
    _process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.port = self.port or self.ports.pick()

    @property
    def log(self) -> Path:
        """Its message log."""
        return self.folder / f"{self.who}.messages.log"

    def __enter__(self) -> Self:
        """Start it; a callee is ready to be called on return."""
        out = (self.folder / f"{self.who}.out").open("wb")
        with out:
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=self.folder
            )
        while self.remote is None and not is_bound(self.port):
            if self._has_ended():
                raise SippError(f"{self.who}: sipp ended at once:\n{self.complaints()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Whatever happened, nothing is left running."""
        self._process.kill()
        self._process.wait()

    def _command(self) -> list[str]:
        remote = [f"{HOST}:{self.remote}"] if self.remote else []
        # SIPp binds its media port and the next but one, whether the scenario has media or not.
        where = ["-i", HOST, "-p", self.port, "-bind_local", "-mi", HOST, "-mp", self.port + 1]
        where += ["-ci", HOST, "-cp", self.port + 2]
        bounds = ["-nostdin", "-timeout", f"{self.limit:.0f}s", "-timeout_error"]
        logs = ["-trace_msg", "-message_file", self.log, "-trace_err", "-error_file", self._file("errors")]
        logs += ["-trace_logs", "-log_file", self._file("log")]
        command = [find_sipp(), *remote, "-sf", self.script.file, *where, *bounds, *logs]
        return [str(word) for word in (*command, *self.script.arguments, *self.arguments)]

    def _file(self, kind: str) -> Path:
        return self.folder / f"{self.who}.{kind}.log"

    def _has_ended(self, patience: float = TICK) -> bool:
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            return False
        return True

    def finish(self, patience: float) -> int | None:
        """Its exit code, once it has ended by itself: 0 means that the scenario went as written. None: it goes on."""
        return self._process.returncode if self._has_ended(patience) else None

    def stop(self) -> None:
        """Ask it to end. What it would still have said is lost, so stop it when nothing more can come."""
        self._process.terminate()
        self._process.wait(self.limit)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal: SIGKILL closes its ports, SIGSTOP makes it fall silent."""
        self._process.send_signal(number)

    def messages(self) -> list[Message]:
        """What it sent and received so far."""
        return read_log(self.log, self.who)

    def complaints(self) -> str:
        """What SIPp has to say about what went wrong; short."""
        texts = [
            file.read_text(encoding="latin-1") for kind in ("errors", "log") if (file := self._file(kind)).exists()
        ]
        out = (self.folder / f"{self.who}.out").read_text(encoding="latin-1")
        texts += [line for line in out.splitlines() if "rror" in line and "UDP errors" not in line]
        return "\n".join(text.strip() for text in texts if text.strip())
