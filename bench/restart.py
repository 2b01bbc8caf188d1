"""How soon a daemon with 10,000 numbers is back after `kill -9`: from its new start to the first OPTIONS answered.

`python -m bench.restart [rounds]`. Beside it a start that finds no compiled dialplan, and the bare interpreter.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.config import HEAD

DIDS = 10_000
BAR = 1.0  # seconds
PING = 0.005  # seconds between two OPTIONS


def write_dialplan(folder: Path, port: int, trunk: int) -> Path:
    """The dialplan of `bench.config`, on loopback."""
    text = HEAD.replace("127.0.0.1:5060", f"127.0.0.1:{port}").replace("sip:192.0.2.1", f"sip:127.0.0.1:{trunk}")
    file = folder / "dialplan.yaml"
    file.write_text(text + "".join(f'  - {{did: "+1555{n:07d}", chain: main}}\n' for n in range(DIDS)))
    return file


def time_start(file: Path, state: Path, port: int, ping: socket.socket, stay: float) -> tuple[float, float]:
    """Seconds from the start of a daemon until it answers, and those of CPU that it took; it is killed once it has
    stayed for so long."""
    command = [sys.executable, "-m", "controller.cli", "run", str(file), "--state-dir", str(state)]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as daemon:
        try:
            answered = _wait_for_answer(ping, port, began)
            fields = Path(f"/proc/{daemon.pid}/stat").read_text().rpartition(")")[2].split()
            time.sleep(stay)
        finally:
            daemon.kill()
    return answered - began, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _wait_for_answer(ping: socket.socket, port: int, began: float) -> float:
    own = ping.getsockname()[1]
    for number in range(int(20 / PING)):
        request = (
            f"OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{began}-{number}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:ping@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: {began}-{number}\r\n"
            "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
        try:
            ping.sendto(request.encode(), ("127.0.0.1", port))
            mark = f"Call-ID: {began}-".encode()  # an earlier life may have answered as well
            while not ((answer := ping.recv(65536)).startswith(b"SIP/2.0 200") and mark in answer):
                pass  # its own probes come here, too
        except (TimeoutError, ConnectionRefusedError):
            time.sleep(PING)
            continue
        return time.perf_counter()
    raise SystemExit("the daemon did not answer within 20 s")


def main(rounds: int = 20) -> int:
    """Print the table; 1 if the slowest restart missed the bar."""
    with tempfile.TemporaryDirectory() as name, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ping:
        folder = Path(name)
        ping.bind(("127.0.0.1", 0))
        ping.settimeout(PING)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        file = write_dialplan(folder, port, ping.getsockname()[1])
        first = time_start(file, folder / "state", port, ping, 3.0)  # it writes down what it compiled meanwhile
        again = [time_start(file, folder / "state", port, ping, 0.0) for _ in range(rounds)]
        bare = []
        for _ in range(5):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", "pass"], check=True)
            bare.append(time.perf_counter() - began)
    middle, slowest = statistics.median(wall for wall, _ in again), max(wall for wall, _ in again)
    cpu = statistics.median(cpu for _, cpu in again)
    print(f"back after kill -9, {DIDS:,} numbers, {rounds} rounds, milliseconds from start to first answer")
    print(
        f"  restart: p50 {middle * 1000:.0f}, max {slowest * 1000:.0f} (bar {BAR * 1000:.0f}), of CPU p50 {cpu * 1000:.0f}"
    )
    print(
        f"  first start, which compiles: {first[0] * 1000:.0f} ({first[1] * 1000:.0f} of CPU), by CPU {first[1] / cpu:.1f} times a restart"
    )
    print(
        f"  bare interpreter: {statistics.median(bare) * 1000:.0f}, a restart is {middle / statistics.median(bare):.0f} times that"
    )
    return int(slowest > BAR)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
