"""The tables, as data: both databases make theirs of it, and say the same names.

Owns tables, columns, keys and indexes. Must not know SQL of either database beyond the words for types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

VERSION = 1


class Kind(Enum):
    """What a column holds."""

    TEXT = auto()
    INTEGER = auto()
    REAL = auto()  # a double
    BLOB = auto()
    SERIAL = auto()  # counts itself


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """One table, the same only as itself. ``maybe``: columns that may be NULL; all others may not."""

    name: str
    columns: Mapping[str, Kind]
    key: tuple[str, ...]
    maybe: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    partial: tuple[str, ...] = ()  # indexed where they are not NULL

    @property
    def given(self) -> tuple[str, ...]:
        """The columns that whoever inserts gives, in order."""
        return tuple(name for name, kind in self.columns.items() if kind is not Kind.SERIAL)


_T, _I, _R, _B, _S = Kind.TEXT, Kind.INTEGER, Kind.REAL, Kind.BLOB, Kind.SERIAL

META = Table("meta", {"name": _T, "value": _T}, ("name",))

#: Plans, once for all cascades that have the same. `used`: when an acceptance last relied on it.
PLAN = Table("plan", {"id": _T, "body": _T, "used": _R}, ("id",))

#: What was agreed when a cascade was accepted. `facts` alone may change, when a report names the operator.
REQUEST = Table(
    "request",
    {
        "id": _T,
        "tenant": _T,
        "idem_key": _T,
        "body_hash": _T,
        "answer": _T,
        "plan_id": _T,
        "created": _R,
        "expires": _R,
        "facts": _T,
        "terms": _T,
    },
    ("id",),
    maybe=("idem_key",),
    unique=("tenant", "idem_key"),
    indexes=(("tenant", "created"), ("created",)),
)

#: How far it is; written with every event. `taken`: a sweeper has it until then. `sending`: a send is with an adapter.
CASCADE = Table(
    "cascade",
    {
        "id": _T,
        "status": _T,
        "due": _R,
        "taken": _R,
        "owner": _T,
        "sending": _I,
        "ended": _R,
        "state": _T,
    },
    ("id",),
    maybe=("due",),
    partial=("due",),
)

#: Who it is for, and what it says: ciphertext, and the blind index by which a person is found and taken out.
IDENTITY = Table(
    "identity",
    {"cascade_id": _T, "kind": _T, "sealed": _B, "idx": _B},
    ("cascade_id", "kind"),
    indexes=(("idx",),),
)
PAYLOAD = Table("payload", {"cascade_id": _T, "body": _B, "expires": _R}, ("cascade_id",), indexes=(("expires",),))

#: What providers call our messages. Without a cascade: reports (`early`, JSON by line) that came before the name was known.
SENT = Table(
    "sent",
    {"provider": _T, "ref": _T, "cascade_id": _T, "attempt": _I, "early": _T, "at": _R},
    ("provider", "ref"),
    maybe=("cascade_id",),
    partial=("at",),
)

AUDIT = Table(
    "audit",
    {
        "seq": _S,
        "cascade_id": _T,
        "at": _R,
        "event": _T,
        "old": _T,
        "new": _T,
        "reason": _T,
        "attempt": _I,
        "provider": _T,
        "decision": _T,
    },
    ("seq",),
    indexes=(("cascade_id",),),
)

CALLBACK = Table(
    "callback",
    {"number": _S, "tenant": _T, "cascade_id": _T, "body": _T, "tries": _I, "due": _R},
    ("number",),
    indexes=(("due",), ("cascade_id",), ("tenant", "due")),
)

INBOUND = Table(
    "inbound",
    {
        "number": _S,
        "provider": _T,
        "ref": _T,
        "tenant": _T,
        "dest": _T,
        "at": _R,
        "sender": _B,
        "text": _B,
        "idx": _B,
    },
    ("number",),
    maybe=("sender", "text", "idx"),
    unique=("provider", "ref"),
    indexes=(("tenant", "number"), ("idx",)),
)

OPT_OUT = Table("opt_out", {"tenant": _T, "idx": _B, "channel": _T, "at": _R}, ("tenant", "idx", "channel"))

#: What was committed lately, by a word of each transaction's own: asked where the answer to a commit is lost.
LANDED = Table("landed", {"token": _T, "at": _R}, ("token",))

TABLES = (META, PLAN, REQUEST, CASCADE, IDENTITY, PAYLOAD, SENT, AUDIT, CALLBACK, INBOUND, OPT_OUT, LANDED)


def describe(types: Mapping[Kind, str], extra: Mapping[str, str]) -> list[str]:
    """The statements that make all tables. ``types``: the database's words; ``extra``: by table, a column of its own."""
    statements = []
    for table in TABLES:
        columns = [_column(table, name, types[kind]) for name, kind in table.columns.items()]
        if table.name in extra:
            columns.append(extra[table.name])
        if Kind.SERIAL not in table.columns.values():
            columns.append(f"PRIMARY KEY ({', '.join(table.key)})")
        if table.unique:
            columns.append(f"UNIQUE ({', '.join(table.unique)})")
        statements.append(f"CREATE TABLE IF NOT EXISTS {table.name} ({', '.join(columns)})")
        statements += [_index(table, columns) for columns in table.indexes]
        statements += [f"{_index(table, (name,))} WHERE {name} IS NOT NULL" for name in table.partial]
    return statements


def _column(table: Table, name: str, type_: str) -> str:
    return f"{name} {type_}" + ("" if name in table.maybe else " NOT NULL")


def _index(table: Table, columns: tuple[str, ...]) -> str:
    return f"CREATE INDEX IF NOT EXISTS {table.name}_{'_'.join(columns)} ON {table.name} ({', '.join(columns)})"
