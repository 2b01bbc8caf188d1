"""Keep-alive of the connections that we open to trunks: RFC 5626 §3.5.1, an empty line asked, an empty line answered.

Owns who is asked when and who has to answer. Not everybody knows this: who has never answered is asked all the same,
for whatever NAT stands between, and nothing is made of its silence; that its host is gone TCP tells by itself. Sans-IO:
the endpoint asks it now and then.
"""

from __future__ import annotations

from collections.abc import Collection

from sip.connection import Connection
from sip.framing import PONG
from sip.transaction import Hop


class KeepAlive:
    """What is known of all peers of one endpoint. ``kept`` are the addresses whose connections are kept."""

    def __init__(self, ping: float, pong: float) -> None:
        """A connection that is quiet for ``ping`` seconds is asked; who answers at all answers within ``pong``."""
        self.kept: Collection[Hop] = ()
        self._ping = ping
        self._pong = pong
        self._answers: set[Hop] = set()

    def is_dead(self, connection: Connection, now: float) -> bool:
        """Whether it was asked, and should have answered."""
        return 0 < connection.pinged <= now - self._pong and connection.hop in self._answers

    def wants_ping(self, connection: Connection, now: float) -> bool:
        """Whether to ask now; True is taken as done."""
        if not connection.opened or not connection.is_up or connection.hop not in self.kept:
            return False
        if max(connection.heard, connection.pinged) > now - self._ping:
            return False
        if connection.pinged and connection.hop in self._answers:
            return False  # it has its time to answer
        connection.pinged = now
        return True

    def note_heard(self, connection: Connection, data: bytes, now: float) -> None:
        """Something came in: whoever speaks is there."""
        connection.heard = now
        if connection.pinged:
            connection.pinged = 0.0
            if data == PONG:
                self._answers.add(connection.hop)
                connection.used = now  # as long as somebody answers there it is kept
