"""What a process costs, as Linux tells it. Elsewhere, or of a process that has gone, nothing is told."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one process; its children count for themselves."""

    cpu: float  # seconds, user and system
    resident: int  # bytes
    start: float  # seconds since the epoch
    files: int | None  # open; None where we may not see them


def cost_of(pid: int) -> Cost | None:
    """None where nobody knows."""
    folder = Path("/proc") / str(pid)
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()  # proc(5); the name may hold anything
        tick = os.sysconf("SC_CLK_TCK")
        cpu = (int(fields[11]) + int(fields[12])) / tick
        start = _booted() + int(fields[19]) / tick
        resident = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
    try:
        files: int | None = sum(1 for _ in (folder / "fd").iterdir())
    except OSError:
        files = None
    return Cost(cpu, resident, start, files)


@cache
def _booted() -> float:
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    raise ValueError("no btime in /proc/stat")
