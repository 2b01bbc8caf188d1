"""How SIP goes wrong from outside: parsing gives a message or this error, never any other exception."""

from __future__ import annotations

from typing import Any


class RemoteProtocolError(Exception):
    """The peer sent something that is not SIP, or not SIP we may accept.

    ``status`` is the response code that a request with this fault deserves (RFC 3261 §21.4); ``outline`` is as much
    of the message as was understood, enough to answer it, or None.
    """

    def __init__(self, message: str, status: int = 400, outline: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.outline = outline
