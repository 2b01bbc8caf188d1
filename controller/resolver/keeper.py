"""The task that asks again when it is time: one per daemon, beside the pump.

Owns when names are asked, in a thread of their own, and when what is believed is written down. Must not decide what is
believed (`belief`), nor touch the engine: who is told of a change does that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from controller import clock
from controller.resolver.belief import Alive
from controller.resolver.book import Book, NameNews
from controller.resolver.question import Found, Question
from controller.resolver.store import write_addresses
from controller.supervise import run_aside
from controller.types import Dns

if TYPE_CHECKING:
    from controller.resolver.lookup import Lookup

#: What health says is looked at so often, seconds: a doubted answer is believed when all else has died.
REVIEW = 1.0

#: After a turn that failed the next one is taken so late, seconds.
AGAIN = 30.0

#: What is believed is written when it changes, and after so long anyway: its age stands in it. Seconds.
SAVE_EVERY = 600.0


class Keeper:
    """Keeps a book in step with DNS."""

    def __init__(
        self,
        book: Book,
        state_dir: Path,
        alive: Callable[[], Alive],
        on_news: Callable[[Sequence[NameNews]], Awaitable[None]],
        on_fault: Callable[[BaseException], None],
    ) -> None:
        """``alive`` gives what health knows now; ``on_news`` hears of every change, once the book has it."""
        self._book = book
        self._state_dir = state_dir
        self._alive = alive
        self._on_news = on_news
        self._on_fault = on_fault
        self._woken = asyncio.Event()
        self._lookup: Lookup | None = None
        self._saved_at = -inf
        self._news: list[NameNews] = []  # that nobody has been told of yet

    def wake(self) -> None:
        """The book has other names now."""
        self._woken.set()

    def save(self) -> None:
        """Write down what is believed. It blocks."""
        if self._book.beliefs:
            self._writing()()

    def _writing(self) -> Callable[[], None]:
        """The job of writing down what is believed at this moment."""
        return partial(write_addresses, self._book.dump(clock.monotonic()), self._state_dir, clock.epoch())

    async def keep(self) -> None:
        """Ask, for as long as the daemon lives."""
        while True:
            try:
                pause = await self._turn() if self._book.beliefs else None
            except Exception as error:  # noqa: BLE001  # one bad turn must not be the last
                self._on_fault(error)
                pause = AGAIN
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            self._woken.clear()

    async def _turn(self) -> float:
        """Do what is due; how long to wait for the next turn."""
        book = self._book
        self._news += book.review(self._alive(), clock.monotonic())
        due = book.due(clock.monotonic())
        if due:
            found = await run_aside(partial(self._ask, due, book.dns), "resolver")
            self._news += book.take(found, self._alive(), clock.monotonic())
        news = self._news
        if news:
            await self._on_news(news)  # whoever cannot use them now is told again
        self._news = []
        now = clock.monotonic()
        if any(each.old != each.new for each in news) or now > self._saved_at + SAVE_EVERY:
            self._saved_at = now
            await run_aside(self._writing(), "addresses")
        return min(max(book.next_due(now + REVIEW) - now, 0.05), REVIEW)

    def _ask(self, questions: Sequence[Question], settings: Dns) -> dict[Question, Found]:
        """In a thread: dnspython takes its time to import, and to read a large answer."""
        from controller.resolver.lookup import Lookup

        if self._lookup is None or self._lookup.settings != settings:
            self._lookup = Lookup(settings)
        return self._lookup.find_all(questions)
