"""`kill -9` under load: nothing that was accepted is lost, and nothing is sent twice."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from controller.simulate.base import Fates, Faults
from tests.broker.stage import Client, Stage, client, stage

SENDERS = 8


def prepare(here: Stage) -> None:
    """Two providers, one that knows our keys and one that does not (SMPP); all that may happen to a message happens."""
    here.add_smpp("none")
    here.plan["cascades"] = {
        "otp": {
            "window": "120s",
            "steps": [
                {"send": "whatsapp", "wait": "1500ms"},
                {"send": "sms", "wait": "1500ms"},
                {"send": "viber", "wait": "30s"},
            ],
        }
    }
    here.http.fate_of("native", Fates(Faults(cut=0.1, undelivered=0.3, lost=0.05, duplicate=0.1, delay=(0.0, 0.05)), 1))
    here.smsc.fates = Fates(Faults(undelivered=0.3, lost=0.05, cut=0.02, delay=(0.0, 0.05)), 2)
    here.http.fate_of("last", Fates(Faults(delay=(0.0, 0.05)), 3))


async def kill_under_load(here: Stage, kills: int, seed: int) -> dict[str, str]:
    """So many lives; all that was accepted, by its key."""
    random = Random(seed)
    accepted: dict[str, str] = {}
    done = asyncio.Event()

    async def send(asker: Client, sender: int) -> None:
        number = 0
        while not done.is_set():
            key = f"{sender}-{number}"
            accepted[key] = await asker.send(key, params={"code": key})
            number += 1

    async def kill() -> None:
        for _ in range(kills):
            await asyncio.sleep(random.uniform(0.2, 1.0))
            await here.kill()
            await here.start()
        await asyncio.sleep(0.3)
        done.set()

    await here.start()
    async with client(here.url) as asker:
        await asyncio.gather(kill(), *(send(asker, sender) for sender in range(SENDERS)))
        shown = await asker.over(accepted.values(), patience=90.0)
        assert Counter(one["status"] for one in shown.values())["completed"] >= 0.9 * len(shown)
        assert {one["status"] for one in shown.values()} <= {"completed", "exhausted"}
    return accepted


def judge(here: Stage, accepted: dict[str, str], rows: int) -> None:
    """What the providers' books say."""
    assert len(accepted) > 20
    assert len(set(accepted.values())) == len(accepted)
    assert rows == len(accepted), "a key that was asked for again is another cascade"
    assert not here.journal.sent_twice()
    texts = {got.send_key: got.text for got in here.journal.entries}
    for got in here.journal.entries:
        assert texts[got.send_key] == got.text, "one key, two messages"
    by_none = Counter(got.text for got in here.journal.entries if got.provider == here.smsc.name)
    assert by_none
    assert max(by_none.values()) == 1, "sent again to whoever cannot tell doubles apart"


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.long)])
def test_m5_killed_under_load(tmp_path: Path, free_port: int, kills: int) -> None:
    async def main() -> None:
        async with stage(tmp_path, free_port, {"native": "whatsapp", "last": "viber"}) as here:
            prepare(here)
            accepted = await kill_under_load(here, kills, seed=kills)
            await here.kill()
            with sqlite3.connect(tmp_path / "state" / "messages.db") as store:
                (rows,) = store.execute("SELECT count(*) FROM cascade").fetchone()
            judge(here, accepted, rows)
            assert not here.faults()

    asyncio.run(main())


def test_m5_full_disk_loses_nothing(tmp_path: Path, free_port: int) -> None:
    """Files may not grow for a while, whatever is under way: who asks is told to come again, who was accepted is served."""

    async def main() -> None:
        async with stage(tmp_path, free_port, {"native": "whatsapp", "last": "viber"}) as here:
            prepare(here)
            await here.start()
            assert here.process is not None
            async with client(here.url) as asker:

                async def load(name: str) -> list[str]:
                    keys = [f"{name}{number}" for number in range(20)]
                    return list(await asyncio.gather(*(asker.send(key, params={"code": key}) for key in keys)))

                ids = await load("a")
                size = (tmp_path / "state" / "messages.db-wal").stat().st_size
                resource.prlimit(here.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
                more = asyncio.gather(load("b"), load("c"))
                async with asyncio.timeout(30):
                    while not asker.turned_away:  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
                unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
                resource.prlimit(here.process.pid, resource.RLIMIT_FSIZE, unlimited)
                for some in await more:
                    ids += some
                shown = await asker.over(ids)
            assert len(shown) == 60
            assert {one["status"] for one in shown.values()} <= {"completed", "exhausted"}
            assert not here.journal.sent_twice()
            by_none = Counter(got.text for got in here.journal.entries if got.provider == here.smsc.name)
            assert max(by_none.values()) == 1
            assert {line["event"] for line in here.lines} >= {"store lost", "store answers"}
            assert not here.faults()

    asyncio.run(main())
