"""What a dialplan promises in seconds: how fast a dead trunk is noticed, how long a caller may wait.

Owns the arithmetic that `check` prints and lint uses. Pure functions of the compiled dialplan.
"""

from __future__ import annotations

from controller.health.detector import JITTER, LEAST_TIMEOUT, misses_for
from controller.health.loss import misses_at
from controller.types import Chain, Mode, Probe, Stage


def detection_time(probe: Probe, loss: float = 0.0) -> float:
    """Seconds until a trunk that falls silent is DOWN, at the worst moment.

    It dies right after an answer: the next probe is due after ``every`` (5 % early or late, as the one before) and
    missed ``timeout`` later, for `auto` as on a path of a few milliseconds; the other misses follow ``burst`` apart.
    With the defaults 1.1 x 0.25 + 0.05 + 15 x 0.03 = 0.775 s. ``loss`` is the share of probes that go unanswered.
    """
    timeout = probe.timeout if probe.timeout is not None else LEAST_TIMEOUT
    misses = misses_for(probe, misses_at(loss) if loss else 0)
    return probe.every * (1 + 2 * JITTER) + timeout + (misses - 1) * probe.burst


def ringing_time(stage: Stage) -> float:
    """Seconds that a stage takes when everybody's phone rings and nobody answers."""
    return stage.ring * len(stage.targets) if stage.mode is Mode.SEQUENTIAL else stage.ring


def stage_starts(chain: Chain) -> list[float]:
    """For each stage, the seconds after which it begins when every phone before it rings and nobody answers."""
    starts, start = [], 0.0
    for stage in chain.stages:
        starts.append(start)
        start += ringing_time(stage)
    return starts


def worst_wait(chain: Chain) -> float:
    """Seconds that a caller waits at most until the chain is exhausted.

    In a sequential stage each target rings its whole turn, after every other path to it was heard of but brought no
    ringing for ``no_progress``. The other modes end together, ``ring`` after the stage began.
    """
    return sum(
        ringing_time(stage)
        + (
            sum(len(target.paths) - 1 for target in stage.targets) * stage.no_progress
            if stage.mode is Mode.SEQUENTIAL
            else 0
        )
        for stage in chain.stages
    )
