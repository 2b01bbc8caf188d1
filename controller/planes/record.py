"""The record of a call that is over: where it went, why, and what came of it."""

from __future__ import annotations

from controller.planes.call import Call
from controller.rules.run import Run
from controller.types import FORBIDDEN, FULL, AttemptRecord, CallRecord, Finish


def make_record(call: Call, run: Run, command: Finish, now: float) -> CallRecord:
    """What became of a call that finishes now."""
    winner = call.attempts[command.winner].path.name if command.winner is not None else None
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
            )
            for a in run.attempts.values()
            if a.id in call.attempts or a.cause == FULL
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
