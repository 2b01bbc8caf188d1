"""What people who operate callward look at: the console, and what is kept of calls."""

from __future__ import annotations

from dataclasses import dataclass, field

from controller.types.alerts import Alerts

#: Seconds that the record of a call is kept, and what was on the wire for it.
KEEP_CALLS, KEEP_WIRE = 30 * 86400.0, 86400.0


@dataclass(frozen=True, slots=True)
class OpsToken:
    """Who may look, and whether they may do something as well."""

    name: str
    digest: str = field(repr=False)  # SHA-256 of the token, hexadecimal
    operator: bool = False  # may drain, acknowledge and drill


@dataclass(frozen=True, slots=True)
class Console:
    """Where page, API and metrics are served."""

    host: str = "127.0.0.1"
    port: int = 8090
    tokens: tuple[OpsToken, ...] = ()
    where: str = ""


@dataclass(frozen=True, slots=True)
class Records:
    """What is kept of calls, seconds, and who is told of their SIP messages."""

    calls: float = KEEP_CALLS
    wire: float = KEEP_WIRE  # 0: SIP messages are not kept
    hep: tuple[str, int] | None = None  # a capture server: IP address and UDP port
    hep_id: int = 2001  # who we are to it


@dataclass(frozen=True, slots=True)
class Mqtt:
    """The broker that is told how everything is."""

    host: str
    port: int
    tls: bool = False
    ca: str = ""  # path of a PEM file of authorities; "": those of the system
    user: str = ""
    password: str = field(default="", repr=False)
    prefix: str = "callward"  # topics begin with ``prefix/name``
    name: str = "main"  # of this daemon, among those of one broker
    discovery: str = ""  # the prefix of Home Assistant's discovery; "": none
    commands: bool = False  # operators of the console may give commands
    version: str = "5"  # of the protocol, or 3.1.1
    where: str = ""


@dataclass(frozen=True, slots=True)
class Otel:
    """The collector of OpenTelemetry that gets metrics and a trace of each call."""

    endpoint: str  # of OTLP over HTTP, without the paths that OTLP appends
    token: str = field(default="", repr=False)
    where: str = ""


@dataclass(frozen=True, slots=True)
class Ops:
    """All that the process for operators goes by."""

    console: Console | None = None
    records: Records | None = None  # None: nothing is kept
    mqtt: Mqtt | None = None
    alerts: Alerts | None = None
    otel: Otel | None = None
