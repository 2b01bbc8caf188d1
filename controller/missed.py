"""Calls that nobody answered, told to the process for messages, which sends whom a message the route says.

Owns the queue between the two: bounded, never waited for by a call, told again until it was heard or is too old to be of
use, and kept in a spool meanwhile, so that the next life of this process tells what this one could not. The key of each
comes from the call, so that what is told twice is sent once. One caller who tries again and again is one missed call. Must
not send anything itself, nor know what is sent.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller import clock
from controller.control import MESSAGES, ControlError, ask_soon
from controller.rules.match import match_route
from controller.spool import Spool
from controller.supervise import run_aside
from controller.types import FORBIDDEN, CallRecord, Dialplan
from controller.types.messages import CALLER

FILE = "missed-calls.spool"
QUEUED = 1000
USEFUL = 600.0  # seconds: who hears of a missed call later than that wonders
AGAIN_AFTER = 600.0  # seconds before the same caller of the same number is missed anew
REMEMBERED = 10_000
PATIENCE = 10.0
FIRST_PAUSE, LAST_PAUSE = 0.5, 15.0

_E164 = re.compile(r"\+[1-9][0-9]{5,14}")


@dataclass(frozen=True, slots=True)
class _Call:
    """One message that is to be sent."""

    key: str  # the same when it is told again
    at: float  # monotonic
    told: dict[str, Any] = field(repr=False)  # the command


class MissedCalls:
    """See the top of the file."""

    def __init__(self, state_dir: Path, complain: Callable[[str, int], object]) -> None:
        """``complain(why, how_many)`` hears of messages that could not be told in time."""
        self._state_dir = state_dir
        self._complain = complain
        self._queue: deque[_Call] = deque()
        self._some = asyncio.Event()
        self._recent: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._spool = Spool(state_dir / FILE, lambda why: complain(why, 0))

    def __len__(self) -> int:
        return len(self._queue)

    def hear(self, record: CallRecord, dialplan: Dialplan) -> None:
        """Take the record of a call that is over."""
        if record.winner is not None or record.offer.ours or record.cause == FORBIDDEN or dialplan.messaging is None:
            return
        route = match_route(dialplan, record.offer)
        if route is None or route.missed is None:
            return
        offer, now = record.offer, clock.monotonic()
        who = (offer.did, offer.caller)
        last = self._recent.pop(who, None)
        self._recent[who] = now if last is None or now - last >= AGAIN_AFTER else last
        if len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)
        if self._recent[who] != now:
            return
        params = {"caller": offer.caller, "called": offer.did}
        for to in route.missed.to:
            address = offer.caller if to == CALLER else to
            if to == CALLER and _E164.fullmatch(address) is None:
                continue  # nobody that a message could go to
            if len(self._queue) >= QUEUED:
                self._complain("too many wait", 1)
                continue
            key = hashlib.sha256(f"{offer.id}|{to}".encode("utf-8", "surrogateescape")).hexdigest()
            missed = route.missed
            told = {
                "key": key,
                "tenant": missed.tenant,
                "cascade": missed.cascade,
                "template": missed.template,
                "language": missed.language,
                "to": address,
                "params": params,
            }
            self._queue.append(_Call(key, now, told))
            self._spool.put(key, {"at": clock.epoch(), "told": told})
            self._some.set()

    async def keep(self) -> None:
        """Tell all that comes, and first what an earlier life left, for ever."""
        await self._read_spool()
        pause = FIRST_PAUSE
        while True:
            if not self._queue:
                self._some.clear()
                await self._some.wait()
            if await self._tell(self._queue[0]):
                self._spool.done(self._queue.popleft().key)
                pause = FIRST_PAUSE
            else:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LAST_PAUSE)
                self._drop_old()

    def close(self) -> None:
        """Keep what was not told for the next life."""
        self._spool.close()

    async def _read_spool(self) -> None:
        left = await run_aside(self._spool.read, "missed calls")
        now, wall = clock.monotonic(), clock.epoch()
        known = {call.key for call in self._queue}
        calls = [
            _Call(key, now - max(wall - entry["at"], 0.0), entry["told"])
            for key, entry in left.items()
            if key not in known
        ]
        self._queue.extendleft(reversed(calls))
        self._drop_old()

    async def _tell(self, call: _Call) -> bool:
        """True if it was heard, whatever became of it."""
        try:
            answer = await ask_soon(self._state_dir, "missed", PATIENCE, call.told, MESSAGES)
        except ControlError:
            return False
        if not answer.get("ok") and not answer.get("again"):
            self._complain(str(answer.get("text", "refused")), 1)
        return not answer.get("again")

    def _drop_old(self) -> None:
        too_old = clock.monotonic() - USEFUL
        dropped = 0
        while self._queue and self._queue[0].at < too_old:
            self._spool.done(self._queue.popleft().key)
            dropped += 1
        if dropped:
            self._complain("the process for messages does not answer", dropped)
