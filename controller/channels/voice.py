"""Messages that are said: each is a call that the process for calls makes, by its trunks, with its failover.

Owns the order that a message becomes, and what the state of a call means for it. Asks over the control socket in the
state folder; a call that is ordered goes on whatever becomes of this process. Must not know SIP.

What is said is not heard yet: the call is answered, held for as long as the words would take, and hung up.

After a crash the process for calls is asked by the key (`Dedup.LOOKUP`). If that one is a newer life than the message,
nobody can say whether the phone rang: it is not called twice.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from controller.channels.base import (
    Accepted,
    Liveness,
    Message,
    News,
    Refused,
    Report,
    Sink,
    Submission,
    Unclear,
    Webhook,
    WebhookAnswer,
)
from controller.channels.orders import Orders
from controller.control import Answer, ControlError, ask_soon
from controller.supervise import Supervisor
from controller.types import WITHDRAWN, CallState, Milestone
from controller.types.cascades import ABSENT, REJECTED, TIMEOUT, UNKNOWN_SUBSCRIBER
from controller.types.messages import Dedup, Provider

PATIENCE = 4.0  # seconds for an order: the process for calls is on this machine
NEWS_PATIENCE = 40.0
PAUSE = 1.0  # before a process for calls that does not answer is asked again
RING, LONGEST_RINGING = 30.0, 300.0  # seconds: on each trunk, and in all where the step does not say
PER_LETTER, BESIDE = 0.12, 6.0  # seconds: words are said twice, after a greeting
LONGEST = 60.0

#: What SIP statuses mean for who was called (RFC 3261 §21); others are the way's fault.
_CAUSES = {
    **dict.fromkeys(("404", "410", "484", "604"), UNKNOWN_SUBSCRIBER),
    **dict.fromkeys(("480", "486", "487", "600", "603", "607"), ABSENT),
    **dict.fromkeys(("403", "415", "488", "606"), REJECTED),
    "408": TIMEOUT,
    WITHDRAWN: WITHDRAWN,
}
_MILESTONES = {
    CallState.RINGING: Milestone.ALERTING,
    CallState.ANSWERED: Milestone.ANSWERED,
    CallState.ENDED: Milestone.ANSWERED,
}


class VoiceAdapter:
    """One provider of calls."""

    dedup = Dedup.LOOKUP

    def __init__(self, provider: Provider, state_dir: Path) -> None:
        """``provider.settings`` are `ByTrunks`; the process for calls runs with the same state folder."""
        self.name = provider.name
        self._orders = Orders(provider, state_dir)
        self._state_dir = state_dir
        self._tasks = Supervisor(lambda _error: None)  # `_listen` sees to failures
        self._alive: bool | None = None  # as was last told

    async def start(self, sink: Sink) -> None:
        """Listen to what becomes of calls."""
        self._tasks.spawn(self._listen(sink), f"calls of {self.name}")

    async def submit(self, message: Message) -> Submission:
        """Order a call."""
        order = {
            "number": message.to,
            "caller": self._orders.sender(message.sender),
            "ring": RING,
            # when the next way is tried, this one has ended
            "within": max(1.0, min(message.lifetime, message.wait or LONGEST_RINGING, LONGEST_RINGING)),
            "hold": min(BESIDE + PER_LETTER * len(message.text), LONGEST),
        }
        answer = await self._orders.place("place", PATIENCE, message.send_key, order)
        if isinstance(answer, Unclear | Refused):
            return answer
        if not answer.get("ok"):
            return Refused(str(answer.get("cause", REJECTED)), "not placed")
        if answer.get("cause") == WITHDRAWN:  # it was taken back before it came
            return Refused(WITHDRAWN)
        return Accepted(message.send_key)

    async def look_up(self, send_key: str) -> Submission:
        """Whether a call was ordered with this key."""
        return await self._orders.look_up("placed", PATIENCE, send_key, lambda _: Accepted(send_key))

    async def withdraw(self, send_key: str) -> None:
        """Call nobody any more by this key; where that cannot be said now, the call ends by its own time."""
        with suppress(ControlError):
            await ask_soon(self._state_dir, "withdraw", PATIENCE, {"key": self._orders.key(send_key)})

    def receive(self, request: Webhook, now: float) -> WebhookAnswer:
        """Nobody tells us anything by HTTP."""
        return WebhookAnswer(status=404)

    async def close(self) -> None:
        """Listen no longer. Calls that are up go on."""
        await self._tasks.close()

    async def _listen(self, sink: Sink) -> None:
        life, after = "", 0
        while True:
            try:
                answer = await ask_soon(self._state_dir, "placed_news", NEWS_PATIENCE, {"life": life, "after": after})
                news, last = self._read(answer)
                await self._tell(sink, news, "")
                life, after = str(answer["life"]), last or (after if answer["life"] == life else 0)
            except (ControlError, KeyError, TypeError, ValueError) as error:
                await self._tell(sink, [], str(error) or "no answer")
                await asyncio.sleep(PAUSE)
            except Exception:  # noqa: BLE001  # what cannot be made durable now is told again
                await asyncio.sleep(PAUSE)

    async def _tell(self, sink: Sink, news: list[News], why: str) -> None:
        alive = not why
        if alive is not self._alive:
            news = [Liveness(self.name, alive, why or "the process for calls answers"), *news]
        if news:
            await sink(news)
        self._alive = alive

    def _read(self, answer: Answer) -> tuple[list[News], int]:
        """Reports of calls of ours, and the number of the last of anybody's."""
        news: list[News] = []
        last = 0
        for number, key, state, cause in answer["news"]:
            last = int(number)
            name, _, send_key = str(key).partition("/")
            if name != self.name:
                continue
            milestone = _MILESTONES.get(CallState(state))
            if milestone is not None:
                news.append(Report(self.name, send_key, milestone, send_key=send_key))
            else:
                words = _CAUSES.get(cause, cause if cause[:1] == "5" else REJECTED)
                code = "" if cause == WITHDRAWN else f"SIP {cause}"
                news.append(Report(self.name, send_key, None, words, code, send_key))
        return news, last
