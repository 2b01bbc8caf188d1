"""What a dialplan promises in seconds: how fast a dead trunk is noticed, how long a caller may wait.

Owns the arithmetic that `check` prints and lint uses. Pure functions of the compiled dialplan.
"""

from __future__ import annotations

from controller.types import Chain, Mode, Probe, Stage


def detection_time(probe: Probe) -> float:
    """Seconds until a trunk that falls silent is DOWN, at the worst moment and without loss.

    It dies right after an answer: the next probe is due after ``every`` and missed ``timeout`` later; the other
    misses follow ``burst`` apart. With the defaults 0.25 + 0.2 + 7 x 0.05 = 0.8 s.
    """
    return probe.every + probe.timeout + (probe.misses - 1) * probe.burst


def longest_stage(stage: Stage) -> float:
    """Seconds after which a stage is over at the latest."""
    return stage.ring * len(stage.targets) if stage.mode is Mode.SEQUENTIAL else stage.ring


def stage_starts(chain: Chain) -> list[float]:
    """For each stage, the seconds after which it begins at the latest."""
    starts, start = [], 0.0
    for stage in chain.stages:
        starts.append(start)
        start += longest_stage(stage)
    return starts


def worst_wait(chain: Chain) -> float:
    """Seconds that a caller waits at most until the chain is exhausted: every target rings and nobody answers."""
    return sum(longest_stage(stage) for stage in chain.stages)
