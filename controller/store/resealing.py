"""After a rotation of keys: fields that older keys sealed are sealed anew, page by page, so that those keys can go.

Owns which fields there are, and their places. Pages are looked through without a lock; what is old is read again under
one, for a person may have been erased meanwhile and must not come back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from controller.privacy import Cipher, Place, Unsealable
from controller.store.ops import Ask, Body, Change, Fetch
from controller.store.schema import IDENTITY, INBOUND, PAYLOAD, Table

PAGE = 500  # rows

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Fields:
    """Sealed columns of a table. ``read``: what pages are read by, in the order key, rest for places, fields."""

    table: Table
    key: tuple[str, ...]
    columns: tuple[str, ...]
    read: str
    first: Key  # before any key
    places: Callable[[Sequence[Any]], list[Place]]  # of a row that was read, one for each column


def page(fields: Fields, after: Key) -> Body[Sequence[Sequence[Any]]]:
    """The rows after a key."""
    rows = yield Ask(fields.read, (*after, PAGE))
    return rows


def reseal(fields: Fields, rows: Sequence[Sequence[Any]], cipher: Cipher) -> Body[int]:
    """Seal what is old in these rows anew; how many rows were."""
    keys = sorted(tuple(row[: len(fields.key)]) for row in rows)
    places = {tuple(row[: len(fields.key)]): fields.places(row) for row in rows}
    locked = yield Fetch(fields.table, (*fields.key, *fields.columns), fields.key, keys, lock=True)
    changed = []
    for row in locked:
        key, sealed = tuple(row[: len(fields.key)]), row[len(fields.key) :]
        fresh = [_fresh(one, place, cipher) for one, place in zip(sealed, places[key], strict=True)]
        if fresh != list(sealed):
            changed.append((*key, *fresh))
    if changed:
        yield Change(fields.table, fields.key, fields.columns, changed)
    return len(changed)


def old_ones(fields: Fields, rows: Sequence[Sequence[Any]], cipher: Cipher) -> list[Sequence[Any]]:
    """The rows in which an older key sealed something."""
    count = len(fields.columns)
    return [row for row in rows if any(one and not cipher.is_current(one) for one in row[-count:])]


def all_fields() -> Iterator[Fields]:
    """Whatever is sealed."""
    yield Fields(
        IDENTITY,
        ("cascade_id", "kind"),
        ("sealed",),
        "SELECT i.cascade_id, i.kind, r.tenant, i.sealed FROM identity i JOIN request r ON r.id = i.cascade_id"
        " WHERE (i.cascade_id, i.kind) > ($1, $2) ORDER BY i.cascade_id, i.kind LIMIT $3",
        ("", ""),
        lambda row: [Place(row[2], "recipient", row[1], row[0])],
    )
    yield Fields(
        PAYLOAD,
        ("cascade_id",),
        ("body",),
        "SELECT p.cascade_id, r.tenant, p.body FROM payload p JOIN request r ON r.id = p.cascade_id"
        " WHERE p.cascade_id > $1 ORDER BY p.cascade_id LIMIT $2",
        ("",),
        lambda row: [Place(row[1], "payload", "body", row[0])],
    )
    yield Fields(
        INBOUND,
        ("number",),
        ("sender", "text"),
        "SELECT number, tenant, provider, ref, sender, text FROM inbound WHERE number > $1 ORDER BY number LIMIT $2",
        (0,),
        lambda row: [Place(row[1], "inbound", column, f"{row[2]}:{row[3]}") for column in ("sender", "text")],
    )


def _fresh(sealed: bytes | None, place: Place, cipher: Cipher) -> bytes | None:
    if not sealed:
        return sealed
    try:
        return cipher.reseal(sealed, place)
    except Unsealable:  # its key is gone already: nobody will ever read it
        return sealed
