"""A large dialplan: what `check` and the daemon take for 10,000 numbers, beside what PyYAML alone takes to read them.

`python -m bench.config`. Seconds of CPU, the best of three rounds: of reading and checking, findings included; of the whole
`callward check`; and of a daemon until it answers, at its first start and again. 1 if a bar is missed.
"""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import yaml

from controller.config import compile_text
from controller.config.schema import show_schema

HEAD = """\
version: 1
listen: [{udp: "127.0.0.1:5060"}]
trunks:
  carrier-a: {uri: "sip:192.0.2.1", carrier: a}
  carrier-b: {uri: "sip:192.0.2.2", carrier: b}
endpoints:
  desk: {user: "100", via: [carrier-a, carrier-b]}
  answering: {number: "+15550199", via: [carrier-b, carrier-a], live: true}
chains:
  main: [{ring: [desk], for: 10s}, {ring: [answering]}]
routes:
"""
COUNTS = (1_000, 10_000)
DIDS_OF_A_CUSTOMER = 10
CHECKED, LOADED = 3.0, 2.0  # seconds of CPU: bars


def one_chain(count: int) -> str:
    """So many numbers of one company."""
    return HEAD + "".join(f'  - {{did: "+1555{n:07d}", chain: main}}\n' for n in range(count))


def customers(count: int) -> str:
    """So many numbers of customers, each with a desk, a mobile, hours and a chain of three stages."""
    head, _, _ = HEAD.partition("endpoints:")
    each = range(count // DIDS_OF_A_CUSTOMER)
    return "".join(
        (
            head,
            'hours:\n  office: {zone: America/New_York, holidays: US, open: {mon-fri: "08:00-18:00"}}\n',
            'endpoints:\n  answering: {number: "+15550199", via: [carrier-b, carrier-a], live: true}\n',
            *(
                f'  desk-{n}: {{user: "{1000 + n}", via: [carrier-a, carrier-b]}}\n'
                f'  mobile-{n}: {{number: "+1212{n * 7919 % 10_000_000:07d}", via: [carrier-b, carrier-a]}}\n'
                for n in each
            ),
            "chains:\n",
            *(
                f"  of-{n}:\n    - {{ring: [desk-{n}], for: 15s, when: {{hours: office}}}}\n"
                f"    - {{ring: [mobile-{n}]}}\n    - {{ring: [answering]}}\n"
                for n in each
            ),
            "routes:\n",
            *(f'  - {{did: "+1555{n:07d}", chain: of-{n // DIDS_OF_A_CUSTOMER}}}\n' for n in range(count)),
        )
    )


def seconds(step: Callable[[], object]) -> float:
    """The best of three rounds."""
    rounds = []
    for _ in range(3):
        began = time.process_time()
        step()
        rounds.append(time.process_time() - began)
    return min(rounds)


def of_process(*command: str) -> float:
    """Seconds of CPU that a command takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def of_daemon(folder: Path, text: str) -> tuple[float, float]:
    """Seconds of CPU of a daemon until it answers: as it reads the file, and as it finds it compiled."""
    from bench.restart import time_start

    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ping,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free,
    ):
        ping.bind(("127.0.0.1", 0))
        ping.settimeout(0.005)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        file = folder / "daemon.yaml"
        trunk = f'"sip:127.0.0.1:{ping.getsockname()[1]}"'
        file.write_text(text.replace("127.0.0.1:5060", f"127.0.0.1:{port}").replace('"sip:192.0.2.1"', trunk))
        first, again = (time_start(file, folder / "state", port, ping, stay)[1] for stay in (3.0, 0.0))
    return first, again


def main() -> int:
    """Print the table; 1 if a bar is missed."""
    show_schema()  # what is made once is not what is measured
    print("a dialplan checked and compiled, seconds of CPU")
    print(f"  {'':<10} {'DIDs':>8} {'callward':>10} {'PyYAML':>10} {'ratio':>8}")
    ours = 0.0
    for kind in (one_chain, customers):
        for count in COUNTS:
            text = kind(count)
            loaded = compile_text(text, "bench.yaml")
            assert loaded.dialplan is not None
            assert not loaded.diagnostics
            assert len(loaded.dialplan.routes) == count
            ours = seconds(partial(compile_text, text, "bench.yaml"))
            theirs = seconds(partial(yaml.compose, text, yaml.CSafeLoader))
            print(f"  {kind.__name__:<10} {count:>8,} {ours:>10.2f} {theirs:>10.2f} {ours / theirs:>8.1f}")
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "customers.yaml"
        file.write_text(customers(COUNTS[-1]))
        checked = min(
            of_process(sys.executable, "-m", "controller.cli", "check", str(file), "--json") for _ in range(3)
        )
        first, again = of_daemon(Path(name), file.read_text())
    print(f"  callward check, customers, {COUNTS[-1]:,} DIDs: {checked:.2f} (bar {CHECKED:g})")
    print(
        f"  the daemon until it answers, customers, {COUNTS[-1]:,} DIDs: {first:.2f} (bar {LOADED:g}), again {again:.2f}"
    )
    return int(checked > CHECKED or first > LOADED)


if __name__ == "__main__":
    sys.exit(main())
