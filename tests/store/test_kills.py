"""Daemons are killed in the middle of load, and what they said they had is there; servers go away, and nothing is done twice."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from controller.messages.reducer import reduce
from controller.messages.telling import show
from controller.store.base import Again, Applied, Conflict, Kept, Store, StoreError
from controller.store.opening import open_store
from controller.store.ops import Ask, Body
from controller.store.postgres import PostgresStore
from controller.store.postgres_sql import Session
from controller.supervise import Supervisor
from controller.types.cascades import CascadeStatus, SendAccepted, SendMessage, SendRefused
from tests.messages.playbook import EPOCH
from tests.store.audit import check_all, check_promises
from tests.store.cases import CALM, begin, delivered, make_new
from tests.store.postgres import Server, make_server

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """Of an empty store; "" for SQLite."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres").new_url())


def run(url: str, folder: Path, act: Callable[[Store], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        store = open_store(url, folder, reduce, show)
        await store.open()
        try:
            await act(store)
        finally:
            await store.close()

    asyncio.run(main())


def kill_after(url: str, folder: Path, life: int, promises: int) -> list[str]:
    """Let a worker make so many promises and kill it; all that it said."""
    command = [sys.executable, "-m", "tests.store.worker", url, str(folder), f"life{life}"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."}
    ) as worker:
        assert worker.stdout is not None
        lines = [worker.stdout.readline() for _ in range(promises)]
        worker.kill()
        lines += worker.stdout.readlines()
    assert lines[-1], "it ended by itself"
    return [line for line in lines if line.endswith("\n")]


def check_kills(url: str, folder: Path, kills: int, seed: int) -> None:
    dice, said = random.Random(seed), []
    for life in range(kills):
        said += kill_after(url, folder, life, dice.randint(100, 500))

    async def act(store: Store) -> None:
        promised = await check_promises(store, said)
        names = await check_all(store)
        assert promised >= kills
        assert len(names) >= promised

    run(url, folder, act)


def test_what_was_promised_outlives_kills(url: str, tmp_path: Path) -> None:
    check_kills(url, tmp_path, 2, 1)


@pytest.mark.long
def test_what_was_promised_outlives_many_kills(url: str, tmp_path: Path) -> None:
    check_kills(url, tmp_path, 20, 2)


# --------------------------------------------------------------------------- several daemons


def both(server: Server, act: Callable[[Store, Store], Coroutine[Any, Any, None]]) -> None:
    """Two daemons on one database."""
    url = server.new_url()

    async def main() -> None:
        stores = [open_store(url, Path(), reduce, show) for _ in range(2)]
        for store in stores:
            await store.open()
        try:
            await act(*stores)
        finally:
            for store in stores:
                await store.close()

    asyncio.run(main())


def test_another_daemon_takes_over_after_the_lease(postgres: Server) -> None:
    async def act(ours: Store, theirs: Store) -> None:
        await begin(ours, lease=3.0)
        assert await theirs.due(EPOCH + 3.0, 10) == []  # whoever is alive renews it now
        assert await ours.due(EPOCH + 2.9, 10) == []
        await ours.close()
        assert await theirs.next_due() == EPOCH + 4.0
        assert await theirs.due(EPOCH + 3.9, 10) == []
        assert await theirs.due(EPOCH + 4.0, 10) == [("c1", True)]

    both(postgres, act)


def test_a_daemon_that_is_alive_keeps_its_sends(postgres: Server) -> None:
    async def act(ours: Store, theirs: Store) -> None:
        await begin(ours)
        assert await ours.due(EPOCH + 5.0, 10) == [("c1", False)]
        assert await theirs.due(EPOCH + 6.0, 10) == []

    both(postgres, act)


def test_two_sweepers_never_get_the_same(postgres: Server) -> None:
    async def act(ours: Store, theirs: Store) -> None:
        await asyncio.gather(*(begin(ours, f"c{number}") for number in range(100)))
        rounds = [store.due(EPOCH + 60, 10) for _ in range(8) for store in (ours, theirs)]
        taken = [row[0] for rows in await asyncio.gather(*rounds) for row in rows]
        assert sorted(taken) == sorted({*taken})
        rest = [row[0] for row in await ours.due(EPOCH + 60, 1000)]
        assert sorted(taken + rest) == sorted(f"c{number}" for number in range(100))

    both(postgres, act)


def test_two_daemons_at_the_same_keys_cascades_and_names(postgres: Server) -> None:
    """Each request, event and report comes to both at once: one of them does it, and nobody blocks anybody for ever."""

    async def act(ours: Store, theirs: Store) -> None:
        dice = random.Random(3)

        async def go(number: int) -> tuple[int, int, int]:
            first, second = dice.sample([ours, theirs], 2)
            name = f"c{number}"
            admissions = await asyncio.gather(
                first.accept(make_new(name, key=name), EPOCH), second.accept(make_new(f"x-{name}", key=name), EPOCH)
            )
            kept = [one for one in admissions if isinstance(one, Kept)]
            (same,) = [one for one in admissions if isinstance(one, Again)]
            name = name if isinstance(admissions[0], Kept) else f"x-{name}"
            assert same.answer == f'{{"id": "{name}"}}'
            refusal = SendRefused(1, "rejected")
            refused = await asyncio.gather(*(one.apply(name, refusal, EPOCH + 1, CALM) for one in (second, first)))
            report = delivered(f"m-{name}", "sms-1")
            named = await asyncio.gather(
                first.apply(name, SendAccepted(2, f"m-{name}"), EPOCH + 2, CALM),
                second.take_report(report, EPOCH + 2, CALM),
                first.take_report(report, EPOCH + 2, CALM),
            )
            sends = sum(isinstance(command, SendMessage) for one in refused if one for command in one.commands)
            ends = [
                one
                for one in named
                if one is not None and one.changed and one.cascade.status is not CascadeStatus.ACTIVE
            ]
            return len(kept), sends, len(ends)

        results = await asyncio.gather(*(go(number) for number in range(60)))
        assert {result[:2] for result in results} == {(1, 1)}
        assert all(result[2] >= 1 for result in results)
        assert len(await check_all(theirs)) == 60
        found = await ours.find("acme", status="completed", limit=100)
        assert len(found) == 60

    both(postgres, act)


def test_the_history_of_all_daemons_is_read_without_a_gap(postgres: Server) -> None:
    """A row may become visible after others with higher numbers: whoever reads on as it is written misses none."""

    async def act(ours: Store, theirs: Store) -> None:
        seen: list[tuple[str, str]] = []
        writing = True

        async def read() -> None:
            seq = 0
            while rows := await theirs.outcomes_after(seq, 50) or writing:
                if rows is not True:
                    seq = rows[-1][0]
                    seen.extend((row[1], row[2].event) for row in rows)

        async def write() -> None:
            nonlocal writing
            for turn in range(8):
                names = [f"c{turn}-{number}" for number in range(20)]
                await asyncio.gather(*(begin((ours, theirs)[number % 2], name) for number, name in enumerate(names)))
            writing = False

        await asyncio.gather(read(), write())
        assert len(seen) == len(set(seen)) == 320

    both(postgres, act)


# --------------------------------------------------------------------------- a server that goes away


async def surely(act: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """As whoever uses a store does it: until it is done."""
    for _ in range(2000):
        try:
            return await act()
        except StoreError:
            await asyncio.sleep(0.01)
    raise AssertionError("the store does not come back")


async def go_surely(store: Store, name: str) -> int:
    """One cascade, whatever happens to the store; how many sends came of it by word of the store."""
    admission = await surely(lambda: store.accept(make_new(name, key=name), EPOCH))
    assert not isinstance(admission, Conflict)
    results: list[Applied | Kept] = [admission] if isinstance(admission, Kept) else []
    for event in (SendRefused(1, "rejected"), SendAccepted(2, f"m-{name}")):
        applied = await surely(lambda event=event: store.apply(name, event, EPOCH + 1, CALM))
        assert applied is not None
        assert applied.changed, "its commands are lost"
        results.append(applied)
    done = await surely(lambda: store.take_report(delivered(f"m-{name}", "sms-1"), EPOCH + 2, CALM))
    assert done is not None
    return sum(isinstance(command, SendMessage) for one in results for command in one.commands)


def check_restarts(folder: Path, restarts: int, cascades: int) -> None:
    """A server of its own, restarted under load."""
    with make_server() as server:
        url = server.new_url()

        async def act(store: Store) -> None:
            numbers, going = iter(range(1_000_000)), True
            sends: list[int] = []
            enough = asyncio.Semaphore(0)

            async def work() -> None:
                while going:
                    sends.append(await go_surely(store, f"c{next(numbers)}"))
                    enough.release()

            async def restart() -> None:
                nonlocal going
                for number in range(restarts):
                    for _ in range(cascades // restarts):
                        await enough.acquire()
                    await asyncio.to_thread(server.stop, "immediate" if number % 2 == 0 else "fast")
                    await asyncio.to_thread(server.start)
                going = False

            await asyncio.gather(restart(), *(work() for _ in range(20)))
            assert set(sends) <= {1, 2}  # 1: the acceptance was answered `Again`
            assert len(await check_all(store)) == len(sends)

        run(url, folder, act)


def test_a_server_restarted_under_load_loses_nothing(tmp_path: Path) -> None:
    check_restarts(tmp_path, 2, 60)


@pytest.mark.long
def test_a_server_restarted_often_loses_nothing(tmp_path: Path) -> None:
    check_restarts(tmp_path, 20, 8000)


class Cutter:
    """Between a store and its server: cuts the connection at a commit, before the server has heard of it or after."""

    def __init__(self, server: Server, port: int) -> None:
        self._target = str(server.folder / ".s.PGSQL.5432")
        self._path = server.folder / f".s.PGSQL.{port}"
        self.cut = ""  # "before", "after": the next commit
        self._links = Supervisor(self._failed)
        self.failures: list[BaseException] = []

    async def __aenter__(self) -> Cutter:
        def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._links.spawn(self._serve(reader, writer), "link")

        self._listener = await asyncio.start_unix_server(take, str(self._path))
        return self

    async def __aexit__(self, *args: object) -> None:
        self._listener.close()
        await self._links.close()
        self._path.unlink(missing_ok=True)
        assert not self.failures

    def _failed(self, error: BaseException) -> None:
        self.failures.append(error)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_unix_connection(self._target)
        try:
            async with asyncio.TaskGroup() as both_ways:
                answers = both_ways.create_task(self._pass_back(back, writer))
                await self._pass_forth(reader, forth, back, answers)
                answers.cancel()
        except* ConnectionError:
            pass
        finally:
            writer.close()
            forth.close()

    async def _pass_forth(
        self,
        reader: asyncio.StreamReader,
        forth: asyncio.StreamWriter,
        back: asyncio.StreamReader,
        answers: asyncio.Task[None],
    ) -> None:
        while data := await reader.read(65536):
            if not (self.cut and b"COMMIT" in data):
                forth.write(data)
                continue
            cut, self.cut = self.cut, ""
            answers.cancel()
            await asyncio.wait([answers])
            if cut == "after":
                forth.write(data)
                await back.read(65536)  # it has answered: it is done
            return

    async def _pass_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_commit_whose_answer_is_lost(postgres: Server, cut: str) -> None:
    """The store finds out what became of it: nothing is done twice, and no command gets lost."""
    url = postgres.new_url()

    async def main() -> None:
        async with Cutter(postgres, 6543) as cutter:
            store = open_store(f"{url}&port=6543", Path(), reduce, show)
            await store.open()
            name = "c1"
            cutter.cut = cut
            await begin(store, name, key=name)
            cutter.cut = cut
            applied = await store.apply(name, SendRefused(1, "rejected"), EPOCH + 1, CALM)
            assert not cutter.cut, "nothing was cut"
            assert applied is not None
            assert applied.changed
            assert [one.provider for one in applied.commands if isinstance(one, SendMessage)] == ["sms-1"]
            cutter.cut = cut
            await store.put_callback("acme", name, "{}", EPOCH)
            assert not cutter.cut, "nothing was cut"
            assert await check_all(store) == {"c1"}
            bodies = [row[3] for row in await store.due_callbacks(EPOCH + 2, 100)]
            assert bodies.count("{}") == 1
            await store.close()

    asyncio.run(main())


def look() -> Body[tuple[str, str]]:
    rows = yield Ask("SELECT xmin::text, token FROM landed ORDER BY at DESC LIMIT 1")
    return rows[0][0], rows[0][1]


def test_a_number_that_a_crashed_server_gives_again_proves_nothing(postgres: Server) -> None:
    """It had given numbers to transactions that it lost, and gives them to others after its restart, or later."""

    async def act(ours: Store, _: Store) -> None:
        assert isinstance(ours, PostgresStore)
        await begin(ours)
        number, token = await ours._read(look)
        session = Session(None)  # type: ignore[arg-type]
        session.number = number
        assert await ours._has_landed(session) is False  # another's
        session.token = token
        assert await ours._has_landed(session) is True
        session.number, session.token = str(int(number) + 1_000_000), "lost"
        assert await ours._has_landed(session) is False  # of nobody yet

    both(postgres, act)
