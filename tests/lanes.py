"""Tests side by side: which go together in one lane, one after the other, and which begin first.

Most tests with other processes wait more than they work, and those that stay within one process never wait: one lane of
these, which stands back for the others, and two of the rest fill two cores. Every lane is a process of pytest-xdist with
ports (`tests.ports.own_share`) and folders of its own. Owns the order; what is judged is the same as with one lane.
"""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

#: Folders and files whose tests stay within one process, nearly all of them: one lane has them, and nothing else.
INSIDE = frozenset(
    (
        *(
            "alerting",
            "bench",
            "command",
            "config",
            "edge",
            "fuzz",
            "health",
            "importers",
            "lint",
            "messages",
            "planes",
            "privacy",
            "records",
            "rules",
            "scenario",
            "sim",
            "sip",
            "torture",
        ),
        *(
            "test_deep.py",
            "test_engine.py",
            "test_explain.py",
            "test_explain_engine.py",
            "test_probes.py",
            "test_project.py",
        ),
        *("test_what_if.py", "test_diff.py", "test_fmt.py"),
    )
)
#: Under load, with deaths: never two of them at once.
LOAD = (
    "kills/test_kills.py",  # first: it takes two minutes, whatever else is done
    "broker/test_killed.py",
    "sipp/test_digest.py",
    "sipp/test_killed.py",
    "sipp/test_offices.py",
    "sipp/test_reload.py",
    "sipp/test_restarts.py",
)
#: Folders whose files share what takes long to start.
TOGETHER = frozenset(("store",))
#: Folders with long files: what is begun last must not be what takes longest.
LONG = ("peers", "sipp", "broker")
#: A third of the share of others.
NICE = 5
_INSIDE = "inside"


def strand_of(node_id: str) -> tuple[int, int, str]:
    """What a test goes together with, one after the other; sorts as strands begin, and files within them."""
    path = PurePath(node_id.partition("::")[0]).relative_to("tests")
    folder = path.parts[0]
    if folder in INSIDE:
        return 0, 0, _INSIDE
    if str(path) in LOAD:
        return 1, LOAD.index(str(path)), "load"
    first = LONG.index(folder) if folder in LONG else len(LONG)
    return 2, first, folder if folder in TOGETHER else str(path)


class _ByStrand(LoadScopeScheduling):
    """Whoever has nothing left gets the next strand, whole; but for those that stay inside."""

    def _split_scope(self, nodeid: str) -> str:
        return strand_of(nodeid)[-1]

    def _reschedule(self, node: WorkerController) -> None:
        if _INSIDE not in self.assigned_work[node]:
            super()._reschedule(node)
        elif not node.shutting_down:
            node.shutdown()


class Lanes:
    """The hooks."""

    def __init__(self) -> None:
        self._is_one = "PYTEST_XDIST_WORKER" in os.environ
        self._stands_back = False

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """In the order of strands; as written where there is one lane."""
        if self._is_one:
            items.sort(key=lambda item: strand_of(item.nodeid))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Whom nobody waits for stands back for processes with timers."""
        if self._is_one and not self._stands_back and strand_of(nodeid)[-1] == _INSIDE:
            self._stands_back = True
            os.nice(NICE)

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> LoadScopeScheduling:
        """For pytest-xdist."""
        config.option.loadscopereorder = False
        return _ByStrand(config, log)
