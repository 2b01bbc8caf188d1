"""The gate before and behind a run: whether an offer has room, and whether an attempt has when it is to start.

Owns the moment at which lines are given and taken back. The plan has left out what was full when the call came in; a
stage that is reached a minute later, or the third phone of a group, may find its trunk full all the same. The run hears
of such an attempt as of any that fails, with the cause `FULL`. Whoever drives runs lets their commands pass here.
"""

from __future__ import annotations

from controller.rules.run import Run
from controller.rules.usage import Full, Usage
from controller.types import (
    FORBIDDEN,
    FULL,
    AttemptFailed,
    CancelAttempt,
    Dialplan,
    Offer,
    Refusal,
    Route,
    RunCommand,
    StartAttempt,
)

#: Emergency numbers wherever one is; of a country that an outbound route names, its own as well.
EMERGENCY = frozenset(("112", "911"))


def prepare(dialplan: Dialplan) -> None:
    """Load the tables that numbers are read by, where calls out need them: no call waits for a file."""
    routes = (route for by_trunk in dialplan.outbound.values() for route in by_trunk.values())
    tolls = [route.tolls for route in routes if route.tolls is not None]
    if tolls:
        from controller.rules.tolls import warm  # some 40 ms: only where a dialplan asks

        warm({country for each in tolls for country in each.countries})


def let_in(usage: Usage, route: Route, offer: Offer, now: float) -> Full:
    """Count an offer that takes a route, and say what has no room for it; what may not be dialled is not counted."""
    why, urgent = "", route.outbound and offer.did in EMERGENCY
    if route.tolls is not None and not urgent:
        from controller.rules.tolls import is_emergency, why_refused  # loaded by `prepare`

        urgent = is_emergency(offer.did, route.tolls.countries)
        why = why_refused(route.tolls, offer.did)
    return Full(refusal=Refusal(FORBIDDEN, 403, why)) if why else usage.enter(offer, route, now, urgent=urgent)


def pass_on(run: Run, run_id: str, commands: list[RunCommand], usage: Usage, now: float) -> list[RunCommand]:
    """What is to be done of a run's commands, and of those that follow where a start is refused."""
    allowed: list[RunCommand] = []
    refused: list[int] = []
    while commands:
        turned_away: list[int] = []
        for command in commands:
            if isinstance(command, StartAttempt):
                if not usage.start(run_id, command.attempt, command.path.trunk, now):
                    turned_away.append(command.attempt)
                    continue
            elif isinstance(command, CancelAttempt):
                if command.attempt in turned_away or command.attempt in refused:
                    continue  # it never was
                usage.stop(run_id, command.attempt)
            allowed.append(command)
        refused += turned_away
        commands = []
        for number in turned_away:
            commands += run.handle(AttemptFailed(number, FULL), now)
    return allowed
