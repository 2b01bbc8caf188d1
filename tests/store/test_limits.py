"""What a store says when it cannot: a full disk, a server that is not there, a file of somebody else's."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest

from controller.messages.reducer import reduce
from controller.store.base import Kept, StoreError, UnfitStoreError
from controller.store.opening import FILE, open_store
from controller.store.ops import Ask, Body
from controller.store.tables import Tables
from controller.types.cascades import SendRefused
from tests.messages.playbook import EPOCH
from tests.store.audit import check_all
from tests.store.cases import CALM, begin, make_new
from tests.store.postgres import Server


def say_why(url: str, folder: Path) -> str:
    """What opening a store complains of."""

    async def main() -> None:
        store = open_store(url, folder, reduce)
        await store.open()
        await store.close()

    with pytest.raises(StoreError) as caught:
        asyncio.run(main())
    return str(caught.value)


def test_a_store_of_another_kind(tmp_path: Path) -> None:
    assert say_why("mysql://here", tmp_path) == "unknown store 'mysql': write sqlite or a URL postgresql://..."


def test_a_file_has_one_daemon(tmp_path: Path) -> None:
    async def main() -> None:
        first, second = open_store("", tmp_path, reduce), open_store("", tmp_path, reduce)
        await first.open()
        with pytest.raises(StoreError, match="another process has it open: stop that one first"):
            await second.open()
        await begin(first)
        await first.close()
        await second.open()
        assert await second.get("c1") is not None
        await second.close()

    asyncio.run(main())
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_a_file_of_a_newer_version(tmp_path: Path) -> None:
    async def main() -> None:
        store = open_store("", tmp_path, reduce)
        await store.open()
        await store.close()

    asyncio.run(main())
    with closing(sqlite3.connect(tmp_path / FILE)) as file, file:
        file.execute("UPDATE meta SET value = '99'")
    assert say_why("", tmp_path) == f"{tmp_path / FILE}: made by a newer callward (schema 99): use that one"


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"nonsense" * 1000)
    assert say_why("", tmp_path) == f"{tmp_path / FILE}: file is not a database"


def test_a_file_that_is_damaged_is_a_store_that_is_lost(tmp_path: Path) -> None:
    """Not a fault of whoever asks: it is asked again, and an operator hears why."""

    async def main() -> None:
        store = open_store("", tmp_path, reduce)
        await store.open()
        await begin(store)
        await store.close()
        file = tmp_path / FILE
        with closing(sqlite3.connect(file)) as connection:
            page, size = (
                connection.execute(sql).fetchone()[0]
                for sql in ("SELECT rootpage FROM sqlite_master WHERE name = 'audit'", "PRAGMA page_size")
            )
        with file.open("r+b") as raw:
            raw.seek((page - 1) * size)
            raw.write(b"\xff" * size)
        await store.open()
        for act in (lambda: begin(store, "c2"), lambda: store.apply("c1", SendRefused(1, "absent"), EPOCH, CALM)):
            with pytest.raises(StoreError, match=r"it is damaged .*put a copy of it there"):
                await act()
        await store.close()

    asyncio.run(main())


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "No such file or directory" in say_why("", tmp_path / "nowhere")


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    said = say_why(f"postgresql://callward@/postgres?host={tmp_path}", tmp_path)
    assert said.startswith("postgresql: ")
    assert "No such file or directory" in said


def test_a_database_that_is_sealed_with_other_keys(postgres: Server, tmp_path: Path) -> None:
    url = postgres.new_url()

    async def use(keys: str) -> None:
        store = open_store(url, tmp_path, reduce, keys=keys)
        try:
            await store.open()
        finally:
            await store.close()

    for keys in ("", "aa", "aa", ""):  # the first daemon's count; whoever opens nothing needs none
        asyncio.run(use(keys))
    with pytest.raises(UnfitStoreError) as caught:
        asyncio.run(use("bb"))
    assert str(caught.value) == (
        "postgresql: what is kept there is sealed with other keys (theirs aa, ours bb): copy message-keys.json from the"
        " state folder of a daemon that uses it, or name another database"
    )
    asyncio.run(use("aa"))


def test_a_database_that_is_not_there(postgres: Server, tmp_path: Path) -> None:
    said = say_why(f"postgresql://callward@/nothing?host={postgres.folder}", tmp_path)
    assert said == 'postgresql: database "nothing" does not exist'


def test_after_its_end_a_store_says_so(tmp_path: Path, postgres: Server) -> None:
    async def main(url: str) -> None:
        store = open_store(url, tmp_path, reduce)
        await store.open()
        await store.close()
        with pytest.raises(StoreError, match="closed"):
            await store.accept(make_new(), EPOCH)
        with pytest.raises(StoreError, match="closed"):
            await store.get("c1")

    asyncio.run(main(""))
    asyncio.run(main(postgres.new_url()))


async def fill(store: Tables, most: int) -> tuple[list[str], str]:
    """Accept until it cannot; what it kept, and why it stopped."""
    kept: list[str] = []
    try:
        for number in range(most):
            admission = await store.accept(make_new(f"c{number}", key=f"c{number}"), EPOCH)
            assert isinstance(admission, Kept)
            kept.append(f"c{number}")
    except StoreError as error:
        return kept, str(error)
    raise AssertionError("it never was full")


async def check_full(store: Tables, kept: list[str]) -> None:
    """Nothing is half done, and what is there can be read."""
    with pytest.raises(StoreError):
        await asyncio.gather(
            *(store.apply(name, SendRefused(1, "rejected"), EPOCH + 1, CALM) for name in kept),
            store.accept(make_new("x"), 0),
        )
    assert await check_all(store) == set(kept)
    assert await store.get("x") is None


async def check_room(store: Tables, kept: list[str]) -> None:
    """It goes on as if nothing had been."""
    applied = [await store.apply(name, SendRefused(1, "rejected"), EPOCH + 1, CALM) for name in kept]
    assert all(one is not None and one.changed for one in applied)
    await begin(store, "x")
    assert await check_all(store) == {*kept, "x"}


def allow(pages: int) -> Body[None]:
    yield Ask(f"PRAGMA max_page_count = {pages}")


def test_a_database_that_may_not_grow(tmp_path: Path) -> None:
    """SQLite's own limit: the same error as a full disk, wherever tests run."""

    async def main() -> None:
        store = open_store("", tmp_path, reduce)
        assert isinstance(store, Tables)
        await store.open()
        await store._write(lambda: allow(80))
        kept, why = await fill(store, 1000)
        assert why.startswith(f"{tmp_path / FILE}: no room left on its disk: ")
        await check_full(store, kept)
        await store._write(lambda: allow(1_000_000))
        await check_room(store, kept)
        await store.close()

    asyncio.run(main())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB, where we may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("no file system may be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    """The log of what was written is full before the database is; room comes when somebody tidies up."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1_000_000))

    async def main() -> None:
        store = open_store("", small_disk, reduce)
        assert isinstance(store, Tables)
        await store.open()
        kept, why = await fill(store, 10_000)
        assert "disk" in why
        assert kept
        await check_full(store, kept)
        ballast.unlink()
        await check_room(store, kept)
        await store.close()

    asyncio.run(main())


def test_others_that_are_in_the_way_for_too_long_are_nobodys_fault(postgres: Server, tmp_path: Path) -> None:
    async def act(_: object) -> None:
        raise asyncpg.DeadlockDetectedError("deadlock detected")

    async def main() -> None:
        store = open_store(postgres.new_url(), tmp_path, reduce)
        await store.open()
        with pytest.raises(StoreError, match="postgresql: deadlock detected"):
            await store._again(act)  # type: ignore[attr-defined]
        await store.close()

    asyncio.run(main())
