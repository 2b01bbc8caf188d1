"""PostgreSQL's words for what a transaction asks: always one statement, however many rows.

Owns the SQL text, made once for each shape of operation. Rows travel as one array a column.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol, TypeVar

from controller.store.ops import Ask, Body, Change, Fetch, Insert, Op, Remove, Row
from controller.store.schema import AUDIT, CALLBACK, INBOUND, Kind, Table

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


async def drive(connection: Connection, body: Body[T]) -> T:
    """Run a transaction body to its end. Raises what asyncpg or the body raises."""
    try:
        op = next(body)
        while True:
            op = body.send(await _perform(connection, op))
    except StopIteration as stop:
        result: T = stop.value
        return result


async def _perform(connection: Connection, op: Op) -> Sequence[Row]:
    match op:
        case Fetch(table=table, columns=columns, by=by, keys=keys, lock=lock):
            return await connection.fetch(_select(table, columns, by, lock), *_turn(keys))
        case Insert(table=table, rows=rows, merge=merge, returning=returning):
            return await connection.fetch(_insert(table, merge, returning), *_turn(rows))
        case Change(table=table, by=by, columns=columns, rows=rows):
            return await connection.fetch(_update(table, by, columns), *_turn(rows))
        case Remove(table=table, by=by, keys=keys):
            return await connection.fetch(_delete(table, by), *_turn(keys)) if keys else ()
        case Ask(sql=sql, args=args):
            return await connection.fetch(_portable(sql), *args)


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
def _insert(table: Table, merge: str, returning: tuple[str, ...]) -> str:
    given = ", ".join(table.given)
    sql = f"INSERT INTO {table.name} ({given}) SELECT * FROM unnest({_arrays(table, table.given)})"
    if merge:
        sql += f" ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {merge}"
    return sql + (f" RETURNING {', '.join(f'{table.name}.{name}' for name in returning)}" if returning else "")


@cache
def _update(table: Table, by: tuple[str, ...], columns: tuple[str, ...]) -> str:
    names = (*by, *columns)
    assigned = ", ".join(f"{column} = k.{column}" for column in columns)
    same = " AND ".join(f"t.{column} = k.{column}" for column in by)
    given = f"unnest({_arrays(table, names)}) AS k({', '.join(names)})"
    return f"UPDATE {table.name} t SET {assigned} FROM {given} WHERE {same}"


@cache
def _delete(table: Table, by: tuple[str, ...]) -> str:
    return f"DELETE FROM {table.name} t WHERE {_where(table, by)}"


def _where(table: Table, by: tuple[str, ...]) -> str:
    if len(by) == 1:
        return f"t.{by[0]} = ANY({_arrays(table, by)})"
    return f"({', '.join(f't.{column}' for column in by)}) IN (SELECT * FROM unnest({_arrays(table, by)}))"


def _arrays(table: Table, columns: tuple[str, ...]) -> str:
    kinds = (
        TYPES[Kind.INTEGER if table.columns[column] is Kind.SERIAL else table.columns[column]] for column in columns
    )
    return ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(kinds, 1))
