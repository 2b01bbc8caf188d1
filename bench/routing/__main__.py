"""`python -m bench.routing`: play, report, draw. 1 if a bar is missed."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter

from bench.routing.picture import draw
from bench.routing.play import Result, play
from bench.routing.policies import POLICIES, Configured
from bench.routing.report import Results, bars, by_kind, table
from bench.routing.scenarios import REPORT, SCENARIOS, TUNING
from bench.routing.timing import measure


def one(scenario: str, seed: int) -> dict[str, Result]:
    """All policies in the same world."""
    world = SCENARIOS[scenario](seed)
    policies = dict(POLICIES)
    if scenario == "trunks":
        policies[Configured.name] = Configured  # calls without `order: best`
    return {name: play(world, policy) for name, policy in policies.items()}


def main() -> int:
    """Play what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.routing", description=__doc__)
    parser.add_argument("scenarios", nargs="*", choices=[*SCENARIOS, []], help="default: all")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(REPORT))
    parser.add_argument("--tuning", action="store_true", help="the seeds for tuning instead of those for reports")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--svg", type=Path, help="draw the curves to this file")
    asked = parser.parse_args()
    seeds = list(TUNING) if asked.tuning else asked.seeds
    began = perf_counter()
    everything: dict[str, Results] = {}
    with ProcessPoolExecutor(asked.jobs) as pool:
        futures = {
            scenario: [pool.submit(one, scenario, seed) for seed in seeds] for scenario in asked.scenarios or SCENARIOS
        }
        for scenario, parts in futures.items():
            played = [part.result() for part in parts]
            everything[scenario] = {name: [run[name] for run in played] for name in played[0]}
            print(
                f"\n## {scenario}: {(SCENARIOS[scenario].__doc__ or '').strip()}\n\n{table(everything[scenario])}",
            )
            print(f"\n{by_kind(everything[scenario])}", flush=True)
    print(f"\nseeds {seeds}, {perf_counter() - began:.0f} s")
    checks = bars(everything)
    took = measure()
    print(
        f"a decision for 10 routes: p50 {took.p50:.0f} us, p99 as met {took.met:.0f} us; an outcome: p99 {took.observed:.0f} us\n"
    )
    checks.append(
        ("a decision for 10 routes within 100 us (p99, undisturbed)", took.quiet <= 100.0, f"{took.quiet:.0f} us")
    )
    for text, held, figure in checks:
        print(f"{'held  ' if held else 'MISSED'} {text}: {figure}")
    if asked.svg:
        asked.svg.write_text(draw(everything))
    return 0 if all(held for _, held, _ in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
