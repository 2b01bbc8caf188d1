"""Live events of one cascade: its history as server-sent events, from any place on, until it is over.

Owns who waits for which cascade, and the form of the stream (WHATWG HTML §9.2). The history in the store is the only truth:
who comes back with a Last-Event-ID misses nothing, whatever happened meanwhile and to whichever daemon.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from controller.api.problems import Problem
from controller.api.views import show_transition
from controller.store.base import History, Store, StoreError
from controller.types.cascades import CascadeStatus

MOST_STREAMS = 1_000
MOST_OF_ONE = 250  # of one tenant: the others are to have theirs
POLL = 2.0  # seconds: what another daemon wrote is seen then
KEEP_ALIVE = 7  # polls without news after which a comment is sent, so that nothing between gives the connection up
LONGEST = 3600.0  # seconds: then the client comes back with its Last-Event-ID


class Announcer:
    """Wakes who waits for a cascade. Costs nothing where nobody does."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._of: Counter[str] = Counter()  # streams by tenant
        self.streams = 0
        self.closing = False

    def announce(self, cascade_id: str) -> None:
        """Something happened to it, and is durable."""
        for event in self._waiting.get(cascade_id, ()):
            event.set()

    def close(self) -> None:
        """End all streams: their clients come back with what they heard last."""
        self.closing = True
        for events in self._waiting.values():
            for event in events:
                event.set()

    def check(self, tenant: str) -> None:
        """Whether there is room for one more stream of the tenant. Raises `Problem`."""
        if self.streams >= MOST_STREAMS or self._of[tenant] >= MOST_OF_ONE:
            raise Problem(503, "busy", "too many streams are open", retry_after=10)

    def join(self, cascade_id: str, tenant: str) -> asyncio.Event:
        """An event that is set whenever something happens to the cascade."""
        self.streams += 1
        self._of[tenant] += 1
        event = asyncio.Event()
        self._waiting.setdefault(cascade_id, set()).add(event)
        return event

    def leave(self, cascade_id: str, tenant: str, event: asyncio.Event) -> None:
        """Wait no longer."""
        self.streams -= 1
        self._of[tenant] -= 1
        if not self._of[tenant]:
            del self._of[tenant]
        waiting = self._waiting.get(cascade_id, set())
        waiting.discard(event)
        if not waiting:
            self._waiting.pop(cascade_id, None)


async def follow(
    store: Store, announcer: Announcer, cascade_id: str, after: int, tenant: str = ""
) -> AsyncGenerator[bytes]:
    """The stream: each line of the history once, in order, then "end" with the status."""
    woken = announcer.join(cascade_id, tenant)
    quiet = 0
    loop = asyncio.get_running_loop()
    until = loop.time() + LONGEST
    try:
        yield b"retry: 1000\n\n"
        while True:
            woken.clear()
            try:
                found = await store.get(cascade_id)  # before its history: what it says is over has all of that
                rows = await store.history(cascade_id, after)
            except StoreError:
                return  # the client comes back
            if found is None:
                return
            for row in rows:
                after = row.seq
                yield write_event(row)
            if found[0].status is not CascadeStatus.ACTIVE:
                yield f"event: end\ndata: {json.dumps({'status': found[0].status.value})}\n\n".encode()
                return
            quiet = 0 if rows else quiet + 1
            if quiet >= KEEP_ALIVE:
                quiet = 0
                yield b": still here\n\n"
            if announcer.closing or loop.time() > until:
                return
            try:
                async with asyncio.timeout(POLL):
                    await woken.wait()
            except TimeoutError:
                pass
    finally:
        announcer.leave(cascade_id, tenant, woken)


class Stream(StreamingResponse):
    """The stream as an answer. However it ends, the place is free at once: without this whoever collects garbage would say when."""

    def __init__(self, events: AsyncGenerator[bytes]) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(events, headers=headers, media_type="text/event-stream")
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See Starlette."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._events.aclose()


def write_event(row: History) -> bytes:
    """One line of the history as one event; its number is what Last-Event-ID brings back."""
    data = show_transition(row)
    del data["decision"]  # long; /explain has it
    return f"id: {row.seq}\nevent: {row.audit.event}\ndata: {json.dumps(data)}\n\n".encode()
