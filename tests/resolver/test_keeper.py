"""The task that asks: what is not used is told again, an empty book sleeps, what is believed is written down."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from controller import clock
from controller.resolver import keeper as keeper_module
from controller.resolver.book import Book, NameNews
from controller.resolver.keeper import Keeper
from controller.resolver.store import last_addresses
from controller.types import Address, Dialplan, Dns, Listen, Trunk
from tests.resolver.server import Server, serving

PATIENCE = 20.0  # seconds; only what is broken ever waits for so long


def plan_for(server: Server, *names: str) -> Dialplan:
    trunks = {name: Trunk(name, f"{name}.example", 5060) for name in names}
    return Dialplan("v", (Listen("127.0.0.1", 0),), trunks, {}, {}, dns=Dns((server.address,), least=1.0))


class Listener:
    """Whoever uses addresses; the first time it cannot."""

    def __init__(self, book: Book, folder: Path) -> None:
        self.told: list[list[NameNews]] = []
        self.faults: list[BaseException] = []
        self.changed = asyncio.Event()
        self.keeper = Keeper(book, folder, lambda: lambda _: None, self.hear, self.faults.append)

    async def hear(self, news: Sequence[NameNews]) -> None:
        self.told.append(list(news))
        self.changed.set()
        if len(self.told) == 1:
            raise RuntimeError("not now")

    async def wait_for_news(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.told) < count:
                self.changed.clear()
                await self.changed.wait()


def test_news_that_could_not_be_used_is_told_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "AGAIN", 0.01)

    async def story(server: Server) -> None:
        book = Book()
        plan = plan_for(server, "carrier")
        book.follow(plan, clock.monotonic())
        listener = Listener(book, tmp_path)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(listener.keeper.keep())
            await listener.wait_for_news(2)
            task.cancel()
        assert [str(fault) for fault in listener.faults] == ["not now"]
        assert listener.told[0] == listener.told[1]
        assert listener.told[0][0].new == ("udp:192.0.2.1:5060",)
        listener.keeper.save()
        assert last_addresses(plan, tmp_path) == {"carrier": (Address("192.0.2.1", 5060),)}

    with serving({("carrier.example", "A"): ["192.0.2.1"]}) as server:
        asyncio.run(story(server))


def test_a_book_without_names_sleeps_until_a_reload_brings_one(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        book = Book()
        book.follow(plan_for(server), clock.monotonic())
        listener = Listener(book, tmp_path)
        listener.told.append([])  # and so nothing is refused
        async with asyncio.TaskGroup() as group:
            task = group.create_task(listener.keeper.keep())
            await asyncio.sleep(0)
            assert server.asked == []
            book.follow(plan_for(server, "carrier"), clock.monotonic())
            listener.keeper.wake()
            await listener.wait_for_news(2)
            task.cancel()
        assert listener.told[1][0].name == "carrier.example:5060"
        assert listener.faults == []

    with serving({("carrier.example", "A"): ["192.0.2.1"]}) as server:
        asyncio.run(story(server))
