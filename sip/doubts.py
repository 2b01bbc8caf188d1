"""Trunks whose certificates could not be verified: what they show is looked at once, so that people are told.

Owns when to look, and what is said then. OpenSSL gives no certificate away that it has refused. So the next attempt at a
trunk that was refused only looks: it verifies nothing, sends nothing, and fails as it would have failed anyhow.
"""

from __future__ import annotations

from sip.connection import Connection
from sip.transaction import Hop

_AGAIN = 100  # refusals later it is looked at anew: it may show another one by then
_MOST = 1000  # trunks


class Doubts:
    """Those of one endpoint."""

    def __init__(self) -> None:
        self._known: dict[Hop, tuple[str, str, int]] = {}  # why, what it showed ("": not seen yet), refusals since

    def wants_look(self, hop: Hop) -> bool:
        """Whether the next attempt is to look and nothing else."""
        known = self._known.get(hop)
        return known is not None and not known[1]

    def tell(self, connection: Connection, why: str) -> str:
        """What to say of a refusal."""
        session, hop = connection.session, connection.hop
        if session is None or not (session.is_doubted or session.seen):
            return why
        before, seen, count = self._known.get(hop, ("", "", 0))
        if session.seen:
            self._known[hop] = before, session.seen, 0
            return f"{before}: it is {session.seen}"
        if before != why or count >= _AGAIN:
            seen, count = "", 0
        if len(self._known) < _MOST:
            self._known[hop] = why, seen, count + 1
        return f"{why}: it is {seen}" if seen else why

    def settle(self, hop: Hop) -> None:
        """It is who it should be."""
        self._known.pop(hop, None)
