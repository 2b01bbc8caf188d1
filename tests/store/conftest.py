"""Both stores, for one suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.messages.reducer import reduce
from controller.messages.telling import show
from controller.store.base import Hear, Store
from controller.store.opening import open_store
from tests.store.postgres import Server, make_server

#: Makes a store that is not open yet; each time another life of a daemon on the same data.
MakeStore = Callable[[], Store]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server for the whole session."""
    with make_server() as server:
        yield server


@pytest.fixture
def hear() -> Hear:
    """Tenants hear of everything."""
    return show


@pytest.fixture(params=["sqlite", "postgres"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path, hear: Hear) -> MakeStore:
    """An empty store of each kind."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres").new_url()
    return lambda: open_store(url, tmp_path, reduce, hear)
