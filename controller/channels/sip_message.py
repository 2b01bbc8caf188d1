"""Messages of SIP (RFC 3428): each is a MESSAGE that the process for calls sends by its trunks.

Owns the order that a message becomes, and what its outcome means. Asks over the control socket in the state folder. Must
not know how SIP looks.

A 200 says that the phone has it, a 202 that somebody on the way has. After a crash the process for calls is asked by the
key (`Dedup.LOOKUP`); if that one is a newer life than the message, nobody can say whether it was sent.
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from controller.channels.base import (
    Accepted,
    Liveness,
    Message,
    Refused,
    Sink,
    Submission,
    Unclear,
    Webhook,
    WebhookAnswer,
)
from controller.channels.orders import Orders
from controller.control import Answer, ControlError, ask_soon
from controller.supervise import Supervisor
from controller.types import Milestone
from controller.types.cascades import ABSENT, BAD_TEMPLATE, NOT_ON_CHANNEL, REJECTED, TIMEOUT, UNKNOWN_SUBSCRIBER
from controller.types.messages import Dedup, Provider
from controller.types.texts import TextState

WITHIN = 4.0  # seconds for an answer: a phone that is there answers at once
PATIENCE = 1.5  # seconds more, for the process for calls itself
LOOK = 2.0  # seconds between looks at a process for calls that is not there

#: What SIP statuses mean for who was written to (RFC 3261 §21); others are the way's fault.
_CAUSES = {
    **dict.fromkeys(("404", "410", "484", "604"), UNKNOWN_SUBSCRIBER),
    **dict.fromkeys(("480", "486", "600", "603"), ABSENT),
    **dict.fromkeys(("405", "415", "488", "501", "606"), NOT_ON_CHANNEL),  # its phone takes no messages
    **dict.fromkeys(("413", "513"), BAD_TEMPLATE),
    "403": REJECTED,
    "408": TIMEOUT,
    "429": "429",
}


class SipMessageAdapter:
    """One provider of messages over SIP."""

    dedup = Dedup.LOOKUP

    def __init__(self, provider: Provider, state_dir: Path) -> None:
        """``provider.settings`` are `ByTrunks`; the process for calls runs with the same state folder."""
        self.name = provider.name
        self._orders = Orders(provider, state_dir)
        self._state_dir = state_dir
        self._tasks = Supervisor(lambda _error: None)  # `_watch` sees to failures
        self._gone = asyncio.Event()
        self._alive: bool | None = None  # as was last told
        self._sink: Sink | None = None

    async def start(self, sink: Sink) -> None:
        """Look whether the process for calls is there."""
        self._sink = sink
        self._gone.set()
        self._tasks.spawn(self._watch(), f"SIP messages of {self.name}")

    async def submit(self, message: Message) -> Submission:
        """Send it, and wait for the answer of whoever is there."""
        order = {
            "number": message.to,
            "text": message.text,
            "sender": self._orders.sender(message.sender),
            "within": max(0.5, min(message.lifetime, WITHIN)),
        }
        answer = await self._orders.place("text", WITHIN + PATIENCE, message.send_key, order)
        if isinstance(answer, Unclear | Refused):
            self._gone.set()
            return answer
        if not answer.get("ok"):
            return Refused(_CAUSES.get(str(answer.get("cause")), REJECTED), "not sent")
        return self._read(message.send_key, answer)

    async def look_up(self, send_key: str) -> Submission:
        """What became of the message with this key."""
        return await self._orders.look_up("texted", PATIENCE, send_key, partial(self._read, send_key))

    def receive(self, request: Webhook, now: float) -> WebhookAnswer:
        """Nobody tells us anything by HTTP."""
        return WebhookAnswer(status=404)

    async def close(self) -> None:
        """Look no longer."""
        await self._tasks.close()

    def _read(self, send_key: str, answer: Answer) -> Submission:
        cause = str(answer.get("cause", ""))
        match answer["state"]:
            case TextState.DELIVERED:
                return Accepted(send_key, Milestone.ANSWERED)
            case TextState.TAKEN:
                return Accepted(send_key)
            case TextState.FAILED:
                return Refused(_CAUSES.get(cause, cause if cause[:1] == "5" else REJECTED), f"SIP {cause}")
            case _:
                return Unclear(TIMEOUT)

    async def _watch(self) -> None:
        """Tell whether the process for calls is there: after the start, and once it was not."""
        while True:
            await self._gone.wait()
            try:
                await ask_soon(self._state_dir, "texted", PATIENCE, {"key": ""})
                why = ""
                self._gone.clear()
            except ControlError as error:
                why = str(error)
            alive = not why
            if alive is not self._alive and await self._tell(Liveness(self.name, alive, why or "it answers")):
                self._alive = alive
            if not alive or self._alive is not alive:
                self._gone.set()
                await asyncio.sleep(LOOK)

    async def _tell(self, news: Liveness) -> bool:
        assert self._sink is not None
        try:
            await self._sink([news])
        except Exception:  # noqa: BLE001  # what cannot be made durable now is told again
            return False
        return True
