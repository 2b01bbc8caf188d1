"""SQLite's words for what a transaction asks.

Owns the SQL text, made once for each shape of operation. It blocks: for threads only.
"""

from __future__ import annotations

import sqlite3
from functools import cache
from typing import TypeVar

from controller.store.ops import Ask, Body, Change, Fetch, Insert, Op, Remove, Row, Together
from controller.store.schema import Kind, Table

T = TypeVar("T")

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
            sql = _select(table, columns, by)
            return [row for key in keys for row in connection.execute(sql, key).fetchall()]
        case Insert(table=table, rows=rows, merge=merge, returning=returning):
            sql = _insert(table, merge, returning)
            if returning:
                return [row for given in rows for row in connection.execute(sql, given).fetchall()]
            connection.executemany(sql, rows)
        case Change(table=table, by=by, columns=columns, rows=rows):
            connection.executemany(_update(table, by, columns), rows)
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


@cache
def _select(table: Table, columns: tuple[str, ...], by: tuple[str, ...]) -> str:
    return f"SELECT {', '.join(columns)} FROM {table.name} WHERE {_where(by)}"


@cache
def _insert(table: Table, merge: str, returning: tuple[str, ...]) -> str:
    marks = ", ".join("?" for _ in table.given)
    sql = f"INSERT INTO {table.name} ({', '.join(table.given)}) VALUES ({marks})"
    if merge:
        sql += f" ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {merge}"
    return sql + (f" RETURNING {', '.join(returning)}" if returning else "")


@cache
def _update(table: Table, by: tuple[str, ...], columns: tuple[str, ...]) -> str:
    assigned = ", ".join(f"{column} = ?{number}" for number, column in enumerate(columns, len(by) + 1))
    return f"UPDATE {table.name} SET {assigned} WHERE {_where(by)}"


@cache
def _delete(table: Table, by: tuple[str, ...]) -> str:
    return f"DELETE FROM {table.name} WHERE {_where(by)}"


def _where(by: tuple[str, ...]) -> str:
    return " AND ".join(f"{column} = ?{number}" for number, column in enumerate(by, 1))
