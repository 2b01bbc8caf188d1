"""How long after the first DOWN somebody is paged, and how many pages an outage makes.

`python -m bench.alerting [--trunks 50] [--trials 5]`: the daemon with so many trunks on one socket, which dies; `hold` is
what it is when nobody says otherwise. Times are those of the trunk's own DOWN and of whoever takes the page.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from controller import clock
from tests.ops.alerts_stage import Heard, bulk, people

#: Seconds from the first DOWN to the page at most.
BAR = 6.0


async def measure(folder: Path, trunks: int, trials: int) -> bool:
    """Print each trial; whether all kept the bar."""
    kept = True
    async with people() as here:
        alerts = f"""\
alerts:
  notifiers: {{oncall: {{pagerduty: {{routing_key: key, url: "{here.url}/pd"}}}}}}
  routes: [{{notify: oncall, settle: 2s}}]
"""
        async with bulk(folder, alerts, trunks) as run:
            print(f"{trunks} trunks on one socket")
            print(f"{'trial':>6}{'pages':>7}{'first DOWN to page, s':>24}{'revived to its end, s':>24}")
            for trial in range(1, trials + 1):
                here.heard.clear()
                run.box.kill()
                await here.until(here.actions)
                paged = (
                    clock.epoch() - datetime.fromisoformat(here.at("/pd")[0].body["payload"]["timestamp"]).timestamp()
                )
                run.box.revive()
                revived = clock.epoch()
                await here.until(lambda: here.actions()[-1] == "resolve")
                over = clock.epoch() - revived
                pages = sum(_is_trigger(each) for each in here.at("/pd"))
                good = pages == 1 and paged <= BAR
                kept &= good
                print(f"{trial:>6}{pages:>7}{paged:>24.2f}{over:>24.2f}{'' if good else '  MISSED'}")
    return kept


def _is_trigger(heard: Heard) -> bool:
    return heard.body["event_action"] == "trigger"


def main() -> int:
    """Measure, print, and say by the exit code whether the bar was kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trunks", type=int, default=50)
    parser.add_argument("--trials", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return 0 if asyncio.run(measure(Path(folder), arguments.trunks, arguments.trials)) else 1


if __name__ == "__main__":
    sys.exit(main())
