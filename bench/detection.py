"""How fast a dead trunk is found, and how often a living one is told dead.

`python -m bench.detection [--trials 1000]` plays each kind of failure to the real engine in virtual time, and 30 trials
on real sockets to a real daemon, whose log tells when. `python -m bench.detection --days 30 --targets 20` lets trunks live
on bad links for a virtual month (about eight minutes on two idle cores).
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from multiprocessing import Pool

from bench import drills, false_alarms
from bench.failures import FAILURES, play

_HEADINGS = ("ms until DOWN", "p50", "p99", "max", "DOWN", "bar")


def percentile(values: list[float], share: float) -> float:
    """The smallest value that so large a share is not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def row(name: str, times: list[float | None], bar: float | None, dies: bool) -> bool:
    """Print one line; whether it keeps its bar."""
    found = [time for time in times if time is not None]
    kept = len(found) == (len(times) if dies else 0)
    figures = ["-"] * 3
    if found:
        p99 = percentile(found, 0.99)
        figures = [f"{value * 1000:.0f}" for value in (percentile(found, 0.5), p99, max(found))]
        kept = kept and (bar is None or p99 <= bar)
    wanted = f"p99 {bar * 1000:.0f}" if bar else "" if dies else "never"
    columns = (*figures, f"{len(found)}/{len(times)}", wanted, "" if kept else "MISSED")
    print(f"{name:54}" + "".join(f"{column:>10}" for column in columns).rstrip())
    return kept


def main() -> int:
    """Measure, print, and say by the exit code whether all bars were kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000, help="of each kind of failure, in virtual time")
    parser.add_argument("--real", type=int, default=30, help="trials on real sockets")
    parser.add_argument("--days", type=float, help="virtual days that living trunks spend on bad links")
    parser.add_argument("--targets", type=int, default=20)
    parser.add_argument("--jitter", type=float, default=false_alarms.JITTER, help="seconds")
    arguments = parser.parse_args()
    if arguments.days:
        return false_alarms.run(arguments.days, arguments.targets, arguments.jitter)

    print(f"{_HEADINGS[0]:54}" + "".join(f"{heading:>10}" for heading in _HEADINGS[1:]))
    kept = True
    with Pool(2) as pool:
        played = pool.imap(partial(play, trials=arguments.trials), FAILURES, chunksize=1)
        for failure, times in zip(FAILURES, played, strict=True):
            kept &= row(failure.name, times, failure.bar, failure.dies)
    if arguments.real:
        for name, times in drills.run(arguments.real).items():
            kept &= row(f"real: {name}", times, None, dies=True)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
