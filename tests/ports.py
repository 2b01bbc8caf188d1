"""Ports on loopback: some of both kinds, and what of a range is whose where tests go on side by side."""

from __future__ import annotations

import os
import socket

from sip.connection import open_tcp
from sip.endpoint import open_udp


def open_both(host: str = "127.0.0.1") -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on one port. The system gives away a port of one kind; the other may be somebody's."""
    for _ in range(50):
        stream = open_tcp(host, 0)
        try:
            return open_udp(host, stream.getsockname()[1]), stream
        except OSError:
            stream.close()
    raise AssertionError("no port is free for both")


def own_share(first: int, last: int) -> tuple[int, int]:
    """Which ports of a range are this process's own: all, or an equal part where it is one of several lanes.

    A port that was found free is bound only a moment later: no other lane may find it free as well.
    """
    lane = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    lanes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    share = (last - first + 1) // lanes
    return first + lane % lanes * share, first + (lane % lanes + 1) * share - 1
