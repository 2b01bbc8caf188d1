"""What the two sides of a relay get from it, and what they may cost.

Owns no behaviour.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from controller.relay.pcap import Pcap
from sip.timing import Deadlines


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one side; times in seconds."""

    clients: int = 1024  # UDP: one more, and the one that was silent for longest goes. TCP: one more is refused
    idle: float = 600.0  # UDP: a call may ring for minutes and talk for long, with nothing said in between
    datagrams: int = 20_000  # that wait for their time, in both directions
    stream: int = 1 << 18  # bytes of one direction of a connection; then reading stops, and the sender notices
    rest: float = 1.0  # before accepting again when the process is out of file descriptors


@dataclass(frozen=True, slots=True)
class Wiring:
    """``clock`` gives the loop's monotonic time, ``wall`` epoch seconds for the pcap file."""

    loop: asyncio.AbstractEventLoop
    clock: Callable[[], float]
    wall: Callable[[], float]
    deadlines: Deadlines
    settle: Callable[[], None]  # fire what is due and arm the timer: at the end of every turn
    pcap: Pcap | None = None
    limits: Limits = Limits()
