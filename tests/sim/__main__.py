"""python -m tests.sim --seed 7 [--hours 24] [--calls 60]: replay a simulated day and print its summary.

On a broken invariant: what is wrong, the ladder of that call, exit code 1.
"""

from __future__ import annotations

import argparse
import sys

from tests.sim.day import Day
from tests.sim.world import Broken


def main() -> int:
    """Run one day; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description="Replay a simulated day.")
    parser.add_argument("--seed", type=int, required=True, help="which day")
    parser.add_argument("--hours", type=float, default=24.0, help="how much of it (24)")
    parser.add_argument("--calls", type=float, default=60.0, help="calls an hour, on average (60)")
    chosen = parser.parse_args()
    try:
        print(Day(chosen.seed, chosen.hours, chosen.calls).run())
    except Broken as broken:
        print(broken, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
