"""The calls of this moment, and who is where: what `callward calls --live` and those who follow the wire are shown.

Owns the pictures as plain data. Numbers stand there as they are: whoever shows them masks them. Must not judge.
"""

from __future__ import annotations

from typing import Any

from controller.engine import Engine
from controller.planes.calls import Calls
from controller.rules.attempt import AttemptState
from controller.rules.expand import common_name
from controller.rules.run import Run
from sip.text import clean, legible

#: So many of each kind are shown.
MOST = 300


def collect_calls(engine: Engine, now: float) -> dict[str, Any]:
    """``ringing`` are being set up, ``up`` were answered and are not known to be over: the longest of each first. Times are
    seconds; ``more`` says how many of each are not shown."""
    calls, up = engine.plane.calls, engine.switchboard.usage.up.copy()
    ringing = _ringing(engine, calls, now)
    return {
        "ringing": ringing,
        "up": [
            {"trunk": common_name(row.trunk), "seconds": round(now - row.since, 3)} for row in [*up.values()][:MOST]
        ],
        "more": {"ringing": len(calls) - len(ringing), "up": max(0, len(up) - MOST)},
    }


def _ringing(engine: Engine, calls: Calls, now: float) -> list[dict[str, Any]]:
    found = []
    for call in [*calls.by_offer.values()][:MOST]:
        run = engine.switchboard.runs.get(call.offer.id)
        if run is None:
            continue
        offer = call.offer
        found.append(
            {
                "call": clean(legible(offer.id)),
                "did": offer.did,
                "caller": offer.caller,
                "from_trunk": offer.trunk,
                "moment": offer.moment,
                "chain": run.plan.chain,
                "seconds": round(now - call.started, 3),
                "attempts": _attempts(run, call.started),
            }
        )
    return found


def _attempts(run: Run, started: float) -> list[dict[str, Any]]:
    return [
        {
            "path": run.path_of(each.id).name,
            "at": round(each.started - started, 4),
            "milestone": each.milestone.name.lower(),
            "cause": each.cause,
            "open": each.state is AttemptState.OPEN,
        }
        for each in run.attempts.values()
    ]


def describe_wire(engine: Engine) -> dict[str, list[list[Any]]]:
    """Who is where, as `controller.tap` tells it: ``ours`` by listener, ``peers`` by the names that operators gave them."""
    return {
        "ours": [[transport, name, hop.host, hop.port] for (transport, name), hop in engine.element.listeners.items()],
        "peers": [[hop.host, hop.port, hop.transport, common_name(name)] for name, hop in engine.plane.hops.items()],
    }
