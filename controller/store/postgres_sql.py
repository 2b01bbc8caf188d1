"""PostgreSQL's words for what a transaction asks: always one statement, however many rows.

Owns the SQL text, made once for each shape of operation. Rows travel as one array a column.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol, TypeVar

from controller.store.ops import Ask, Body, Change, Fetch, Insert, Op, Remove, Row, Together
from controller.store.schema import AUDIT, CALLBACK, INBOUND, LANDED, Kind, Table

T = TypeVar("T")

TYPES = {
    Kind.TEXT: "text",
    Kind.INTEGER: "bigint",
    Kind.REAL: "double precision",
    Kind.BLOB: "bytea",
    Kind.SERIAL: "bigint GENERATED ALWAYS AS IDENTITY",
}

#: The history is read in the order in which transactions became visible for sure: see `PostgresStore.outcomes_after`.
EXTRA = {
    AUDIT.name: "tx xid8 NOT NULL DEFAULT pg_current_xact_id(), PRIMARY KEY (tx, seq)",
    CALLBACK.name: "PRIMARY KEY (number)",
    INBOUND.name: "PRIMARY KEY (number)",
}


class Connection(Protocol):
    """The part of asyncpg's that is used here."""

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        """Run a statement."""


class Session:
    """One transaction, or one look, on a connection. Once it has written `Together`, its ``number`` is known, and its
    ``token`` is in `schema.LANDED` if it is committed: a server that crashed may give numbers again."""

    __slots__ = ("_connection", "number", "token")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.number, self.token = "", secrets.token_hex(12)

    async def drive(self, body: Body[T]) -> T:
        """Run a body to its end. Raises what asyncpg or the body raises."""
        try:
            op = next(body)
            while True:
                op = body.send(await self._perform(op))
        except StopIteration as stop:
            result: T = stop.value
            return result

    async def _perform(self, op: Op) -> Sequence[Row]:
        fetch = self._connection.fetch
        match op:
            case Fetch(table=table, columns=columns, by=by, keys=keys, lock=lock):
                return await fetch(_select(table, columns, by, lock), *_turn(keys))
            case Insert(table=table, rows=rows, merge=merge, returning=returning):
                return await fetch(_insert(table, merge, returning), *_turn(rows))
            case Change(table=table, by=by, columns=columns, rows=rows):
                return await fetch(_update(table, by, columns), *_turn(rows))
            case Remove(table=table, by=by, keys=keys):
                return await fetch(_delete(table, by), *_turn(keys)) if keys else ()
            case Ask(sql=sql, args=args):
                return await fetch(_portable(sql), *args)
            case Together(ops=ops):
                given = [column for one in ops for column in _turn(one.rows)]
                self.number = (await fetch(_together(tuple(map(_shape, ops))), *given, self.token))[0][0]
                return ()


def _turn(rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Rows into columns."""
    return list(zip(*rows, strict=True))


@cache
def _portable(sql: str) -> str:
    return sql.replace("{skip}", "FOR UPDATE SKIP LOCKED")


@cache
def _select(table: Table, columns: tuple[str, ...], by: tuple[str, ...], lock: bool) -> str:
    listed = ", ".join(f"t.{column}" for column in columns)
    sql = f"SELECT {listed} FROM {table.name} t WHERE {_where(table, by)}"
    return sql + (f" ORDER BY {', '.join(f't.{column}' for column in by)} FOR UPDATE" if lock else "")


@cache
def _insert(table: Table, merge: str, returning: tuple[str, ...], first: int = 1) -> str:
    given = ", ".join(table.given)
    sql = f"INSERT INTO {table.name} ({given}) SELECT * FROM unnest({_arrays(table, table.given, first)})"
    if merge:
        sql += f" ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {merge}"
    return sql + (f" RETURNING {', '.join(f'{table.name}.{name}' for name in returning)}" if returning else "")


@cache
def _update(table: Table, by: tuple[str, ...], columns: tuple[str, ...], first: int = 1) -> str:
    names = (*by, *columns)
    assigned = ", ".join(f"{column} = k.{column}" for column in columns)
    same = " AND ".join(f"t.{column} = k.{column}" for column in by)
    given = f"unnest({_arrays(table, names, first)}) AS k({', '.join(names)})"
    return f"UPDATE {table.name} t SET {assigned} FROM {given} WHERE {same}"


#: Table, and for a change by what and which columns.
_Shape = tuple[Table, tuple[str, ...], tuple[str, ...]]


def _shape(op: Insert | Change) -> _Shape:
    return (op.table, op.by, op.columns) if isinstance(op, Change) else (op.table, (), ())


@cache
def _together(shapes: tuple[_Shape, ...]) -> str:
    """One statement; its answer is the number of the transaction."""
    parts: list[str] = []
    first = 1
    for table, by, columns in shapes:
        sql = _update(table, by, columns, first) if by else _insert(table, "", (), first)
        parts.append(f"w{len(parts)} AS ({sql})")
        first += len(by) + len(columns) if by else len(table.given)
    landed = (
        f"INSERT INTO {LANDED.name} VALUES (${first}, extract(epoch FROM now())) RETURNING pg_current_xact_id()::text"
    )
    return f"WITH {', '.join(parts)} {landed}" if parts else landed


@cache
def _delete(table: Table, by: tuple[str, ...]) -> str:
    return f"DELETE FROM {table.name} t WHERE {_where(table, by)}"


def _where(table: Table, by: tuple[str, ...]) -> str:
    if len(by) == 1:
        return f"t.{by[0]} = ANY({_arrays(table, by)})"
    return f"({', '.join(f't.{column}' for column in by)}) IN (SELECT * FROM unnest({_arrays(table, by)}))"


def _arrays(table: Table, columns: tuple[str, ...], first: int = 1) -> str:
    kinds = (
        TYPES[Kind.INTEGER if table.columns[column] is Kind.SERIAL else table.columns[column]] for column in columns
    )
    return ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(kinds, first))
