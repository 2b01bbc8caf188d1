"""The process for messages beside the one for calls: what the two have to do with each other, seen from the calls.

Owns nothing but the pair: calls and messages that are ordered (`outgoing`), calls that were missed (`missed`) and messages
from persons over SIP, which are handed over alike.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from pathlib import Path

from controller.engine import Engine
from controller.handover import Handover
from controller.missed import MissedCalls
from controller.outgoing import Outgoing
from controller.types import CallRecord, Dialplan, PlacedNews
from controller.types.texts import TextNews, TextReceived

FILE = "for-messages.spool"
TEXT_USEFUL = 3 * 86400.0  # seconds: we said that we have it, and it may say "stop"


class Beside:
    """See the top of the file."""

    def __init__(
        self,
        state_dir: Path,
        engine: Callable[[], Engine],
        pump: Callable[[], object],
        complain: Callable[[str, int], object],
    ) -> None:
        """``complain(why, how_many)`` hears of missed calls and messages from persons that could not be told."""
        outgoing = Outgoing(engine, pump, secrets.token_hex(8))
        self.commands = outgoing.commands
        self._handover = Handover(state_dir, FILE, complain)
        self._outgoing, self._missed = outgoing, MissedCalls(self._handover)

    def hear(self, news: object, dialplan: Dialplan) -> None:
        """Take news of the engine, whatever they are."""
        if isinstance(news, CallRecord):
            self._missed.hear(news, dialplan)
        elif isinstance(news, PlacedNews):
            self._outgoing.hear(news)
        elif isinstance(news, TextNews):
            self._outgoing.hear_text(news)

    def take(self, texts: list[TextReceived]) -> None:
        """Messages from persons: told until they are written down; the list is empty then."""
        for text in texts:
            told = {"provider": text.provider, "ref": text.ref, "sender": text.sender, "to": text.to}
            said = base64.b64encode(text.text.encode("utf-8", "replace")).decode()  # a command has room for that
            self._handover.put("inbound", text.ref, TEXT_USEFUL, {**told, "text": said})
        texts.clear()

    async def keep(self) -> None:
        """Tell what is to be told, for ever."""
        await self._handover.keep()

    def close(self) -> None:
        """Keep what was not told for the next life."""
        self._handover.close()
