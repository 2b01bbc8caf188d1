"""The record of a call that is over: where it went, why, and what came of it."""

from __future__ import annotations

from math import inf

from controller.planes.call import Call
from controller.rules.run import Run
from controller.types import FORBIDDEN, FULL, AttemptRecord, CallRecord, Finish


def make_record(call: Call, run: Run, command: Finish, now: float) -> CallRecord:
    """What became of a call that finishes now."""
    winner = call.attempts[command.winner].path.name if command.winner is not None else None
    kept = [a.id for a in run.attempts.values() if a.id in call.attempts or a.cause == FULL]
    return CallRecord(
        offer=call.offer,
        chain=run.plan.chain,
        status=call.context.final,
        winner=winner,
        cause=command.cause,
        seconds=now - call.started,
        attempts=[
            AttemptRecord(
                run.path_of(a.id).name,
                a.started - call.started,
                a.milestone.name.lower(),
                a.cause,
                _rang(call, a.id),
                a.stands_in_for > 0,
                a.stage + 1,
                kept.index(a.stands_in_for) + 1 if a.stands_in_for in kept else 0,
                _ended(call, a.id, command.winner, now),
            )
            for a in run.attempts.values()
            if a.id in kept
        ],
        skipped=run.plan.skipped,
        panic=run.plan.panic,
        version=run.plan.version,
        decisions=run.plan.decisions,
        demoted=run.plan.demoted,
        refusal=run.plan.refusal.why if command.cause in (FULL, FORBIDDEN) and run.plan.refusal is not None else "",
    )


def _rang(call: Call, number: int) -> float | None:
    attempt = call.attempts.get(number)
    return attempt.rang - call.started if attempt is not None and attempt.rang is not None else None


def _ended(call: Call, attempt: int, winner: int | None, now: float) -> float | None:
    """When an attempt was over or given up, seconds after the offer."""
    if attempt == winner:
        return None
    mine = call.attempts.get(attempt)
    return (now if mine is None or mine.ended == inf else mine.ended) - call.started
