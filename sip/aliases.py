"""Connections that somebody opened to us and wants to be called by as well (RFC 5923).

Owns who asked for that, by the address at which he listens, and whether he may: only whom his certificate vouches for.
"""

from __future__ import annotations

from sip.connection import Connection, Core, alias_of
from sip.tls import Security
from sip.transaction import Hop


class Aliases:
    """Those of one endpoint."""

    def __init__(self) -> None:
        self._known: dict[Hop, Connection] = {}

    def find(self, hop: Hop, security: Security | None) -> Connection | None:
        """The connection that somebody opened who listens there and proves to be the one that we would call."""
        connection = self._known.get(hop) if self._known else None
        if connection is None or security is None:
            return None
        names = connection.names
        return connection if security.peer_at(*hop[:2], lambda: names).accepts(names) else None

    def source_of(self, message: bytes, connection: Connection, core: Core) -> Hop:
        """Where a message comes from. Who has proved who it is may listen at another port than it calls from."""
        if connection.opened or not connection.names:
            return connection.hop
        if message.startswith(b"SIP/2.0 "):
            return connection.alias or connection.hop
        if connection.alias is None and b"alias" in message:
            connection.alias = alias_of(message, connection.hop)
            if connection.alias is not None:
                self._known[connection.alias] = connection
                core.introduce(connection.alias, connection.names)
        return connection.hop

    def forget(self, connection: Connection) -> None:
        """It is gone."""
        if connection.alias is not None and self._known.get(connection.alias) is connection:
            del self._known[connection.alias]
