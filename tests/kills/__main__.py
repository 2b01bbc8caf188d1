"""`python -m tests.kills [--minutes 20] [--kills 100] [--seed 1] [--rate 50]`: no call is lost, on real sockets.

Prints a table by kind of death; exit code 1 if a call was lost or answered twice, any book contradicts another, or calls or deaths are missing.
``--keep DIR`` keeps the evidence: dialplan, the daemon's log, the journals of the phones.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.kills.audit import audit, show
from tests.kills.drill import run


def main() -> int:
    """Run it and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=50.0, help="calls per second")
    parser.add_argument("--keep", type=Path, help="an empty folder for the evidence")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        outcome = asyncio.run(
            run(
                folder,
                seed=options.seed,
                count=options.kills,
                seconds=60 * options.minutes,
                rate=options.rate,
                tell=lambda line: print(line, file=sys.stderr, flush=True),
            )
        )
    report = audit(outcome)
    print(show(report))
    whole = len(report.kills) == options.kills and len(report.verdicts) == round(60 * options.minutes * options.rate)
    return 1 if report.wrong or not whole else 0


if __name__ == "__main__":
    sys.exit(main())
