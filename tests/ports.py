"""Ports on loopback for tests that need one of both kinds."""

from __future__ import annotations

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
