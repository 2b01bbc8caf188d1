"""The consumer that keeps records: nobody waits for its file, what cannot be written waits, and how much of that is bounded."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from controller.config import load
from controller.demo import DIALPLAN
from controller.log import open_log
from controller.ops import records
from controller.ops.consumer import Event
from controller.ops.consumers import Tools
from controller.ops.hep import HepSender
from controller.ops.records import Records, Steadiness
from controller.ops.watching import Watching
from controller.records.reading import Reader, Wanted
from controller.records.store import FILE, Store
from tests.records.made import record, wire

PATIENCE = 30.0


def event(number: int) -> Event:
    return Event("calls", "call", 1000.0, record(number), number, "life")


def keep(folder: Path, act: Callable[[Records], Awaitable[None]]) -> list[str]:
    """What it said in the log meanwhile."""
    file = folder / "plan.yaml"
    file.write_text(DIALPLAN.read_text(encoding="utf-8") + "records: {wire: off}\n", encoding="utf-8")
    dialplan = load(file).dialplan
    assert dialplan is not None
    out = io.StringIO()
    log, writer = open_log(out)

    def on_fault(error: BaseException) -> None:
        raise AssertionError from error

    async def main() -> None:
        watching = Watching(folder, lambda _: None, lambda _: None)
        made = Records(Tools(dialplan, folder, watching, log, on_fault))
        task = asyncio.get_running_loop().create_task(made.keep())
        try:
            await act(made)
        finally:
            task.cancel()
            await made.close()

    asyncio.run(main())
    writer.close()
    return [json.loads(line)["event"] for line in out.getvalue().splitlines()]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110  # a thread does it
            await asyncio.sleep(0.01)


def test_a_locked_file_is_said_once_and_all_of_it_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "AGAIN", 0.02)
    monkeypatch.setattr("controller.records.store._BUSY", 0.01)
    with closing(Store(tmp_path / FILE)) as store:
        store.open()

    async def act(made: Records) -> None:
        with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for number in range(1, 101):
                made.hear(event(number))
            await until(lambda: made.counters["failed"] > 2)
            made.hear(event(101))
            other.execute("ROLLBACK")
        await until(lambda: made.counters["written"] == 101)
        assert made.counters["lost"] == 0

    said = keep(tmp_path, act)
    assert said == ["records are not written", "records are written again"]
    assert len(Reader(tmp_path).calls(Wanted(limit=1000))) == 101


def test_what_waits_is_bounded_and_what_goes_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "WAITING", 50)
    (tmp_path / FILE).mkdir()  # nothing can be written there

    async def act(made: Records) -> None:
        for number in range(1, 501):
            made.hear(event(number))
        await until(lambda: made.counters["failed"] > 0)
        assert made.counters["lost"] >= 450
        (tmp_path / FILE).rmdir()
        await until(lambda: made.counters["written"] > 0)
        assert made.counters["lost"] + made.counters["written"] == 500

    assert keep(tmp_path, act) == ["records are not written", "records are written again"]
    newest = Reader(tmp_path).calls(Wanted(limit=1))
    assert newest[0]["call"] == "call-500@host"  # the oldest went


def test_counts_go_on_through_a_reload(tmp_path: Path) -> None:
    async def act(made: Records) -> None:
        made.hear(event(1))
        await made.write()
        again = Records(made._tools)
        assert again.counters["written"] == 1
        await again.close()

    assert keep(tmp_path, act) == []


def test_what_is_heard_at_the_very_end_is_kept(tmp_path: Path) -> None:
    async def act(made: Records) -> None:
        made.hear(event(1))

    assert keep(tmp_path, act) == []
    assert len(Reader(tmp_path).calls(Wanted())) == 1


def test_a_damaged_file_is_put_aside_and_that_is_said_once(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database at all" * 1000)

    async def act(made: Records) -> None:
        for number in (1, 2):
            made.hear(event(number))
            await until(lambda number=number: made.counters["written"] == number)

    assert keep(tmp_path, act) == ["records put aside"]
    assert len(Reader(tmp_path).calls(Wanted())) == 2


def test_what_a_capture_server_did_not_get_is_counted_and_said_once() -> None:
    out = io.StringIO()
    log, writer = open_log(out)
    counters: dict[str, int] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        with closing(HepSender(server.getsockname(), 1, log, counters)) as sender:
            for host in ("192.0.2.5", "no address", "no address"):
                sender.send(wire()._replace(host=host))
    writer.close()
    assert counters == {"sent": 1, "unsent": 2}
    assert len(out.getvalue().splitlines()) == 1


def test_a_clock_that_shows_another_year_for_a_moment_has_nothing_forgotten() -> None:
    steadiness = Steadiness()
    year = 365 * 86_400.0
    assert steadiness.holds(1e9, 10.0)
    assert steadiness.holds(1e9 + 60.5, 70.0)  # corrected, and not set
    assert not steadiness.holds(1e9 + 120 + year, 130.0)
    assert not steadiness.holds(1e9 + 180, 190.0)  # back again
    assert not steadiness.holds(1e9 + 3700, 3710.0)
    assert steadiness.holds(1e9 + 3800, 3810.0)
