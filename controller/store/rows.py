"""Cascades as rows, and back; plans, which are written once for all cascades that have the same.

Owns the JSON in columns. Must not know either database.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import msgspec
from pydantic_core import from_json, to_json

from controller.messages.cascade import Cascade, Terms, load_terms
from controller.messages.reducer import Reduced
from controller.rules.plain import dump_plan, load_plan
from controller.store.base import Facts, Hear, History
from controller.store.memory import Memory
from controller.store.ops import Body, Fetch, Row
from controller.store.packing import pack, unpack
from controller.store.schema import CASCADE, IDENTITY, PAYLOAD, PLAN, REQUEST
from controller.types import Plan
from controller.types.cascades import Audit, CascadeEvent, CascadeStatus, Circumstances, SendPhase

Reduce = Callable[[Cascade, CascadeEvent, float, Circumstances], Reduced]

#: Sealed addresses by kind, and the sealed text.
People = tuple[Mapping[str, bytes], bytes]

#: So many cascades that are under way are held in memory, or up to twice as many: some 3 kB each.
LIVE = 5_000

_SENDING = SendPhase.SENDING
PLAN_LIFE = 3600.0  # seconds: so long may an acceptance rely on a plan that this process saw written
_HELD_COLUMNS = ("id", "status", "due", "state", "owner")
_KNOWN_COLUMNS = ("id", "tenant", "plan_id", "created", "facts", "terms")


@dataclass(slots=True)
class Known:
    """What of a cascade never changes (but for the operator in its facts)."""

    tenant: str
    plan_id: str
    created: float
    facts: Facts
    terms: Terms


@dataclass(slots=True)
class Held:
    """A cascade that was read, and perhaps locked."""

    cascade: Cascade
    facts: Facts
    owner: str = ""  # whose adapter has a send of it: whoever takes an event about another send does not take it over
    dirty: bool = False


class Books:
    """What the transactions of one store share."""

    def __init__(self, reduce: Reduce, hear: Hear | None, owner: str, *, alone: bool = False) -> None:
        """``alone``: nobody else writes to this database, so what was committed is so until we commit more."""
        self.reduce, self.hear, self.owner, self.alone = reduce, hear, owner, alone
        self.live: Memory[Held] = Memory(LIVE)  # as committed, never changed; used where we are alone
        self.names: Memory[tuple[str, int]] = Memory(4 * LIVE)  # of messages (`spell`): cascade, attempt; the same
        self.known: Memory[Known] = Memory(20_000)
        self.plans: Memory[Plan] = Memory(2_000)
        self.people: Memory[People] = Memory(10_000)  # used where no other daemon can erase anybody
        self._ids: Memory[tuple[Plan, str]] = Memory(2_000)  # by identity: whoever plans may reuse what it made
        self._written: dict[str, float] = {}  # plan -> when it was seen written

    def intern(self, plan: Plan) -> str:
        """The name of a plan: its content decides."""
        place = str(id(plan))
        found = self._ids.get(place)
        if found is not None and found[0] is plan:
            return found[1]
        bare = replace(plan, decisions=(), skipped=(), demoted=())  # those of one offer, and in its history
        name = sha256(dump_json(dump_plan(bare)).encode()).hexdigest()[:32]
        self._ids.put(place, (plan, name))
        if self.plans.get(name) is None:
            self.plans.put(name, bare)
        return name

    def plan_row(self, name: str, now: float) -> tuple[Any, ...] | None:
        """The row of an interned plan if it must be written; None if it is there for sure."""
        if now - self._written.get(name, -PLAN_LIFE) < PLAN_LIFE:
            return None
        plan = self.plans.get(name)
        assert plan is not None
        return name, dump_json(dump_plan(plan)), now

    def spell(self, provider: str, ref: str) -> str:
        """A name of a message, for `names`; neither part holds a zero."""
        return f"{provider}\0{ref}"

    def recall(self, ids: Collection[str]) -> dict[str, Held]:
        """Those of these cascades that need not be read, to be changed."""
        found: dict[str, Held] = {}
        if self.alone:
            for one in ids:
                held = self.live.get(one)
                if held is not None:
                    found[one] = Held(held.cascade.copy(), held.facts, held.owner)
        return found

    def hold(self, held: Held) -> None:
        """It is durable as it is here, and is not changed any more."""
        if held.cascade.status is CascadeStatus.ACTIVE:
            self.live.put(held.cascade.id, held)
        else:
            self.live.forget(held.cascade.id)

    def forget(self) -> None:
        """Somebody else may have written, or rows are gone."""
        self.live.clear()
        self.names.clear()
        self.people.clear()

    def plans_written(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """They are durable."""
        if len(self._written) > 10_000:
            self._written.clear()
        self._written.update((row[0], row[2]) for row in rows)


def dump_json(data: Any) -> str:
    """JSON, compact."""
    return to_json(data).decode()


load_json: Callable[[str], Any] = from_json


def clean(text: str) -> str:
    """Text that both databases can hold: providers send what they like."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


