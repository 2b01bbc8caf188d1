"""SQLite's words for what a transaction asks.

Owns the SQL text, made once for each shape of operation. It blocks: for threads only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any, TypeVar

from controller.store.ops import Ask, Body, Change, Fetch, Insert, Op, Remove, Row, Together
from controller.store.schema import Kind, Table

T = TypeVar("T")

#: Rows of one statement. For each one the writer gives the interpreter to others and must get it back: by rows that is
#: dear where others are busy.
SIZES = (64, 16, 4, 1)

TYPES = {
    Kind.TEXT: "TEXT",
    Kind.INTEGER: "INTEGER",
    Kind.REAL: "REAL",
    Kind.BLOB: "BLOB",
    Kind.SERIAL: "INTEGER PRIMARY KEY AUTOINCREMENT",
}


def drive(connection: sqlite3.Connection, body: Body[T]) -> T:
    """Run a transaction body to its end. Raises what SQLite or the body raises."""
    try:
        op = next(body)
        while True:
            op = body.send(_perform(connection, op))
    except StopIteration as stop:
        result: T = stop.value
        return result


def _perform(connection: sqlite3.Connection, op: Op) -> list[Row]:
    match op:
        case Fetch(table=table, columns=columns, by=by, keys=keys):
            found: list[Row] = []
            for some in _chunks(keys):
                found += connection.execute(_select(table, columns, by, len(some)), _flat(some)).fetchall()
            return found
        case Insert(table=table, rows=rows, merge=merge, returning=returning):
            told: list[Row] = []
            for some in _chunks(rows):
                told += connection.execute(_insert(table, merge, returning, len(some)), _flat(some)).fetchall()
            return told
        case Change(table=table, by=by, columns=columns, rows=rows) if _is_whole(table, by, columns):
            merge = _all_of(columns)
            for some in _chunks(rows):  # whole rows that are there: an insertion that always finds its row
                connection.execute(_insert(table, merge, (), len(some)), _flat(some))
        case Change(table=table, by=by, columns=columns, rows=rows):
            connection.executemany(_update(table, by, columns), rows)  # from a list of values it takes longer
        case Remove(table=table, by=by, keys=keys):
            connection.executemany(_delete(table, by), keys)
        case Together(ops=ops):
            for one in ops:
                _perform(connection, one)
        case Ask(sql=sql, args=args):
            return connection.execute(_portable(sql), args).fetchall()
    return []


@cache
def _portable(sql: str) -> str:
    return sql.replace("$", "?").replace("{skip}", "")


def _chunks(rows: Sequence[Sequence[Any]]) -> Iterator[Sequence[Sequence[Any]]]:
    """All rows, as few at once as there are sizes: each size of each shape is a statement that is compiled once."""
    at = 0
    for size in SIZES:
        while len(rows) - at >= size:
            yield rows[at : at + size]
            at += size


def _flat(rows: Iterable[Sequence[Any]]) -> list[Any]:
    return list(chain.from_iterable(rows))


def _values(width: int, rows: int) -> str:
    return ", ".join([f"({', '.join('?' * width)})"] * rows)


@cache
def _select(table: Table, columns: tuple[str, ...], by: tuple[str, ...], rows: int) -> str:
    # CROSS: the keys first, whatever the planner thinks of the table
    listed = ", ".join(f"t.{column}" for column in columns)
    keys = f"(VALUES {_values(len(by), rows)}) k"
    same = " AND ".join(f"t.{column} = k.column{number}" for number, column in enumerate(by, 1))
    return f"SELECT {listed} FROM {keys} CROSS JOIN {table.name} t WHERE {same}"


@cache
def _insert(table: Table, merge: str, returning: tuple[str, ...], rows: int) -> str:
    sql = f"INSERT INTO {table.name} ({', '.join(table.given)}) VALUES {_values(len(table.given), rows)}"
    if merge:
        sql += f" ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {merge}"
    return sql + (f" RETURNING {', '.join(returning)}" if returning else "")


@cache
def _is_whole(table: Table, by: tuple[str, ...], columns: tuple[str, ...]) -> bool:
    return table.key == by and table.given == by + columns


@cache
def _all_of(columns: tuple[str, ...]) -> str:
    return ", ".join(f"{column} = excluded.{column}" for column in columns)


@cache
def _update(table: Table, by: tuple[str, ...], columns: tuple[str, ...]) -> str:
    assigned = ", ".join(f"{column} = ?{number}" for number, column in enumerate(columns, len(by) + 1))
    return f"UPDATE {table.name} SET {assigned} WHERE {_where(by)}"


@cache
def _delete(table: Table, by: tuple[str, ...]) -> str:
    return f"DELETE FROM {table.name} WHERE {_where(by)}"


def _where(by: tuple[str, ...]) -> str:
    return " AND ".join(f"{column} = ?{number}" for number, column in enumerate(by, 1))
