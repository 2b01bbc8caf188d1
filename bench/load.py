"""CPU per proxied call and a clean rate over real sockets: SIPp, the daemon, SIPp; beside it a bare UDP echo.

`python -m bench.load [--rate 600] [--seconds 20]`. The daemon's CPU is read from /proc, so it counts everything: the
pump, the engine, the log. The echo is the floor: as many datagrams, received and sent with `add_reader` and nothing done to them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

SCENARIOS = Path(__file__).resolve().parent.parent / "sipp-scenarios"
DATAGRAMS_IN = 6  # of one proxied call; it sends 7
DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:{proxy}"}}]
trunks:
  pbx: {{uri: "sip:127.0.0.1:{callee}", probe: off}}
  carrier: {{uri: "sip:127.0.0.1:{spare}", carrier: b, probe: off}}
endpoints:
  desk: {{user: "100", via: [pbx, carrier]}}
  answering: {{number: "+15550199", via: [carrier], live: true}}
chains:
  main:
    - ring: [desk]
    - ring: [answering]
routes:
  - {{did: "+15557000", chain: main}}
"""


def free_ports(number: int) -> list[int]:
    """UDP ports of loopback that nobody uses now."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(number)]
    for sock in sockets:
        sock.bind(("127.0.0.1", 0))
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def daemon(dialplan: str) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon, ready."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bench.yaml"
        file.write_text(dialplan)
        log = (Path(folder) / "log").open("wb")
        command = [sys.executable, "-m", "controller.cli", "run", str(file), "--state-dir", folder]
        process = subprocess.Popen(command, stderr=log)
        try:
            for _ in range(200):
                lines = Path(log.name).read_text().splitlines()  # not by `log`: the daemon writes where that stands
                if any(json.loads(line).get("event") == "ready" for line in lines if line.startswith("{")):
                    break
                time.sleep(0.05)
            else:
                raise SystemExit(f"the daemon did not start: {Path(log.name).read_text()}")
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)
            log.close()


def call_load(
    rate: int, seconds: int, beside: Callable[[int], subprocess.Popen[str]] | None = None
) -> tuple[float, int, int, int]:
    """(CPU seconds per call, calls, failed calls, retransmissions) at this rate; ``beside`` starts what else happens to
    the port of the daemon."""
    proxy, callee, spare, caller = free_ports(4)
    with daemon(DIALPLAN.format(proxy=proxy, callee=callee, spare=spare)) as process:
        bounds = ["-nostdin", "-timeout", str(seconds + 30)]
        answer = subprocess.Popen(
            ["sipp", "-sf", str(SCENARIOS / "uas-load.xml"), "-i", "127.0.0.1", "-p", str(callee), *bounds],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            other = beside(proxy) if beside is not None else None
            time.sleep(1.0)
            before = cpu_seconds(process.pid)
            load = subprocess.run(
                ["sipp", f"127.0.0.1:{proxy}", "-sf", str(SCENARIOS / "uac-load.xml"), "-i", "127.0.0.1",
                 "-p", str(caller), "-s", "+15557000", "-r", str(rate), "-m", str(rate * seconds), *bounds],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            spent = cpu_seconds(process.pid) - before
        finally:
            answer.terminate()
            answer.wait(10)
            if other is not None:
                other.communicate()
    good = _count(load.stdout, r"Successful call\s*\|\s*\d+\s*\|\s*(\d+)")
    bad = _count(load.stdout, r"Failed call\s*\|\s*\d+\s*\|\s*(\d+)")
    lines = re.findall(r"(?:INVITE|BYE) -+>\s+(?:\S+\s+)?\d+\s+(\d+)", load.stdout)
    return spent / max(good, 1), good, bad, sum(map(int, lines[-2:]))


def _count(text: str, pattern: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def echo_load(rate: int, seconds: int) -> float:
    """CPU seconds that a bare echo spends on as many datagrams as one call has, at the same rate, 900 bytes each.

    The echo is a process of its own, as the daemon is: waking up the other side is part of what a datagram costs.
    """
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=_echo, args=(theirs,))
    server.start()
    number = rate * seconds * DATAGRAMS_IN
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.connect(("127.0.0.1", ours.recv()))
        begun = time.monotonic()
        for index in range(number):
            client.send(b"x" * 900)
            client.recv(2048)
            while time.monotonic() - begun < index / (rate * DATAGRAMS_IN):
                time.sleep(0.0001)
        client.send(b"")
        spent: float = ours.recv()
    server.join(10)
    return spent / (rate * seconds)


def _echo(pipe: Connection) -> None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    pipe.send(sock.getsockname()[1])

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def on_readable() -> None:
            data, peer = sock.recvfrom(2048)
            if data:
                sock.sendto(data, peer)
            else:
                loop.remove_reader(sock)
                done.set_result(None)

        loop.add_reader(sock, on_readable)
        await done

    begun = time.process_time()
    asyncio.run(serve())
    pipe.send(time.process_time() - begun)
    sock.close()


def main() -> int:
    """Print the table; 1 if a call failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=600, help="calls per second")
    parser.add_argument("--seconds", type=int, default=20)
    options = parser.parse_args()
    if shutil.which("sipp") is None:
        print("bench.load needs SIPp: apt-get install sip-tester")
        return 2
    echo = echo_load(options.rate, 3)
    per_call, good, bad, again = call_load(options.rate, options.seconds)
    print(
        f"calls       {good} good, {bad} failed, {again} retransmissions at {options.rate} calls/s for {options.seconds} s"
    )
    print(f"daemon      {per_call * 1e6:6.0f} us CPU per call (everything: pump, engine, log)")
    print(
        f"bare echo   {echo * 1e6:6.0f} us CPU for {DATAGRAMS_IN} datagrams in and out, at the same rate, in a process of its own"
    )
    print(f"ratio       {per_call / echo:6.1f}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
