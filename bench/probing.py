"""What watching many trunks costs, and how punctual it is: 1,000 user agents on loopback, asked four times a second each.

`python -m bench.probing [--targets 1000] [--seconds 20]`. The agents are a process of their own and note when each probe
comes. The daemon's CPU is read from /proc. The due times are those of `Detector`, so a probe's lateness is known from
outside, but for the daemon's own start: that is taken from the most punctual hundredth of all.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import select
import socket
import sys
import time
from array import array
from multiprocessing.connection import Connection

from bench.detection import percentile
from bench.drills import answer, dialplan
from bench.load import cpu_seconds, daemon, free_ports
from controller.health.board import MAX_SPREAD, spread_by_name
from controller.health.detector import Detector
from controller.types import Probe, Trunk

EVERY = 0.25
WARM = 4.0  # seconds until all are known
CORE, LATE = 0.60, 0.020  # bars: share of a core, seconds (p99)


def agents(control: Connection, ports: list[int]) -> None:
    """Answer on all ports until told to stop, then hand over (when, which) of every probe."""
    poll, sockets = select.epoll(), {}
    for index, port in enumerate(ports):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", port))
        sock.setblocking(False)
        poll.register(sock, select.EPOLLIN)
        sockets[sock.fileno()] = index, sock
    poll.register(control.fileno(), select.EPOLLIN)
    when, which = array("d"), array("L")
    control.send("ready")
    while True:
        for number, _ in poll.poll():
            if number == control.fileno():
                control.recv()
                control.send((when, which))
                return
            index, sock = sockets[number]
            data, source = sock.recvfrom(2048)
            when.append(time.monotonic())
            which.append(index)
            sock.sendto(answer(data), source)


def lateness(when: array[float], which: array[int], names: list[str], begin: float, end: float) -> list[float]:
    """By how many seconds each regular probe between two instants came after it was due; bursts have no beat."""
    clocks = [Detector(Trunk(name, "", 0, probe=Probe(every=EVERY)), 0.0, _first(name)) for name in names]
    start = min(at - _first(names[index]) for at, index in zip(when, which, strict=True))
    before = [-1.0] * len(names)
    regular = []
    for at, index in zip(when, which, strict=True):
        if begin <= at < end and at - before[index] > 0.8 * EVERY:
            regular.append((at, index))
        before[index] = at
    late: list[float] = []
    for _ in range(3):  # again with the start that the most punctual ones suggest
        late = [at - start - clocks[index].beat_after(at - start - EVERY / 2) for at, index in regular]
        start += percentile(late, 0.01)
    return [max(0.0, value) for value in late]


def _first(name: str) -> float:
    return spread_by_name(name) * min(EVERY, MAX_SPREAD)


def main() -> int:
    """Measure, print, and say by the exit code whether the bars were kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument(
        "--nice", type=int, default=0, help="of all of it; below 0 needs root, and keeps neighbours out"
    )
    arguments = parser.parse_args()
    os.nice(arguments.nice)
    listen, *ports = free_ports(arguments.targets + 1)
    names = [f"t{index:04}" for index in range(arguments.targets)]
    ours, theirs = multiprocessing.Pipe()
    others = multiprocessing.Process(target=agents, args=(theirs, ports), daemon=True)
    others.start()
    ours.recv()
    trunks = [(name, port, "udp") for name, port in zip(names, ports, strict=True)]
    with daemon(dialplan(listen, trunks, f"{{every: {EVERY * 1000:.0f}ms}}")) as process:
        time.sleep(WARM)
        begin, before = time.monotonic(), cpu_seconds(process.pid)
        time.sleep(arguments.seconds)
        end, spent = time.monotonic(), cpu_seconds(process.pid) - before
        ours.send("stop")
        when, which = ours.recv()
    others.join(10)
    late = lateness(when, which, names, begin, end)
    share, p99 = spent / (end - begin), percentile(late, 0.99)
    probes = sum(begin <= at < end for at in when)
    print(
        f"{arguments.targets:,} targets, {probes / (end - begin):,.0f} probes/s, {1 - len(late) / probes:.1%} of them in "
        f"bursts: {share:.0%} of a core, {spent / probes * 1e6:.0f} us a probe\n"
        f"late by {percentile(late, 0.5) * 1000:.1f} / {p99 * 1000:.1f} / {max(late) * 1000:.1f} ms (p50 / p99 / max)"
    )
    return int(share > CORE or p99 >= LATE)


if __name__ == "__main__":
    sys.exit(main())
