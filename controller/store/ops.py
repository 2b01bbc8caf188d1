"""What a transaction asks of a database, as values: the same for both, done in bulk.

A transaction is a generator that yields these and is sent the rows; `sqlite` drives it in a thread, `postgres` in a task.
Owns the words alone.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from controller.store.schema import Table

T = TypeVar("T")
Row = Sequence[Any]


@dataclass(slots=True)
class Fetch:
    """Rows by keys. ``lock``: nobody else changes them until the end; they are locked in the order of their keys."""

    table: Table
    columns: tuple[str, ...]
    by: tuple[str, ...]
    keys: list[tuple[Any, ...]]
    lock: bool = False


@dataclass(slots=True)
class Insert:
    """New rows, `Table.given` in order. ``merge``: what is assigned where the key is there ("" for an error)."""

    table: Table
    rows: list[tuple[Any, ...]]
    merge: str = ""
    returning: tuple[str, ...] = ()  # of every row, also of one that was there


@dataclass(slots=True)
class Change:
    """Set columns of rows; each row has its key first."""

    table: Table
    by: tuple[str, ...]
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


@dataclass(slots=True)
class Remove:
    """Delete rows by keys."""

    table: Table
    by: tuple[str, ...]
    keys: list[tuple[Any, ...]]


@dataclass(slots=True)
class Ask:
    """One statement that both databases understand, with $1, $2 ... for arguments.

    ``{skip}`` stands for what passes over rows that another daemon has locked.
    """

    sql: str
    args: tuple[Any, ...] = ()


@dataclass(slots=True)
class Together:
    """Writes that do not depend on each other, in one statement where that can be had; they return nothing."""

    ops: list[Insert | Change]


Op = Fetch | Insert | Change | Remove | Ask | Together

#: A transaction: yields operations, is sent rows, returns what came of it.
Body = Generator[Op, Sequence[Row], T]


def fetch(op: Op) -> Body[list[Row]]:
    """One operation as a transaction of its own."""
    return list((yield op))
