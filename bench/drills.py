"""Deaths on real sockets: user agents on loopback, a real daemon, and what its log says about when it knew.

Owns the agents and the reading of the log. Used by `bench.detection` and, with many more agents, by `bench.probing`.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import cast

from bench.load import daemon, free_ports

_COPIED = re.compile(rb"^(?:Via|From|To|Call-ID|CSeq):[^\r]*\r\n", re.MULTILINE)
_SETTLE, _APART, _LAST = 3.0, 0.2, 2.5  # seconds: to be known as UP; between deaths; to be found


def answer(request: bytes) -> bytes:
    """A plain 200, made without parsing more than it must."""
    return b"SIP/2.0 200 OK\r\n" + b"".join(_COPIED.findall(request)) + b"Content-Length: 0\r\n\r\n"


class UdpAgent(asyncio.DatagramProtocol):
    """Answers everything on one port, until it falls silent or its socket is closed."""

    def __init__(self) -> None:
        self.silent = False
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Answer."""
        if not self.silent:
            self._transport.sendto(answer(data), address)

    def close(self) -> None:
        """Leave a closed port behind."""
        self._transport.abort()


class TcpAgent:
    """The same over TCP."""

    def __init__(self) -> None:
        self._server: asyncio.Server
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self, port: int) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while True:
                writer.write(answer(await reader.readuntil(b"\r\n\r\n")))
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    def close(self) -> None:
        """Close all connections and refuse new ones."""
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()


def dialplan(listen: int, trunks: Iterable[tuple[str, int, str]], probe: str = "{every: 250ms}") -> str:
    """A dialplan that probes these (name, port, transport)."""
    trunks = list(trunks)
    lines = [
        f'  {name}: {{uri: "sip:127.0.0.1:{port};transport={transport}", probe: drill}}'
        for name, port, transport in trunks
    ]
    return "\n".join(
        [
            f'version: 1\nlisten: [{{udp: "127.0.0.1:{listen}"}}, {{tcp: "127.0.0.1:{listen}"}}]\ntrunks:',
            *lines,
            f"probes:\n  drill: {probe}\nendpoints:",
            *(f'  e-{name}: {{user: "100", via: [{name}]}}' for name, _, _ in trunks),
            "chains:\n  main:",
            *(f"    - ring: [e-{name}]" for name, _, _ in trunks),
            'routes:\n  - {did: "+15557000", chain: main}\n',
        ]
    )


def run(trials: int) -> dict[str, list[float | None]]:
    """A third of the trials each: closed ports, silence, refused connections; seconds until the log says DOWN."""
    return asyncio.run(_run(max(1, trials // 3)))


async def _run(each: int) -> dict[str, list[float | None]]:
    loop = asyncio.get_running_loop()
    listen, *ports = free_ports(1 + 3 * each)
    kinds = {"closed port": "udp", "silence": "udp", "TCP refused": "tcp"}
    names = [(f"{kind.lower().replace(' ', '-')}-{i}", kind) for kind in kinds for i in range(each)]
    trunks = [(name, port, kinds[kind]) for (name, kind), port in zip(names, ports, strict=True)]
    agents: dict[str, UdpAgent | TcpAgent] = {}
    for name, port, transport in trunks:
        if transport == "udp":
            _, agents[name] = await loop.create_datagram_endpoint(UdpAgent, ("127.0.0.1", port), family=socket.AF_INET)
        else:
            agents[name] = tcp = TcpAgent()
            await tcp.start(port)
    died: dict[str, float] = {}
    opened = daemon(dialplan(listen, trunks))
    process = await asyncio.to_thread(opened.__enter__)
    try:
        await asyncio.sleep(_SETTLE)
        order = list(names)
        random.Random(1).shuffle(order)
        for name, kind in order:
            await asyncio.sleep(_APART * random.Random(name).uniform(0.5, 1.5))
            agent = agents[name]
            died[name] = time.time()
            if isinstance(agent, UdpAgent) and kind == "silence":
                agent.silent = True
            else:
                agent.close()
        await asyncio.sleep(_LAST)
        assert isinstance(process.args, list)
        found = _deaths(Path(str(process.args[-1])) / "log")
    finally:
        await asyncio.to_thread(opened.__exit__, None, None, None)
        for agent in agents.values():
            agent.close()
    times: dict[str, list[float | None]] = {kind: [] for kind in kinds}
    for name, kind in names:
        times[kind].append(found[name] - died[name] if name in found else None)
    return times


def _deaths(log: Path) -> dict[str, float]:
    """When each trunk went DOWN, by the clock of the daemon."""
    found: dict[str, float] = {}
    for line in log.read_text().splitlines():
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("event") == "trunk" and event["new"] == "down":
            found.setdefault(event["trunk"], datetime.fromisoformat(event["timestamp"]).timestamp())
    return found
