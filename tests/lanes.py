"""Tests side by side: which go together in one lane, one after the other, and which begin first.

Most tests with other processes wait more than they work, and those that stay within one process never wait: a lane of
these, one of the drill and one or more of the others fill two cores. Every lane is a process of pytest-xdist with ports
(`tests.ports.own_share`) and folders of its own. Owns the order; what is judged is the same as with one lane.
"""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

#: Folders whose tests stay within one process: one lane has them all.
INSIDE = frozenset(
    ("config", "edge", "fuzz", "health", "messages", "planes", "privacy", "rules", "sim", "sip", "torture")
)
#: The drill takes two minutes, whatever else is done.
DRILL = "kills"
#: Under load, with deaths: never two of them at once.
LOAD = frozenset(
    (
        "broker/test_killed.py",
        "sipp/test_digest.py",
        "sipp/test_killed.py",
        "sipp/test_offices.py",
        "sipp/test_reload.py",
        "sipp/test_restarts.py",
    )
)
#: Folders whose files share what takes long to start.
TOGETHER = frozenset(("store",))
#: Folders with long files: what is begun last must not be what takes longest.
LONG = ("broker", "sipp", "peers")


def strand_of(node_id: str) -> tuple[int, str]:
    """What a test goes together with, one after the other: a name that sorts as the strands begin."""
    path = PurePath(node_id.partition("::")[0]).relative_to("tests")
    folder = path.parts[0]
    if folder in INSIDE:
        return 0, "inside"
    if folder == DRILL:
        return 1, folder
    if str(path) in LOAD:
        return 2, "load"
    return 3 + (LONG.index(folder) if folder in LONG else len(LONG)), folder if folder in TOGETHER else str(path)


class _ByStrand(LoadScopeScheduling):
    """Whoever has nothing left gets the next strand, whole."""

    def _split_scope(self, nodeid: str) -> str:
        return strand_of(nodeid)[1]


class Lanes:
    """The hooks."""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """In the order of strands; as written where there is one lane."""
        if "PYTEST_XDIST_WORKER" in os.environ:
            items.sort(key=lambda item: strand_of(item.nodeid))

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> LoadScopeScheduling:
        """For pytest-xdist."""
        config.option.loadscopereorder = False
        return _ByStrand(config, log)
