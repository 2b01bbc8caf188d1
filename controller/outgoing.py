"""Calls and messages that another process orders over the control socket, and how it hears what became of them.

Owns the commands `place`, `withdraw`, `placed`, `placed_news`, `text` and `texted`, and the news that are kept for whoever
asks: numbered from 1 in each life of this process, the latest `KEPT` of them. Must not make calls or send: that is the engine's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from controller import clock, placing, texting
from controller.control import Answer, Command, Request
from controller.engine import Engine
from controller.types import CallOrder, PlacedNews
from controller.types.texts import TextNews, TextOrder, TextState

KEPT = 4096
WAIT = 25.0  # seconds that a question for news may stand open: less than any control socket's patience
LONGEST = 600.0  # seconds of anything in an order


class Outgoing:
    """See the top of the file."""

    def __init__(self, engine: Callable[[], Engine], pump: Callable[[], object], life: str) -> None:
        """``life`` is another one in each life of the process."""
        self._engine = engine
        self._pump = pump
        self._life = life
        self._since = clock.epoch()
        self._news: deque[tuple[int, str, str, str]] = deque(maxlen=KEPT)
        self._count = 0
        self._some = asyncio.Event()
        self._texts: dict[str, asyncio.Event] = {}  # by key: somebody waits for what becomes of them
        self.commands: dict[str, Command] = {
            "place": self.place,
            "withdraw": self.withdraw,
            "placed": self.placed,
            "placed_news": self.news,
            "text": self.text,
            "texted": self.texted,
        }

    def hear(self, news: PlacedNews) -> None:
        """Keep what became of a call, and wake whoever waits for that."""
        self._count += 1
        self._news.append((self._count, news.key, news.state.value, news.cause))
        some, self._some = self._some, asyncio.Event()
        some.set()

    def hear_text(self, news: TextNews) -> None:
        """Wake whoever waits for what became of a message."""
        if (waiting := self._texts.get(news.key)) is not None:
            waiting.set()

    async def text(self, request: Request) -> Answer:
        """Send a message of SIP, unless the key is known, and wait for what becomes of it: as long as the order says."""
        try:
            order = TextOrder(
                key=str(request["key"]),
                number=str(request["number"]),
                text=str(request["text"]),
                trunks=tuple(str(name) for name in request["trunks"]),
                sender=str(request.get("sender", "")),
                within=_seconds(request["within"]),
            )
        except (KeyError, TypeError, ValueError):
            return {"ok": False, "text": "an order has key, number, text, trunks and within", "cause": "400"}
        why = self._engine().send_text(order, clock.monotonic())
        self._pump()
        if why:
            return {
                "ok": False,
                "text": why,
                "cause": "513" if len(order.text.encode()) > texting.MAX_OCTETS else "429",
            }
        known = self._engine().texts.look_up(order.key)
        if known is not None and known.state is TextState.SENDING:
            waiting = self._texts.setdefault(order.key, asyncio.Event())
            with suppress(TimeoutError):
                async with asyncio.timeout(order.within + 1.0):
                    await waiting.wait()
            self._texts.pop(order.key, None)
        return await self.texted(request)

    async def texted(self, request: Request) -> Answer:
        """How far the message with this key is; "" for one that this life does not know."""
        news = self._engine().texts.look_up(str(request.get("key")))
        state = {"state": "", "cause": ""} if news is None else {"state": news.state.value, "cause": news.cause}
        return {"ok": True, "life": self._life, "since": self._known_since(texting.REMEMBER), **state}

    def _known_since(self, remember: float) -> float:
        """All orders since then are known, if they came at all: older ones may be forgotten, or of another life."""
        return max(self._since, clock.epoch() - remember)

    async def place(self, request: Request) -> Answer:
        """Call somebody, unless the key is known."""
        try:
            order = CallOrder(
                key=str(request["key"]),
                number=str(request["number"]),
                trunks=tuple(str(name) for name in request["trunks"]),
                caller=str(request.get("caller", "")),
                **{name: _seconds(request[name]) for name in ("ring", "within", "hold")},
            )
        except (KeyError, TypeError, ValueError):
            return {"ok": False, "text": "an order has key, number, trunks, ring, within and hold", "cause": "400"}
        why = self._engine().place(order, clock.monotonic())
        self._pump()
        return {"ok": False, "text": why, "cause": "429"} if why else await self.placed(request)

    async def withdraw(self, request: Request) -> Answer:
        """Call somebody no more, or never if the order is still to come."""
        self._engine().withdraw_call(str(request.get("key")), clock.monotonic())
        self._pump()
        return {"ok": True}

    async def placed(self, request: Request) -> Answer:
        """How far the call with this key is; "" for one that this life does not know."""
        news = self._engine().placer.look_up(str(request.get("key")))
        state = {"state": "", "cause": ""} if news is None else {"state": news.state.value, "cause": news.cause}
        return {"ok": True, "life": self._life, "since": self._known_since(placing.REMEMBER), **state}

    async def news(self, request: Request) -> Answer:
        """What came after a number; waits for it, a while."""
        after = int(request.get("after", 0)) if request.get("life") == self._life else 0
        if after >= self._count and request.get("life") == self._life:
            with suppress(TimeoutError):
                async with asyncio.timeout(WAIT):
                    await self._some.wait()
        found = [list(item) for item in self._news if item[0] > after]
        return {"ok": True, "life": self._life, "news": found[:200]}


def _seconds(value: object) -> float:
    seconds = float(str(value))
    if not 0.0 < seconds <= LONGEST:
        raise ValueError(f"not between 0 and {LONGEST:g} seconds")
    return seconds
