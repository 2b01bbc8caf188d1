"""Which store: by the URL in the dialplan.

Owns the choice and the name of the file. The driver of a database is imported when it is chosen.
"""

from __future__ import annotations

from pathlib import Path

from controller.store.base import Hear, Store, StoreError
from controller.store.rows import Reduce
from controller.store.sqlite import SqliteStore

FILE = "messages.db"


def open_store(url: str, state_dir: Path, reduce: Reduce, hear: Hear | None = None, keys: str = "") -> Store:
    """A store that is not open yet. ``url``: "" for SQLite in the state folder, else of a PostgreSQL server, where
    ``keys`` (`Keyring.fingerprint`) must be those of all daemons that share it.

    Raises `StoreError` for a URL of another kind.
    """
    if not url:
        return SqliteStore(state_dir / FILE, reduce, hear)
    if url.startswith(("postgresql://", "postgres://")):
        from controller.store.postgres import PostgresStore

        return PostgresStore(url, reduce, hear, keys=keys)
    raise StoreError(f"unknown store {url.partition(':')[0]!r}: write sqlite or a URL postgresql://...")
