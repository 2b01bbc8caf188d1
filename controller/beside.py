"""The process for messages beside the one for calls: what the two have to do with each other, seen from the calls.

Owns nothing but the pair: calls and messages that are ordered (`outgoing`) and calls that were missed (`missed`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from controller.engine import Engine
from controller.missed import MissedCalls
from controller.outgoing import Outgoing
from controller.types import CallRecord, Dialplan, PlacedNews
from controller.types.texts import TextNews


class Beside:
    """See the top of the file."""

    def __init__(
        self,
        state_dir: Path,
        engine: Callable[[], Engine],
        pump: Callable[[], object],
        complain: Callable[[str, int], object],
    ) -> None:
        """``complain(why, how_many)`` hears of missed calls that could not be told."""
        outgoing = Outgoing(engine, pump, secrets.token_hex(8))
        self.commands = outgoing.commands
        self._outgoing, self._missed = outgoing, MissedCalls(state_dir, complain)

    def hear(self, news: object, dialplan: Dialplan) -> None:
        """Take news of the engine, whatever they are."""
        if isinstance(news, CallRecord):
            self._missed.hear(news, dialplan)
        elif isinstance(news, PlacedNews):
            self._outgoing.hear(news)
        elif isinstance(news, TextNews):
            self._outgoing.hear_text(news)

    async def keep(self) -> None:
        """Tell what is to be told, for ever."""
        await self._missed.keep()

    def close(self) -> None:
        """Keep what was not told for the next life."""
        self._missed.close()
