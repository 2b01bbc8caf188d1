"""Trunks whose certificates could not be verified: what they show is looked at once, so that people are told.

Owns when to look, what is said then, and when to try again. OpenSSL gives no certificate away that it has refused. So the
next attempt at a trunk that was refused only looks: it verifies nothing, sends nothing, and fails as it would have failed
anyhow. After that attempts come at growing distances: a handshake costs a millisecond, a certificate does not heal in one,
and when an authority expires all trunks below it are refused at once.
"""

from __future__ import annotations

from sip.connection import Connection
from sip.transaction import Hop

_AGAIN = 100  # refusals later it is looked at anew: it may show another one by then
_MOST = 1000  # trunks
_LONGEST = 8  # times the first rest


class Doubts:
    """Those of one endpoint."""

    def __init__(self, rest: float) -> None:
        """``rest``: seconds after the second refusal in a row until the next attempt; doubled with each one more."""
        self._rest = rest
        self._refused: dict[Hop, tuple[int, float]] = {}  # how often in a row, and until when it is left alone
        self._known: dict[Hop, tuple[str, str, int]] = {}  # why, what it showed ("": not seen yet), refusals since

    def is_left_alone(self, hop: Hop, now: float) -> bool:
        """Whether an attempt would be a waste: it fails without one."""
        return bool(self._refused) and now < self._refused.get(hop, (0, 0.0))[1]

    def wants_look(self, hop: Hop) -> bool:
        """Whether the next attempt is to look and nothing else."""
        known = self._known.get(hop)
        return known is not None and not known[1]

    def tell(self, connection: Connection, why: str, now: float) -> str:
        """What to say of a refusal."""
        session, hop = connection.session, connection.hop
        times = self._refused.get(hop, (0, 0.0))[0]
        if len(self._refused) < _MOST:
            rest = self._rest * min(2 ** (times - 1), _LONGEST) if times else 0.0  # the look may come at once
            self._refused[hop] = times + 1, now + rest
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
        self._refused.pop(hop, None)

    def clear(self) -> None:
        """Others may be trusted now: whoever is left alone is tried again."""
        self._refused.clear()
