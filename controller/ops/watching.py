"""Following the daemons: their news as they come, their status about once a second and soon after each piece of news.

Owns the connections to both, and that each is looked for again for ever. Must not know who consumes what it hears.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from controller import clock, feed
from controller.control import FILE, ControlError, NoAnswerError, ask_soon
from controller.control import MESSAGES as MESSAGES_CONTROL
from controller.news import TEST_CALL
from controller.ops.consumer import CALLS, MESSAGES, Event, Picture

#: Seconds between two looks for a daemon that is not there.
LOOK = 0.25
#: Seconds between two questions for the status, and from an event to one. A large answer costs the process for calls some
#: milliseconds: after one that took long there is a pause so many times as long, however much happens.
EVERY, SOON, SPARE = 1.0, 0.05, 20
PATIENCE = 2.0
AGAIN = (
    2.0  # seconds until one that did not answer is asked again; less than an alert is held for: one slow answer is none
)

#: Told about each call or test call, and changes no picture that would have to be asked for at once.
_QUIET = frozenset(("call", "placed", "text", TEST_CALL))


class Watching:
    """Both daemons of one state folder."""

    def __init__(self, state_dir: Path, hear: Callable[[Event], None], see: Callable[[Picture], None]) -> None:
        self._state_dir = state_dir
        self._hear, self._see = hear, see
        self._changed = asyncio.Event()
        self._again = {CALLS: 0.0, MESSAGES: 0.0}  # not asked before then
        self._answers = {CALLS: False, MESSAGES: False}
        self._lives = {CALLS: "", MESSAGES: ""}
        self._last = {CALLS: 0, MESSAGES: 0}  # the number of the last event of each, within its life
        self._told = {CALLS: 0, MESSAGES: 0}  # that of the last one that was told before we came
        self._goal: dict[str, int | None] = {CALLS: None, MESSAGES: None}  # that of the last which is told again
        self.picture = Picture(clock.epoch(), answers=dict(self._answers))

    def jobs(self) -> list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
        """What has to run, each for ever, and anew where it failed."""
        return [
            ("follow calls", partial(self._follow, CALLS, feed.FILE)),
            ("follow messages", partial(self._follow, MESSAGES, feed.MESSAGES)),
            ("look", self._look),
        ]

    @property
    def has_caught_up(self) -> bool:
        """Whether all was heard that those who answer tell again to whoever comes."""
        goals = [(source, self._goal[source]) for source, yes in self._answers.items() if yes]
        return all(goal is not None and self._last[source] >= goal for source, goal in goals)

    async def _follow(self, source: str, file: str) -> None:
        since = clock.epoch()
        while True:
            await feed.follow(
                self._state_dir,
                file,
                lambda items: self._on_items(source, items, since),
                lambda yes: self._on_open(source, yes),
            )
            await asyncio.sleep(LOOK)

    def _on_open(self, source: str, yes: bool) -> None:
        self._answers[source] = yes
        self._goal[source] = None
        self._changed.set()

    def _on_items(self, source: str, items: list[feed.Item], since: float) -> None:
        for number, kind, at, data in items:
            if kind == feed.HELLO:
                self._begin(source, data)
                continue
            before, self._last[source] = self._last[source], max(number, self._last[source])
            if number <= before:
                continue  # told again to whoever comes again
            # by numbers: clocks are set back
            old, missed = number <= self._told[source], number - max(before, self._told[source]) - 1
            life = self._lives[source]
            self._hear(Event(source, kind, at, data, number, life, old and at < since, max(0, missed)))
            if kind not in _QUIET:
                self._changed.set()

    def _begin(self, source: str, hello: Mapping[str, Any]) -> None:
        """A connection, perhaps to another life of the daemon. Of the first one that we see, only what is kept is told of the
        time before; of a later one all should be."""
        self._goal[source] = hello.get("kept", 0)
        if hello["life"] == self._lives[source]:
            return
        is_first = not self._lives[source]
        self._lives[source], self._last[source] = hello["life"], 0
        self._told[source] = hello.get("last", 0) if is_first else 0

    async def _look(self) -> None:
        while True:
            self.picture = await self._ask()
            self._see(self.picture)
            try:
                async with asyncio.timeout(EVERY):
                    await self._changed.wait()
                took = sum(self.picture.took.values())
                # one more question for all that happens together
                await asyncio.sleep(min(EVERY, max(SOON, SPARE * took)))
            except TimeoutError:
                pass
            self._changed.clear()

    async def _ask(self) -> Picture:
        asked = {CALLS: self._ask_one(CALLS, FILE), MESSAGES: self._ask_one(MESSAGES, MESSAGES_CONTROL)}
        answers = dict(zip(asked, await asyncio.gather(*asked.values()), strict=True))
        took = {source: answer[1] for source, answer in answers.items() if answer is not None}
        found = {source: answer[0] if answer is not None else None for source, answer in answers.items()}
        return Picture(clock.epoch(), found[CALLS], found[MESSAGES], dict(self._answers), took)

    async def _ask_one(self, source: str, file: str) -> tuple[Any, float] | None:
        """Its status, and after how many seconds. One that did not answer in time is left alone for a while: pictures of the other
        must not wait for it each time."""
        asked = clock.monotonic()
        if asked < self._again[source]:
            return None
        try:
            answer = await ask_soon(self._state_dir, "status", PATIENCE, {"brief": True}, file=file)
        except NoAnswerError:
            self._again[source] = clock.monotonic() + AGAIN
            return None
        except ControlError:
            return None  # it is not there, which costs no time
        return answer.get("status") if answer.get("ok") else None, clock.monotonic() - asked
