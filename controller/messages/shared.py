"""Evidence as the history holds it, so that all daemons of one store learn from what each of them sees.

Owns its plain form in an audit row. Must not weigh it: that is `health.score`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from controller.messages.cascade import Terms
from controller.types.cascades import CascadeCommand, ObserveOutcome


@dataclass(frozen=True, slots=True)
class Seen:
    """Evidence and where it was seen."""

    outcome: ObserveOutcome
    region: tuple[str, ...]
    weight: float
    circumstances: tuple[str, ...] = ()


def write_down(commands: Iterable[CascadeCommand], terms: Terms) -> dict[str, Any]:
    """What an event told health, as JSON can hold it; empty for nothing."""
    rows = [
        [command.provider, command.code, list(command.after), command.age, command.retry_after, command.attempt]
        for command in commands
        if type(command) is ObserveOutcome
    ]
    if not rows:
        return {}
    under = list(terms.circumstances)
    return {"evidence": rows, "region": list(terms.region), "weight": terms.weight, "circumstances": under}


def read_back(decision: Mapping[str, Any]) -> list[Seen]:
    """The evidence in an audit's decision."""
    return [
        Seen(
            ObserveOutcome(provider, code, tuple(after), *more),  # age, Retry-After, attempt
            tuple(decision["region"]),
            decision["weight"],
            tuple(decision.get("circumstances", ())),
        )
        for provider, code, after, *more in decision.get("evidence", ())
    ]
