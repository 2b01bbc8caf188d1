"""The relay itself: its time, its phases, its counters, and the start and end of both sides.

Owns one heap of deadlines with one timer of the loop, as `sip.endpoint` does. Chance: each direction of each transport
has dice of its own, made of the seed, so the fate of the tenth datagram towards the target does not hang on answers.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any, TextIO

from controller import clock
from controller.config.address import HostPort, parse_listen, parse_trunk_uri
from controller.config.diagnostics import Mistake
from controller.relay.impairment import Direction
from controller.relay.pcap import Address, Pcap
from controller.relay.script import Phase, Port
from controller.relay.tcp import TcpSide
from controller.relay.udp import UdpSide
from controller.relay.wiring import Limits, Wiring
from sip.timing import Deadlines
from sip.uri import bracketed


class RelayError(Exception):
    """The relay cannot go on; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What to relay, and how badly. ``base`` holds until the first of ``phases`` and for what they leave out."""

    listen: HostPort
    target: HostPort
    udp: bool = True
    tcp: bool = False
    seed: int = 1
    base: Phase = field(default_factory=Phase)
    phases: tuple[Phase, ...] = ()
    pcap: Path | None = None


class Relay:
    """One relay: `open`, and `close`. ``tell`` gets its events."""

    def __init__(
        self, settings: Settings, tell: Callable[[dict[str, Any]], None], limits: Limits | None = None
    ) -> None:
        self.failure = ""  # why it ended by itself
        self.ended = asyncio.Event()
        self.udp: UdpSide | None = None
        self.tcp: TcpSide | None = None
        self._settings = settings
        self._tell = tell
        self._limits = limits or Limits()
        self._loop = asyncio.get_running_loop()
        self._deadlines = Deadlines()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = inf
        self._started = 0.0
        self._pcap: Pcap | None = None

    def open(self) -> None:
        """Listen, relay, and enter the phases when their time comes.

        Raises `RelayError`; nothing stays open then.
        """
        settings = self._settings
        try:
            target = _resolve(settings.target)
            if settings.pcap is not None:
                self._pcap = Pcap(settings.pcap.open("wb"))
            wiring = Wiring(
                self._loop, self._loop.time, clock.epoch, self._deadlines, self._settle, self._pcap, self._limits
            )
            listen = settings.listen.host, settings.listen.port
            if settings.udp:
                self.udp = UdpSide(listen, target, self._direction("udp up"), self._direction("udp down"), wiring)
                self.udp.open()
                listen = self.udp.local  # one free port for both, where none was named
            if settings.tcp:
                self.tcp = TcpSide(listen, target, self._direction("tcp up"), self._direction("tcp down"), wiring)
                self.tcp.open()
        except OSError as error:
            self.close()
            raise RelayError(_explain(settings, error)) from error
        self._started = now = self._loop.time()
        self._hold(settings.base)
        for phase in settings.phases:
            self._deadlines.arm(self._started + phase.at, self._enter, phase)
        self._expire(now)
        names = [f"{side}:{_show(at.local)}" for side, at in self.sides()]
        self._tell({"event": "ready", "listen": names, "to": _show(target), "seed": settings.seed})
        self._settle()

    def close(self) -> None:
        """End everything; a second time is harmless."""
        for _, side in self.sides():
            side.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pcap is not None:
            self._pcap.close()
            self._pcap = None

    def sides(self) -> list[tuple[str, UdpSide | TcpSide]]:
        """What there is, by name."""
        sides: list[tuple[str, UdpSide | TcpSide | None]] = [("udp", self.udp), ("tcp", self.tcp)]
        return [(name, side) for name, side in sides if side is not None]

    def enter(self, phase: Phase) -> None:
        """Go over to a phase now, whatever its time; those of the script still come at theirs."""
        self._enter(0.0, phase)
        self._settle()

    def counters(self) -> dict[str, Any]:
        """All that was counted so far, as one event."""
        found: dict[str, Any] = {"event": "counters", "seconds": round(self._loop.time() - self._started, 3)}
        for name, side in self.sides():
            found[name] = {
                "up": dict(side.up.counters),
                "down": dict(side.down.counters),
                **side.counters,
                "open": side.count,
            }
        return found

    def show_counters(self) -> None:
        """Tell them, and make what is in the pcap file readable."""
        if self._pcap is not None:
            self._pcap.flush()
        self._tell(self.counters())

    # -- inside

    def _direction(self, name: str) -> Direction:
        return Direction(random.Random(f"{self._settings.seed} {name}"))

    def _enter(self, _now: float, phase: Phase) -> None:
        self._tell({"event": "phase", "at": phase.at, "port": str(phase.port)})
        self._hold(phase)

    def _hold(self, phase: Phase) -> None:
        for _, side in self.sides():
            side.up.change(phase.up)
            side.down.change(phase.down)
            if phase.port is Port.CLOSED:
                side.close()
            elif not side.is_open:
                try:
                    side.open()
                except OSError as error:
                    self.failure = _explain(self._settings, error)
                    self.ended.set()
        if self.tcp is not None:
            self.tcp.is_resetting = phase.port is Port.RESET
            if self.tcp.is_resetting:
                self.tcp.cut()
            self.tcp.change()

    def _expire(self, now: float) -> None:
        if self.udp is not None:
            self.udp.expire(now)
            self._deadlines.arm(now + self._limits.idle / 4, self._expire)

    def _settle(self) -> None:
        """Do what is due and arm the one timer."""
        self._deadlines.fire_due(self._loop.time())
        deadline = self._deadlines.next_deadline()
        if deadline >= self._armed_for:
            return  # woken too early, it will look again
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = deadline
        self._timer = self._loop.call_at(deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._armed_for = inf
        self._settle()


async def serve(settings: Settings, stream: TextIO) -> None:
    """Relay until SIGTERM or SIGINT; one JSON line per event, counters on SIGUSR1 and at the end.

    Raises `RelayError`.
    """

    def tell(event: dict[str, Any]) -> None:
        stream.write(json.dumps(event) + "\n")
        stream.flush()

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # each client is a file, or two
    relay = Relay(settings, tell)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, relay.ended.set)
    loop.add_signal_handler(signal.SIGUSR1, relay.show_counters)
    relay.open()
    try:
        await relay.ended.wait()
        relay.show_counters()
    finally:
        relay.close()
    if relay.failure:
        raise RelayError(relay.failure)


def read_address(option: str, text: str) -> HostPort:
    """Read what an option says: IP:PORT to listen on, HOST:PORT to relay to; raises `Mistake`."""
    try:
        return parse_listen(text) if option == "--listen" else parse_trunk_uri(f"sip:{text}")
    except Mistake as mistake:
        hint = "write IP:PORT" if option == "--listen" else "write HOST:PORT"
        raise Mistake(mistake.code, f"{option}: {mistake.message}", hint) from None


def _resolve(target: HostPort) -> Address:
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_DGRAM)
    return str(found[0][4][0]), target.port


def _show(address: Address) -> str:
    return f"{bracketed(address[0])}:{address[1]}"


def _explain(settings: Settings, error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    if isinstance(error, socket.gaierror):
        return f"cannot resolve {settings.target.host!r}: {reason}; check the name"
    if error.filename is not None:
        return f"cannot write {error.filename}: {reason}; name another file"
    listen = settings.listen
    return f"cannot listen on {listen.host} port {listen.port}: {reason}; choose another with --listen"
