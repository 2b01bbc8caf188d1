"""The state of a run as plain data, and back: what a row holds between two events.

Owns the shape of that data; attempts have theirs in rules.attempt, plans in rules.plain. Must not decide anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from math import inf
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from controller.rules.attempt import Attempt, dump_attempt, load_attempt

if TYPE_CHECKING:
    from controller.rules.run import Run


_of_attempt: Callable[[Attempt], tuple[Any, ...]] = attrgetter(*(one.name for one in fields(Attempt)))


def copy_run(run: Run) -> Run:
    """The same run of the same plan; neither sees what becomes of the other one."""
    other = object.__new__(type(run))  # all that `__init__` makes is set here
    other.plan, other.behind = run.plan, run.behind
    other.attempts = {number: Attempt(*_of_attempt(attempt)) for number, attempt in run.attempts.items()}
    other.stage, other.cursors = run.stage, [row[:] for row in run.cursors]
    other.orders = {place: order[:] for place, order in run.orders.items()} if run.orders else {}
    other.opened, other.joins = run.opened[:], run.joins[:]
    other.lost, other.happened = set(run.lost), set(run.happened)
    other.hunting, other.finished = run.hunting, run.finished
    other.winner, other.cause = run.winner, run.cause
    return other


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
