"""What tests of SMPP share: an account at a simulated SMSC, and news that can be waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from controller.channels.base import Liveness, Message, News
from controller.channels.smpp import SmppAdapter
from controller.simulate.smsc import Smsc
from controller.types.messages import Channel, Provider
from controller.types.smpp import Smpp

PATIENCE = 20.0  # seconds; nothing takes a tenth of it


@dataclass
class Desk:
    """Takes news; `until` waits for some."""

    news: list[News] = field(default_factory=list)
    failing: bool = False  # nothing can be written down now
    stuck: bool = False  # whoever takes news is dead
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, news: list[News]) -> None:
        if self.stuck:
            await asyncio.Event().wait()
        if self.failing:
            raise OSError("no space left on device")
        self.news += news
        self._changed.set()

    async def until(self, holds: Callable[[], Any]) -> None:
        """Wait for news until something holds; fails after `PATIENCE`."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    def of(self, kind: type[Any]) -> list[Any]:
        return [news for news in self.news if isinstance(news, kind)]

    async def alive(self, times: int = 1) -> None:
        await self.until(lambda: sum(each.alive for each in self.of(Liveness)) >= times)


async def eventually(holds: Callable[[], Any]) -> None:
    """Wait for something that nobody tells; fails after `PATIENCE`."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110  # the other side is bytes on a socket
            await asyncio.sleep(0.005)


def account(port: int, **settings: Any) -> Provider:
    fields = {"timeout": 5.0, "enquire": 5.0} | settings
    return Provider("sms-1", Channel.SMS, "smpp", Smpp("127.0.0.1", port, "acme", "secret", **fields))


def text(words: str = "Your code is 123456", key: str = "c1:0:1", to: str = "+15550100", **more: Any) -> Message:
    return Message(key, Channel.SMS, to, words, **({"sender": "ACME"} | more))


@asynccontextmanager
async def bound(smsc: Smsc, **settings: Any) -> AsyncIterator[tuple[SmppAdapter, Desk]]:
    """An account that is bound to a simulated SMSC; both are gone afterwards."""
    desk = Desk()
    adapter = SmppAdapter(account(await smsc.start(), **settings), Random(1))
    await adapter.start(desk.take)
    try:
        await desk.alive()
        yield adapter, desk
    finally:
        await adapter.close()
        await smsc.close()
