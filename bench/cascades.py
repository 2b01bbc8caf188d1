"""Cascades through the HTTP API: how long an acceptance takes, how many cascades go through in a second, and how many of the
same go through procrastinate.

`python -m bench.cascades [sqlite] [postgres] [procrastinate] [--rate N] [--seconds N] [--cascades N]`. A cascade is one
request over HTTP, a provider that refuses, one that takes it and reports a failure, one that delivers; all of it durable
at each step. Providers are within the daemon and cost nothing; load, daemon and PostgreSQL share the processors of this
machine. Exit code 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.cascades_world import TOKEN, body_of
from bench.store import make_url

CONNECTIONS = 48
TAKEN, BUSY = b"HTTP/1.1 202", b"HTTP/1.1 503"
BARS = {"sqlite": (15.0, 1500.0), "postgres": (30.0, 800.0)}  # accept p99 in ms at 1,000/s; cascades/s


class Connection(asyncio.Protocol):
    """One connection that is kept; the least that is HTTP, so that the load costs little."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[bytes]
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, end, rest = self._data.partition(b"\r\n\r\n")
        if end:
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            if len(rest) >= length:
                self._data = b""
                self._answer.set_result(head[:12] + b"\n" + rest)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._answer.done():
            self._answer.set_exception(error or ConnectionError("closed"))

    async def ask(self, method: str, path: str, body: str = "", key: str = "") -> bytes:
        """Status line and body of the answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\nIdempotency-Key: {key or '-'}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        return await self._answer


def cpu_of(pid: int) -> tuple[float, float]:
    """Seconds of CPU that a process took so far, and those that it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return _cpu_of(pid), sum(_cpu_of(int(child)) for child in children)


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def daemon(url: str, folder: Path) -> Iterator[tuple[int, int]]:
    """Port and process of a daemon."""
    command = [sys.executable, "-m", "bench.cascades_daemon", *([url] if url else []), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process.pid
            process.stdin.close()
            process.wait(30)
        finally:
            process.kill()


async def connect(port: int) -> list[Connection]:
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(Connection, "127.0.0.1", port) for _ in range(CONNECTIONS)]
    return [connection for _, connection in made]


async def completed(connection: Connection) -> int:
    """How many cascades the daemon has brought to their end."""
    text = (await connection.ask("GET", "/metrics")).decode()
    lines = [
        line
        for line in text.splitlines()
        if line.startswith('callward_cascades_total{country="DE",status="completed"}')
    ]
    return int(float(lines[0].rsplit(" ", 1)[1])) if lines else 0


async def send(connection: Connection, number: int) -> None:
    """Until it is taken: who is told that there is too much to do comes again."""
    while not (answer := await connection.ask("POST", "/v1/cascades", body_of(number), f"k{number}")).startswith(TAKEN):
        assert answer.startswith(BUSY), answer
        await asyncio.sleep(0.1)


async def measure_throughput(connections: list[Connection], count: int, first: int) -> float:
    """Cascades a second, from the first request until the last is completed."""
    before = await completed(connections[0])
    numbers = iter(range(first, first + count))

    async def work(connection: Connection) -> None:
        for number in numbers:
            await send(connection, number)

    begun = time.perf_counter()
    await asyncio.gather(*map(work, connections))
    while (await completed(connections[0])) - before < count:
        assert time.perf_counter() - begun < 300, "some never came to their end"
        await asyncio.sleep(0.02)
    return count / (time.perf_counter() - begun)


async def measure_acceptance(connections: list[Connection], rate: float, seconds: float, first: int) -> list[float]:
    """Milliseconds from when a request was due at this rate until its answer; sorted. Whoever is late counts as late."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in connections:
        free.put_nowait(connection)
    took: list[float] = []
    tasks = []

    async def accept(number: int, due: float) -> None:
        connection = await free.get()
        await send(connection, number)
        took.append(1000 * (time.perf_counter() - due))
        free.put_nowait(connection)

    begun = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = begun + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.ensure_future(accept(first + number, due)))
    await asyncio.gather(*tasks)
    return sorted(took)


async def measure(port: int, pid: int, options: argparse.Namespace) -> tuple[float, list[float], list[float]]:
    connections = await connect(port)
    await measure_throughput(connections, 500, 0)  # warm
    before = cpu_of(pid)
    through = await measure_throughput(connections, options.cascades, 1_000)
    cpu = [(now - then) / options.cascades for now, then in zip(cpu_of(pid), before, strict=True)]
    took = await measure_acceptance(connections, options.rate, options.seconds, 10_000_000)
    for connection in connections:
        connection.transport.close()
    return through, cpu, took


def report(kind: str, through: float, cpu: list[float], took: list[float], rate: float) -> bool:
    """Whether both bars are kept."""
    p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
    most, least = BARS[kind]
    print(
        f"{kind:13} {through:6.0f} cascades/s (bar {least:.0f}), {1e6 * cpu[0]:.0f} + {1e6 * cpu[1]:.0f} us"
        f" of CPU each (daemon, fronts)   accept at {rate:.0f}/s: p50 {p50:.1f} ms"
        f"  p99 {p99:.1f} ms (bar {most:.0f})  worst {took[-1]:.1f} ms"
    )
    return p99 <= most and through >= least


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=["sqlite", "postgres", "procrastinate"])
    parser.add_argument("--cascades", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    well, ours = True, {}
    for kind in options.kinds:
        with tempfile.TemporaryDirectory(prefix="callward-bench-") as name:
            folder = Path(name)
            folder.chmod(0o711)
            if kind == "procrastinate":
                from bench.cascades_procrastinate import measure_other

                with make_url("postgres", folder) as url:
                    through = asyncio.run(measure_other(url))
                print(f"{kind:13} {through:6.0f} cascades/s, the same steps as jobs, without HTTP")
                for own, figure in ours.items():
                    print(f"  {own} is {figure / through:.0f} times as fast")
                continue
            with make_url(kind, folder) as url, daemon(url, folder) as (port, pid):
                through, cpu, took = asyncio.run(measure(port, pid, options))
            ours[kind] = through
            well &= report(kind, through, cpu, took, options.rate)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
