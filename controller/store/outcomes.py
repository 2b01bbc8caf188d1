"""Rows for figures (`messages.figures.rows_of`): nobody's number, address or text is in them.

Owns how they are read. Must not compute figures.
"""

from __future__ import annotations

from typing import Any

from controller.messages.figures import rows_of
from controller.store.ops import Ask, Body
from controller.store.packing import name_sends
from controller.store.rows import load_json

_READ = (
    "SELECT r.id, r.tenant, c.status, r.created, c.state, r.terms, r.facts FROM request r JOIN cascade c ON c.id = r.id"
    " WHERE r.created >= $1 AND r.created < $2 ORDER BY r.created, r.id"
)


def read_outcomes(since: float, until: float) -> Body[list[dict[str, Any]]]:
    """Of all cascades that were accepted in [since, until), in that order."""
    outcomes: list[dict[str, Any]] = []
    for cascade_id, tenant, status, created, state, terms, facts in (yield Ask(_READ, (since, until))):
        outcomes += rows_of(cascade_id, tenant, status, created, name_sends(state), load_json(terms), load_json(facts))
    return outcomes
