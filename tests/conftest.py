"""What every test may use: the Hypothesis profiles and free ports on loopback; and lanes, where there are several."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

from tests.ports import own_share

# `fast` gives the same examples every time, so that a red build is red for everybody; `deep` looks for new ones.
# Deadlines are off: a busy machine is not a bug, and pytest's own timeout catches what hangs.
settings.register_profile("fast", max_examples=30, stateful_step_count=30, deadline=None, derandomize=True)
settings.register_profile(
    "deep",
    max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "100000")),
    stateful_step_count=60,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


def pytest_configure(config: pytest.Config) -> None:
    """Lanes, where pytest-xdist is asked for some (``-n``)."""
    if config.pluginmanager.has_plugin("xdist"):
        from tests.lanes import Lanes

        config.pluginmanager.register(Lanes(), "lanes")


# Below Linux's ephemeral range (32768 up): no socket bound to port 0 meanwhile can be given one of ours.
_FIRST_PORT, _LAST_PORT = own_share(20_000, 31_999)
_PORTS = _LAST_PORT - _FIRST_PORT + 1
_taken = 0


def _pick_port() -> int:
    """A UDP and TCP port that is free on 127.0.0.1; never the same twice within a test run."""
    global _taken  # noqa: PLW0603  # one counter for the whole run is the point
    for _ in range(_PORTS):
        # Runs side by side start at different places, so they seldom meet.
        port = _FIRST_PORT + (os.getpid() * 97 + _taken) % _PORTS
        _taken += 1
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port
    pytest.fail(f"no free port on 127.0.0.1 between {_FIRST_PORT} and {_LAST_PORT}")


@pytest.fixture
def free_port() -> int:
    """One free port on 127.0.0.1."""
    return _pick_port()


@pytest.fixture(scope="session")
def pick_port() -> Callable[[], int]:
    """A function that gives another free port on 127.0.0.1 at every call."""
    return _pick_port
