"""Orders to the process for calls, over the control socket in the state folder: calls and SIP messages alike.

Owns their keys, and what it means when nobody answers or an order is not known. What is ordered, and what comes of it, is
for the adapters.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from controller.channels.base import Refused, Submission, Unclear
from controller.control import Answer, ControlError, NoAnswerError, ask_soon
from controller.messages.ids import time_of
from controller.types import TRANSPORT_ERROR
from controller.types.cascades import TIMEOUT
from controller.types.messages import ByTrunks, Provider


class Orders:
    """The orders of one provider."""

    def __init__(self, provider: Provider, state_dir: Path) -> None:
        """``provider.settings`` are `ByTrunks`; the process for calls runs with the same state folder."""
        assert isinstance(provider.settings, ByTrunks)
        self._name = provider.name
        self._settings = provider.settings
        self._state_dir = state_dir

    def sender(self, wanted: str) -> str:
        """Whose number is shown: the one that is wanted, or the provider's own."""
        return wanted or self._settings.caller

    async def place(
        self, command: str, patience: float, send_key: str, order: dict[str, Any]
    ) -> Answer | Unclear | Refused:
        """Have something done by the provider's trunks. ``patience`` in seconds; what is not answered may have been done."""
        whole = {"key": self.key(send_key), "trunks": list(self._settings.trunks), **order}
        try:
            return await ask_soon(self._state_dir, command, patience, whole)
        except NoAnswerError:
            return Unclear(TIMEOUT)
        except ControlError:
            return Refused(TRANSPORT_ERROR, "no process for calls")

    async def look_up(
        self, command: str, patience: float, send_key: str, read: Callable[[Answer], Submission]
    ) -> Submission:
        """What became of an order; ``read`` is for one that is known."""
        try:
            answer = await ask_soon(self._state_dir, command, patience, {"key": self.key(send_key)})
        except ControlError:
            return Unclear(TRANSPORT_ERROR)
        return read(answer) if answer.get("state") else judge_unknown(send_key, answer)

    def key(self, send_key: str) -> str:
        """What an order is called there: providers share that process."""
        return f"{self._name}/{send_key}"


def judge_unknown(send_key: str, answer: Answer) -> Submission:
    """It never had it, or has forgotten it with an earlier life. Refused if it runs since before the cascade began, so that
    it would know; else nobody can say."""
    begun = time_of(send_key.partition(":")[0])
    is_older = begun is not None and float(answer.get("since", 0.0)) <= begun
    return Refused("404") if is_older else Unclear("restarted")
