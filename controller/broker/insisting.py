"""What the store must do is tried until it can, and it is said once that it is lost, and once that it is back.

Owns the pauses between tries, and who waits for the store. Must not know what is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from controller.store.base import StoreError

T = TypeVar("T")

#: A store that is lost is asked again after so many seconds, twice as many each time up to the last.
FIRST_RETRY, LAST_RETRY = 0.05, 1.0


class Insisting:
    """Knows who waits for a store."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        """``tell`` hears why the store is lost, once, and "" when it is back."""
        self._tell = tell
        self._waiting: set[object] = set()

    async def surely(self, act: Callable[[], Awaitable[T]]) -> T:
        """Do it, however long the store is lost."""
        try:
            return await act()  # as nearly always
        except StoreError as error:
            why = str(error)
        pause = FIRST_RETRY
        try:
            while True:
                self.note(act, why)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LAST_RETRY)
                try:
                    return await act()
                except StoreError as error:
                    why = str(error)
        finally:
            self.note(act, "")

    def note(self, who: object, why: str) -> None:
        """Somebody waits for it, or no more (""). It is lost from the first that it fails to the last that waits for it."""
        was = bool(self._waiting)
        if why:
            self._waiting.add(who)
        else:
            self._waiting.discard(who)
        if was != bool(self._waiting):
            self._tell(why)
