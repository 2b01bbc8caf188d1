"""SIP messages for a capture server: one UDP datagram each, never waited for.

Owns the socket, and that a server which is not there costs nothing but a count (`SENT`, `UNSENT`). Must not know what a call is.
"""

from __future__ import annotations

import socket

from controller.log import Log
from controller.records.hep import encode
from controller.records.rows import WireRow
from sip.uri import bracketed

SENT, UNSENT = "sent", "unsent"


class HepSender:
    """To one server."""

    def __init__(self, target: tuple[str, int], capture: int, log: Log, counters: dict[str, int]) -> None:
        """``target`` is an IP address and a port; ``capture`` is told as our id."""
        self._target = target
        self._capture = capture
        self._log = log
        self._sock = socket.socket(socket.AF_INET6 if ":" in target[0] else socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        self._said = False
        self._counters = counters
        for key in (SENT, UNSENT):
            counters.setdefault(key, 0)  # they go on through a reload

    def send(self, row: WireRow) -> None:
        """Hand one message on; never blocks and never raises."""
        ours, peer = (row.ours, row.our_port), (row.host, row.port)
        source, target = (ours, peer) if row.sent else (peer, ours)
        try:
            packet = encode(row.data, source, target, row.transport, row.at, self._capture, row.call)
            if packet:
                self._sock.sendto(packet, self._target)
                self._counters[SENT] += 1
                return
        except (OSError, ValueError) as error:
            if not self._said:
                self._said = True
                server = f"{bracketed(self._target[0])}:{self._target[1]}"
                self._log.warning("not handed to the capture server", server=server, why=str(error))
        self._counters[UNSENT] += 1

    def close(self) -> None:
        """Hand on nothing more; a second time is harmless."""
        self._sock.close()
