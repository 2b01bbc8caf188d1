"""Two daemons on one PostgreSQL: whoever dies, the other goes on with all that was accepted; so does one whose server
goes away for a while."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from controller import clock
from controller.exits import UNREACHABLE
from controller.messages.reducer import reduce
from controller.privacy import load_keyring
from controller.privacy.keyring import FILE as KEYS
from controller.simulate.base import Fates, Faults
from controller.store.opening import open_store
from tests.broker.stage import Client, Stage, client, pick_port, stage
from tests.store.postgres import Server, make_server

LEASE = 2.0  # seconds, as the stage has it
UNDER_WAY = 20  # sends that wait for an answer when their daemon dies, or more


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One that may be stopped: no other test has it."""
    with make_server() as made:
        yield made


def seconds(stamp: str) -> float:
    """Of "2026-11-28T19:30:38.148Z"."""
    return datetime.fromisoformat(stamp).timestamp()


def prepare(here: Stage) -> None:
    here.add_smpp("none")
    here.plan["cascades"] = {
        "otp": {
            "window": "2m",
            "steps": [
                {"send": "whatsapp", "wait": "20s"},
                {"send": "sms", "wait": "2s"},
                {"send": "viber", "wait": "20s"},
            ],
        }
    }


@asynccontextmanager
async def pair(folder: Path, url: str) -> AsyncIterator[tuple[Stage, Stage]]:
    """Two daemons with the same keys, behind what would be one address: webhooks come to the second."""
    ports = pick_port(), pick_port()
    async with stage(folder / "b", ports[1], {"native": "whatsapp", "last": "viber"}, url) as second:
        prepare(second)
        first = Stage(folder / "a", ports[0], second.http, second.smsc, second.mail, second.journal, dict(second.plan))
        first.plan["messages"] = {**second.plan["messages"], "listen": f"127.0.0.1:{ports[0]}"}
        for one in (first, second):
            (one.folder / "state").mkdir(parents=True)
        load_keyring(first.folder / "state")
        shutil.copy(first.folder / "state" / KEYS, second.folder / "state" / KEYS)
        await asyncio.gather(first.start(), second.start())
        try:
            yield first, second
        finally:
            if first.process is not None and first.process.returncode is None:
                await first.kill()


async def load(asker: Client, count: int, first: int = 0) -> dict[str, str]:
    """So many requests at once; their ids by their keys."""
    keys = [f"k{number}" for number in range(first, first + count)]
    ids = await asyncio.gather(*(asker.send(key, params={"code": key}) for key in keys))
    return dict(zip(keys, ids, strict=True))


def judge(here: Stage, shown: dict[str, dict[str, Any]]) -> None:
    assert Counter(one["status"] for one in shown.values()) == {"completed": len(shown)}
    assert not here.journal.sent_twice()
    by_none = Counter(got.text for got in here.journal.entries if got.provider == here.smsc.name)
    assert not by_none or max(by_none.values()) == 1


def take_over(folder: Path, server: Server) -> tuple[dict[str, dict[str, Any]], list[float], float]:
    """Kill the first in the middle of its sends: all cascades in the end, when sends were looked after, when it died."""

    async def main() -> tuple[dict[str, dict[str, Any]], list[float], float]:
        async with pair(folder, server.new_url()) as (first, second):
            second.http.fate_of("native", Fates(Faults(delay=(60.0, 60.0)), seed=3))
            async with client(first.url) as asker:
                accepted = await load(asker, 40)
                for _ in range(3000):
                    if sum(got.provider == "native" for got in second.journal.entries) >= UNDER_WAY:
                        break
                    await asyncio.sleep(0.02)
            await first.kill()
            died = clock.epoch()
            second.http.fate_of("native", Fates(Faults(undelivered=0.3), seed=3))
            async with client(second.url) as asker:
                shown = await asker.over(accepted.values())
                taken = []
                for one in accepted.values():
                    _, history = await asker.ask("GET", f"/v1/cascades/{one}/explain")
                    taken += [seconds(row["at"]) for row in history["history"] if row["event"] == "sent_again"]
            judge(second, shown)
            assert not second.faults()
            return shown, taken, died

    return asyncio.run(main())


