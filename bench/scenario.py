"""How many tests of dialplans are played in a second of CPU?

`python -m bench.scenario [--rounds 5]` plays the tests that ship with the examples, again and again, in one process; files are
read once, and not counted. The bar is 100 in a second of CPU.
"""

from __future__ import annotations

import argparse
import resource
import sys
from pathlib import Path

from controller.scenario.read import read_suite
from controller.scenario.run import run_suite

DIALPLANS = Path(__file__).parents[1] / "dialplans"
BAR = 100.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    suites = [read_suite(path) for path in sorted(DIALPLANS.glob("*.test.yaml"))]
    for suite in suites:
        list(run_suite(suite))  # tables of countries and the like
    total = spent = 0.0
    for suite in suites:
        begun, played = _cpu(), 0
        for _ in range(rounds):
            played += len(list(run_suite(suite)))
        seconds = _cpu() - begun
        print(f"{Path(suite.file).name:32} {seconds / played * 1000:6.2f} ms of CPU each")
        total, spent = total + played, spent + seconds
    print(f"{total:.0f} tests, {total / spent:.0f} in a second of CPU")
    return int(total / spent < BAR)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
