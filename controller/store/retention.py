"""What is forgotten, and when: texts and identities after their window, a person who asks for it, rows in the end.

Owns the order: texts before identities, both before rows. Each step does a little and says how much; at 0 it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from controller.store.ops import Ask, Body, Remove
from controller.store.packing import name_sends
from controller.store.rows import PLAN_LIFE
from controller.store.schema import AUDIT, CALLBACK, CASCADE, IDENTITY, INBOUND, LANDED, PAYLOAD, PLAN, REQUEST, SENT

SOME = 500  # rows a step: others want to write as well
DAY = 86_400.0
DEFAULT_KEEP = 30 * DAY
EARLY_KEEP = DAY  # of reports about messages that nobody ever named
LANDED_KEEP = 600.0  # of transactions: whoever wants to know asks within seconds
Step = Callable[[], Body[int]]


def steps(now: float, grace: float, keep: Mapping[str, float]) -> Iterator[tuple[str, Step]]:
    """All that is to be forgotten now, by name. ``keep``: seconds by tenant, "" for those that it does not name."""
    yield "identities", partial(_drop_people, now - grace)
    named = sorted(set(keep) - {""})
    for tenant in named:
        yield "cascades", partial(_drop_cascades, now - keep[tenant], "r.tenant = $3", (tenant,))
        yield "messages", partial(_drop_inbound, now - keep[tenant], "tenant = $3", (tenant,))
    others = keep.get("", DEFAULT_KEEP)
    marks = ", ".join(f"${number}" for number in range(3, 3 + len(named)))
    yield "cascades", partial(_drop_cascades, now - others, f"r.tenant NOT IN ({marks})" if named else "1 = 1", named)
    yield "messages", partial(_drop_inbound, now - others, f"tenant NOT IN ({marks})" if named else "1 = 1", named)
    yield "reports", partial(_drop_early, now - EARLY_KEEP)
    yield "transactions", partial(_drop_landed, now - LANDED_KEEP)
    yield "plans", partial(_drop_plans, now - 2 * PLAN_LIFE)  # clocks of daemons may differ


def erase(index: bytes) -> Body[int]:
    """Take a person out; how many cascades knew the person."""
    rows = yield Ask("SELECT cascade_id FROM identity WHERE idx = $1", (index,))
    keys = [(one,) for one in sorted({row[0] for row in rows})]
    if keys:
        yield Remove(PAYLOAD, ("cascade_id",), keys)
        yield Remove(IDENTITY, ("cascade_id",), keys)
    yield Ask("UPDATE inbound SET sender = NULL, text = NULL, idx = NULL WHERE idx = $1", (index,))
    return len(keys)


def _drop_people(before: float) -> Body[int]:
    rows = yield Ask("SELECT cascade_id FROM payload WHERE expires <= $1 ORDER BY expires LIMIT $2", (before, SOME))
    keys = [(row[0],) for row in rows]
    if keys:
        yield Remove(PAYLOAD, ("cascade_id",), keys)
        yield Remove(IDENTITY, ("cascade_id",), keys)
    return len(keys)


def _drop_cascades(before: float, whose: str, tenants: tuple[str, ...] | list[str]) -> Body[int]:
    rows = yield Ask(
        "SELECT r.id, c.state FROM request r JOIN cascade c ON c.id = r.id"
        f" WHERE r.created <= $1 AND c.ended <= $1 AND c.status <> 'active' AND {whose} LIMIT $2",
        (before, SOME, *tenants),
    )
    if not rows:
        return 0
    keys = sorted((row[0],) for row in rows)
    sends = [send for row in rows for send in name_sends(row[1])["sends"] if send["ref"]]
    yield Remove(CASCADE, ("id",), keys)
    yield Remove(SENT, ("provider", "ref"), sorted({(send["provider"], send["ref"]) for send in sends}))
    for table in (PAYLOAD, IDENTITY, AUDIT, CALLBACK):
        yield Remove(table, ("cascade_id",), keys)
    yield Remove(REQUEST, ("id",), keys)
    return len(keys)


def _drop_inbound(before: float, whose: str, tenants: tuple[str, ...] | list[str]) -> Body[int]:
    rows = yield Ask(f"SELECT number FROM inbound WHERE at <= $1 AND {whose} LIMIT $2", (before, SOME, *tenants))
    yield Remove(INBOUND, ("number",), [(row[0],) for row in rows])
    return len(rows)


def _drop_early(before: float) -> Body[int]:
    rows = yield Ask("SELECT provider, ref FROM sent WHERE cascade_id IS NULL AND at <= $1 LIMIT $2", (before, SOME))
    yield Remove(SENT, ("provider", "ref"), sorted((row[0], row[1]) for row in rows))
    return len(rows)


def _drop_plans(before: float) -> Body[int]:
    """Those that no acceptance relied on since, and that are older than any cascade that is left."""
    rows = yield Ask(
        "SELECT p.id FROM plan p WHERE p.used <= $1"
        " AND NOT EXISTS (SELECT 1 FROM request r WHERE r.created <= p.used + $2) LIMIT $3",
        (before, PLAN_LIFE, SOME),
    )
    yield Remove(PLAN, ("id",), sorted((row[0],) for row in rows))
    return len(rows)


def _drop_landed(before: float) -> Body[int]:
    rows = yield Ask("SELECT token FROM landed WHERE at <= $1 LIMIT $2", (before, SOME))
    yield Remove(LANDED, ("token",), sorted((row[0],) for row in rows))
    return len(rows)
