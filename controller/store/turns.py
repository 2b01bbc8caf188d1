"""The queue of callbacks: which are due, taken so that no other daemon has them as well.

Owns whose turn it is. A tenant that is left out costs nothing: what is due of it, which may be very much, is not looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from controller.store.ops import Ask, Body, Change, Row
from controller.store.schema import CALLBACK

CALLBACK_CLAIM = 30.0  # seconds: longer than any tenant may take to listen

_DUE = "SELECT number, tenant, cascade_id, body, tries FROM callback WHERE due <= $1"


def take_callbacks(now: float, limit: int, but: Collection[str]) -> Body[list[tuple[int, str, str, str, int]]]:
    """As `base.Store.due_callbacks` says. One that is not done within `CALLBACK_CLAIM` is given out again."""
    rows = yield from (_of_some(now, limit, but) if but else _of_all(now, limit))
    if rows:
        yield Change(CALLBACK, ("number",), ("due",), sorted((row[0], now + CALLBACK_CLAIM) for row in rows))
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]


def _of_all(now: float, limit: int) -> Body[Sequence[Row]]:
    return (yield Ask(f"{_DUE} ORDER BY due, number LIMIT $2 {{skip}}", (now, limit)))


def _of_some(now: float, limit: int, but: Collection[str]) -> Body[Sequence[Row]]:
    """From one name of a tenant to the next, by the index of both: each has its share of what is taken."""
    found: list[Row] = []
    tenant = ""
    while len(found) < limit:
        following = yield Ask("SELECT min(tenant) FROM callback WHERE tenant > $1", (tenant,))
        if not following or following[0][0] is None:
            break
        tenant = following[0][0]
        if tenant not in but:
            of_one = f"{_DUE} AND tenant = $2 ORDER BY due, number LIMIT $3 {{skip}}"
            found += yield Ask(of_one, (now, tenant, limit))
    return found[:limit]
