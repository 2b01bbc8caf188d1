"""The daemon: builds the engine and the sockets around a dialplan, starts them, stops them.

Owns the wiring and the lifecycle. All that can fail happens in `build`, before anything listens; `stop` undoes what
was started, last in first out. It routes nothing itself.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import secrets
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from controller import clock
from controller.engine import Engine
from controller.keys import KeyFileError, load_keys
from controller.log import LineWriter, Log, log_news, open_log
from controller.types import Dialplan, Listen, Trunk
from sip.element import Element
from sip.endpoint import UdpEndpoint, open_udp
from sip.stream import StreamEndpoint, open_tcp
from sip.transaction import Hop

#: By default the collector walks everything again and again: 1,500 calls/s then stall for half a second (measured).
GC_THRESHOLDS = (100_000, 50, 100)


class StartError(Exception):
    """The daemon cannot start; the message says where, what and what to do."""


class App:
    """One daemon: `build`, then `serve`, then `stop`."""

    def __init__(self, dialplan: Dialplan, state_dir: Path) -> None:
        self._dialplan = dialplan
        self._state_dir = state_dir
        self._undo: list[Callable[[], None]] = []
        self._log: Log
        self._writer: LineWriter
        self.endpoint: UdpEndpoint
        self.streams: StreamEndpoint | None = None
        self.engine: Engine

    def build(self) -> None:
        """Open what the daemon needs.

        Raises `StartError`; nothing stays open then.
        """
        self._log, self._writer = open_log()
        self._undo.append(self._writer.close)
        try:
            self._build()
        except StartError:
            self.stop()
            raise

    def _build(self) -> None:
        plan = self._dialplan
        hops = resolve_trunks(plan)
        try:
            keys = load_keys(self._state_dir)
        except KeyFileError as error:
            raise StartError(str(error)) from error
        listen = plan.listen[0]
        self.endpoint = UdpEndpoint(_open(open_udp, listen), clock.monotonic)
        self._undo.append(self.endpoint.close)
        host = advertised_host(listen, hops).lower()
        local = [Hop(host, self.endpoint.local.port)]
        for more in plan.listen[1:]:
            self.streams = StreamEndpoint(_open(open_tcp, more), clock.monotonic)
            self._undo.append(self.streams.close)
            self.endpoint.streams = self.streams
            local.append(Hop(host, self.streams.local.port, "tcp"))
        names = {trunk.host.lower(): hops[trunk.name].host for trunk in plan.trunks.values()}
        now = clock.monotonic()
        self.engine = Engine(
            plan,
            Element(local[0], keys.branch, keys.seal(), names, *local[1:]),
            hops,
            now,
            token=lambda: secrets.token_hex(12),
            epoch_offset=clock.epoch() - now,
        )

    async def serve(self) -> None:
        """Carry calls until SIGTERM or SIGINT."""
        raise_file_limit()
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        tune_garbage_collector()
        self.endpoint.on_turn = self._publish
        if self.streams is not None:
            self.streams.start(self.engine, loop, self.endpoint.pump)
        self.endpoint.start(self.engine, loop)
        ours = [self.endpoint.local] + ([self.streams.local] if self.streams is not None else [])
        self._log.info(
            "ready",
            listen=[f"{transport}:{host}:{port}" for host, port, transport in ours],
            trunks=len(self._dialplan.trunks),
            routes=len(self._dialplan.routes),
            version=self._dialplan.version,
        )
        await stopped.wait()
        self._log.info("stopped", calls=len(self.engine.plane))

    def stop(self) -> None:
        """Close everything, last in first out; a second time is harmless."""
        while self._undo:
            self._undo.pop()()

    def _publish(self) -> None:
        news = self.engine.news
        if news:
            self.engine.news = []
            for item in news:
                log_news(self._log, item)


def raise_file_limit() -> None:
    """Each TCP connection is a file: as many as the system lets us have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _open(opener: Callable[[str, int], socket.socket], listen: Listen) -> socket.socket:
    try:
        return opener(listen.host, listen.port)
    except OSError as error:
        raise StartError(
            f"{listen.where}: cannot listen on {listen.transport} {listen.host}:{listen.port}: {error.strerror};"
            " is another daemon running there?"
        ) from error


def tune_garbage_collector() -> None:
    """What was built at the start is never walked again, and the rest seldom: calls free themselves by reference."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def resolve_trunks(dialplan: Dialplan) -> dict[str, Hop]:
    """The address of each trunk, looked up now so that no call ever waits for a resolver.

    Raises `StartError` naming every trunk that cannot be resolved.
    """
    hops: dict[str, Hop] = {}
    problems: list[str] = []
    for trunk in dialplan.trunks.values():
        try:
            hops[trunk.name] = _resolve(trunk, dialplan.listen[0])
        except OSError as error:
            problems.append(
                f"{trunk.where}: cannot resolve {trunk.host!r} of trunk {trunk.name!r}: {error.strerror or error};"
                " check the name or write an IP address"
            )
    if problems:
        raise StartError("\n".join(problems))
    return hops


def _resolve(trunk: Trunk, listen: Listen) -> Hop:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    found = socket.getaddrinfo(trunk.host, trunk.port, family, socket.SOCK_DGRAM)
    return Hop(str(found[0][4][0]), trunk.port, trunk.transport)


def advertised_host(listen: Listen, hops: dict[str, Hop]) -> str:
    """The address that peers can answer to: that of the listener, or of the interface towards the first trunk."""
    if listen.host not in ("0.0.0.0", "::"):  # recognised here, not bound
        return listen.host
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    towards = next(iter(hops.values()), None)
    with socket.socket(family, socket.SOCK_DGRAM) as probe:  # connect() of a UDP socket sends nothing
        try:
            probe.connect((towards.host, towards.port) if towards else (listen.host, 9))
        except OSError as error:
            raise StartError(f"{listen.where}: no route from {listen.host}; name one address to listen on") from error
        return str(probe.getsockname()[0])
