"""Whoever takes news in tests of adapters, and ways to wait without sleeping and hoping."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from controller.channels.base import Liveness, News

PATIENCE = 20.0  # seconds; nothing takes a tenth of it

#: Of the process for calls: two trunks, for their ports.
DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:0"}}]
trunks:
  one: {{uri: "sip:127.0.0.1:{one}", probe: off}}
  two: {{uri: "sip:127.0.0.1:{two}", probe: off}}
endpoints:
  anna: {{number: "+15550100", via: [one, two], live: true}}
chains:
  main: [{{ring: [anna]}}]
routes:
  - {{did: "+15557000", chain: main}}
"""


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


def play(script: Callable[[], Awaitable[None]]) -> None:
    """Run a script in a loop of its own, not for ever."""

    async def whole() -> None:
        async with asyncio.timeout(3 * PATIENCE):
            await script()

    asyncio.run(whole())
