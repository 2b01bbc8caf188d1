"""How long commands take that one asks again and again: from the shell to the prompt.

`python -m bench.startup`. The best of several starts, each a process of its own, in seconds of CPU and by the clock; 1 if one of
the small ones takes more than 0.3 s of CPU.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BAR = 0.3  # seconds
STARTS = 7
ROOT = Path(__file__).parents[1]
SMALL = (
    "--version",
    "--help",
    "check --help",
    "status --state-dir {}",
    "drain carrier-a --state-dir {}",
    "calls --state-dir {}",
)
LARGE = ("check dialplans/simple.yaml", "explain dialplans/simple.yaml +15557000", "test dialplans/simple.test.yaml")


def main() -> int:
    """Print the table."""
    slow = False
    print(f"a command from start to end, the best of {STARTS}: seconds of CPU, and by the clock")
    with tempfile.TemporaryDirectory() as folder:
        for words in (*SMALL, *LARGE):
            times = [_measure(words.format(folder).split()) for _ in range(STARTS)]
            cpu, clock = min(cpu for cpu, _ in times), min(clock for _, clock in times)
            slow |= words in SMALL and cpu > BAR
            print(f"  callward {words.format('FOLDER'):<50} {cpu:6.2f} {clock:6.2f}")
    return int(slow)


def _measure(words: list[str]) -> tuple[float, float]:
    begun, before = time.perf_counter(), os.times()
    command = [sys.executable, "-c", "from controller.cli import main; main()", *words]
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu, time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
