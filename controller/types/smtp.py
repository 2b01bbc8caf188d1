"""Settings of a mail account, as they are compiled."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class SmtpSecurity(StrEnum):
    """How a connection to a mail server is secured."""

    STARTTLS = "starttls"  # RFC 3207, and without it nothing is sent
    TLS = "tls"  # RFC 8314 §3: from the first byte
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Smtp:
    """A mail server that takes what we send, and where bounces come back. Times are seconds."""

    host: str
    port: int
    sender: str  # From of every message: an address
    name: str = ""  # the display name with it
    user: str = ""
    password: str = field(default="", repr=False)
    security: SmtpSecurity = SmtpSecurity.STARTTLS
    ca: str = ""  # path of the authorities that are trusted; "": those of the system
    bounces: str = ""  # LOCAL@DOMAIN: bounces go to LOCAL+KEY@DOMAIN; "": to `sender`, and are not understood
    bounces_listen: tuple[str, int] | None = None  # where the mail server hands them to us
    hello: str = ""  # our name in EHLO; "": that of this machine
    timeout: float = 20.0
    connections: int = 4  # at most; each is used again
    dsn: bool = False  # ask for reports of success as well, where the server offers it (RFC 3461)