def test_the_other_takes_over(tmp_path: Path, server: Server) -> None:
    _, taken, _ = take_over(tmp_path, server)
    assert len(taken) >= UNDER_WAY


@pytest.mark.long
def test_the_other_takes_over_within_the_lease_and_two_seconds(tmp_path: Path, server: Server) -> None:
    _, taken, died = take_over(tmp_path, server)
    assert max(taken) - died <= LEASE + 2.0


@pytest.mark.long
def test_a_daemon_that_was_stopped_and_goes_on_harms_nobody(tmp_path: Path, server: Server) -> None:
    """The other has taken its sends over meanwhile; what it still holds, and hears, is of another time."""

    async def main() -> None:
        async with pair(tmp_path, server.new_url()) as (first, second):
            second.http.fate_of("native", Fates(Faults(delay=(1.0, 1.5), undelivered=0.3), seed=3))
            async with client(first.url) as asker:
                accepted = await load(asker, 60)
            assert first.process is not None
            first.process.send_signal(signal.SIGSTOP)
            try:
                async with client(second.url) as asker:
                    await asker.over(accepted.values())
            finally:
                first.process.send_signal(signal.SIGCONT)
            async with client(first.url) as asker:  # it is there as before
                more = await load(asker, 20, 60)
                shown = await asker.over([*accepted.values(), *more.values()])
                events = set()
                for one in accepted.values():
                    _, history = await asker.ask("GET", f"/v1/cascades/{one}/explain")
                    events |= {row["event"] for row in history["history"]}
            judge(second, shown)
            assert "sent_again" in events
            assert not first.faults()
            assert not second.faults()

    asyncio.run(main())


def test_a_server_that_goes_away_loses_nothing(tmp_path: Path, server: Server) -> None:
    """It crashes under load and comes back: who asks meanwhile is told to come again, who was accepted is served."""

    async def main() -> None:
        async with stage(tmp_path, pick_port(), {"native": "whatsapp", "last": "viber"}, server.new_url()) as here:
            prepare(here)
            here.http.fate_of("native", Fates(Faults(delay=(0.0, 0.2), undelivered=0.3, lie=0.1), seed=4))
            await here.start()
            async with client(here.url) as asker:
                before = await load(asker, 20)
                more = asyncio.gather(load(asker, 20, 20), load(asker, 20, 40))
                await asyncio.to_thread(server.stop, "immediate")
                await asyncio.to_thread(server.start)
                during = await more
                shown = await asker.over([*before.values(), *during[0].values(), *during[1].values()])
            assert len(shown) == 60
            judge(here, shown)
            assert not here.faults()

    asyncio.run(main())


def test_a_daemon_with_other_keys_does_not_start(tmp_path: Path, server: Server) -> None:
    """It could open nothing that others have sealed, and would not know who wants nothing more."""

    async def main() -> None:
        url = server.new_url()
        other = open_store(url, tmp_path, reduce, keys="0123456789abcdef")  # as a daemon was here
        await other.open()
        await other.close()
        async with stage(tmp_path, pick_port(), {"native": "whatsapp", "last": "viber"}, url) as here:
            prepare(here)
            await here.launch()
            assert here.process is not None
            assert await here.process.wait() == UNREACHABLE
            await here.kill()  # all that it said is read
            said = [line["text"] for line in here.lines if line["event"] == "text" and "theirs" in line["text"]]
            assert len(said) == 1, here.lines
            assert "theirs 0123456789abcdef" in said[0]
            assert "copy message-keys.json" in said[0]
            assert not here.faults()

    asyncio.run(main())
