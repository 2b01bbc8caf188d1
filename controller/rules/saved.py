"""The state of a run as plain data, and back: what a row holds between two events.

Owns the shape of that data; attempts have theirs in rules.attempt, plans in rules.plain. Must not decide anything.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from controller.rules.attempt import dump_attempt, load_attempt

if TYPE_CHECKING:
    from controller.rules.run import Run


def dump_state(run: Run) -> dict[str, Any]:
    """All of a run but its plan: dicts, lists, strings, numbers, None for never."""
    return {
        "attempts": [dump_attempt(attempt) for attempt in run.attempts.values()],
        "stage": run.stage,
        "opened": [None if when == inf else when for when in run.opened],
        "cursors": [list(row) for row in run.cursors],
        "orders": [[*place, *order] for place, order in run.orders.items()],
        "joins": [None if when == inf else when for when in run.joins],
        "lost": sorted(run.lost),
        "happened": sorted(run.happened),
        "hunting": run.hunting,
        "finished": run.finished,
        "winner": run.winner,
        "cause": run.cause,
    }


def load_state(run: Run, data: dict[str, Any]) -> None:
    """Put into a new run of the same plan what `dump_state` took from another."""
    for row in data["attempts"]:
        attempt = load_attempt(row)
        run.attempts[attempt.id] = attempt
    run.stage, run.cursors = data["stage"], [list(row) for row in data["cursors"]]
    run.orders = {(row[0], row[1]): row[2:] for row in data["orders"]}
    run.opened = [inf if when is None else when for when in data["opened"]]
    run.joins = [inf if when is None else when for when in data["joins"]]
    run.lost, run.happened = set(data["lost"]), set(data["happened"])
    run.hunting, run.finished = data["hunting"], data["finished"]
    run.winner, run.cause = data["winner"], data["cause"]