_encode = msgspec.json.Encoder().encode  # of dataclasses, in no time; what is no number would be null


def dump_facts(facts: Facts) -> str:
    """Facts as JSON."""
    return _encode(facts).decode()


def request_row(cascade: Cascade, facts: Facts, idem_key: str, body_hash: str, answer: str) -> tuple[Any, ...]:
    """A row of `REQUEST`."""
    return (
        cascade.id,
        cascade.tenant,
        idem_key or None,
        body_hash,
        answer,
        cascade.plan_id,
        cascade.created,
        cascade.terms.expires,
        dump_facts(facts),
        _encode(cascade.terms).decode(),
    )


def cascade_row(cascade: Cascade, owner: str) -> tuple[Any, ...]:
    """A row of `CASCADE`."""
    sending = bool([True for send in cascade.sends if send.phase is _SENDING])
    return cascade.id, cascade.status._value_, cascade.due, 0.0, owner, int(sending), cascade.ended, pack(cascade)


def audit_row(cascade_id: str, audit: Audit, now: float) -> tuple[Any, ...]:
    """A row of `AUDIT`."""
    return (
        cascade_id,
        now,
        audit.event,
        audit.old,
        audit.new,
        audit.reason,
        audit.attempt,
        audit.provider,
        dump_json(audit.decision) if audit.decision else "{}",
    )


AUDIT_COLUMNS = "event, old, new, reason, attempt, provider, decision"


def load_audit(row: Row) -> Audit:
    """What `audit_row` wrote, from `AUDIT_COLUMNS`."""
    return Audit(row[0], row[1], row[2], row[3], row[4], row[5], load_json(row[6]))


def load_history(row: Row) -> History:
    """A line of the history: seq, at, then `AUDIT_COLUMNS`."""
    return History(row[0], row[1], load_audit(row[2:]))


def read_cascades(books: Books, ids: Collection[str], *, lock: bool = False) -> Body[dict[str, Held]]:
    """Cascades by their ids, those that are there."""
    if not ids:
        return {}
    rows = yield Fetch(CASCADE, _HELD_COLUMNS, ("id",), [(one,) for one in sorted(ids)], lock=lock)
    unknown = [(row[0],) for row in rows if books.known.get(row[0]) is None]
    known: dict[str, Known] = {}
    if unknown:
        for row in (yield Fetch(REQUEST, _KNOWN_COLUMNS, ("id",), unknown)):
            facts, terms = Facts(**load_json(row[4])), load_terms(load_json(row[5]))
            known[row[0]] = Known(row[1], row[2], row[3], facts, terms)
            books.known.put(row[0], known[row[0]])
    for row in rows:
        if row[0] not in known and (one := books.known.get(row[0])) is not None:
            known[row[0]] = one
    plans = yield from _read_plans(books, {one.plan_id for one in known.values()})
    return {row[0]: _hold(row, known[row[0]], plans[known[row[0]].plan_id]) for row in rows if row[0] in known}


def _read_plans(books: Books, names: Collection[str]) -> Body[dict[str, Plan]]:
    plans = {name: plan for name in names if (plan := books.plans.get(name)) is not None}
    missing = [(name,) for name in names if name not in plans]
    if missing:
        for name, body in (yield Fetch(PLAN, ("id", "body"), ("id",), missing)):
            plans[name] = load_plan(load_json(body))
            books.plans.put(name, plans[name])
    return plans


def read_people(ids: Collection[str]) -> Body[dict[str, People]]:
    """Whom cascades are for, and what they say; those that are not purged."""
    keys = [(one,) for one in ids]
    texts = yield Fetch(PAYLOAD, ("cascade_id", "body"), ("cascade_id",), keys)
    found: dict[str, tuple[dict[str, bytes], bytes]] = {row[0]: ({}, row[1]) for row in texts}
    for cascade_id, kind, sealed in (yield Fetch(IDENTITY, ("cascade_id", "kind", "sealed"), ("cascade_id",), keys)):
        if sealed and cascade_id in found:
            found[cascade_id][0][kind] = sealed
    return dict(found)


def _hold(row: Row, known: Known, plan: Plan) -> Held:
    cascade = unpack(
        row[3],
        plan,
        known.terms,
        id=row[0],
        tenant=known.tenant,
        plan_id=known.plan_id,
        status=row[1],
        created=known.created,
        due=row[2],
    )
    return Held(cascade, known.facts, row[4])
