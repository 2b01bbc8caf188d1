"""Two minutes of the drill go on beside other tests: it waits more than it works.

Owns its process, which begins with the first test of a run that has the drill in it, and of which nothing is left at the
end; and the order of tests: those that stay within one process come first, so that the drill has a core of its own.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_INSIDE = frozenset(
    ("config", "edge", "fuzz", "health", "messages", "planes", "privacy", "rules", "sim", "sip", "torture")
)
_COMMAND = [sys.executable, "-m", "tests.kills", "--minutes", "2", "--kills", "10", "--seed", "1"]


class Drill:
    """The drill as a process of its own."""

    def __init__(self) -> None:
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed with the process
        self._process = subprocess.Popen(
            _COMMAND,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def code(self) -> int | None:
        """How it ended."""
        return self._process.returncode

    def wait(self, limit: float) -> str:
        """What it said, once it is over."""
        faulthandler.cancel_dump_traceback_later()  # it is for what hangs; this takes its time
        self._process.wait(limit)
        self._said.seek(0)
        return self._said.read()

    def end(self) -> None:
        """Stop it with all that it started, if it still runs."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._said.close()


class _Beside:
    """Starts it when the tests begin, ends it with them."""

    def __init__(self) -> None:
        self.drill: Drill | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Those that do without other processes, the drill, all others."""
        if any(map(_needs_drill, items)):
            items.sort(key=lambda item: 1 if _needs_drill(item) else 0 if _stays_inside(item) else 2)

    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Not for a list of tests, nor with a mistake in one."""
        if not session.config.option.collectonly and not session.testsfailed and any(map(_needs_drill, session.items)):
            self.drill = Drill()

    def pytest_sessionfinish(self) -> None:
        """Also after a failure or Ctrl-C."""
        if self.drill is not None:
            self.drill.end()


def _needs_drill(item: pytest.Item) -> bool:
    return "drill" in getattr(item, "fixturenames", ())


def _stays_inside(item: pytest.Item) -> bool:
    return item.path.relative_to(ROOT / "tests").parts[0] in _INSIDE


_beside = _Beside()


def pytest_configure(config: pytest.Config) -> None:
    """Called when this folder is collected."""
    config.pluginmanager.register(_beside, "drill")


@pytest.fixture
def drill() -> Drill:
    """The drill of this run."""
    assert _beside.drill is not None
    return _beside.drill
