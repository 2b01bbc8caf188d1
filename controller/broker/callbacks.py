"""Callbacks to tenants: what the store has queued is posted, signed, and tried again until it is heard.

Owns the pauses between tries, when one is given up, and that no tenant waits for another: who is slow has its own posts under way, and no more.
Must not decide what is told: that is `messages.telling`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

import aiohttp

from controller import clock
from controller.log import Log
from controller.signing import signed_headers
from controller.store.base import Store, StoreError
from controller.supervise import Supervisor
from controller.types.messages import Client

#: Seconds until a callback is tried again, after the first try, the second and so on; then it is given up: a day in all.
PAUSES = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0, 21600.0, 36000.0)

#: So many are taken at once. A tenant that has so many under way gets no more until some are done.
AT_ONCE = 16

#: So many are under way at once, of all tenants: it takes a dozen slow ones to hold up the others.
MOST = 384

#: Seconds that a tenant may take to answer.
PATIENCE = 10.0

#: Seconds between looks at the queue while nobody says that something is there.
POLL = 1.0

#: "It is gone and will not come back": nothing is tried again (as Standard Webhooks has it).
_GONE = 410


class Callbacks:
    """The postman of one daemon."""

    def __init__(
        self, store: Store, clients: Mapping[str, Client], log: Log, on_fault: Callable[[BaseException], None]
    ) -> None:
        self._store = store
        self.clients = clients  # swapped by a reload
        self._log = log
        self._on_fault = on_fault
        self._some = asyncio.Event()
        self._under_way: Counter[str] = Counter()  # by tenant
        self._posts = Supervisor(on_fault)
        self.counters = {"heard": 0, "again": 0, "given_up": 0, "nobody": 0}

    def wake(self) -> None:
        """Something may be queued."""
        self._some.set()

    async def keep(self) -> None:
        """Post, for ever."""
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        # Nobody's cookies are kept: two tenants may share a host.
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
            try:
                while True:
                    self._some.clear()
                    if await self._take(session) == AT_ONCE:
                        continue
                    try:
                        async with asyncio.timeout(POLL):
                            await self._some.wait()
                    except TimeoutError:
                        pass
            finally:
                await self._posts.close()

    async def _take(self, session: aiohttp.ClientSession) -> int:
        """Begin to post what is due, and say how many those were."""
        if self._under_way.total() >= MOST:
            return 0
        full = {tenant for tenant, count in self._under_way.items() if count >= AT_ONCE}
        try:
            rows = await self._store.due_callbacks(clock.epoch(), AT_ONCE, full)
        except StoreError:
            return 0  # whoever needs the store more says so
        except Exception as error:  # noqa: BLE001  # a fault of ours: the next look may find what this one did not
            self._on_fault(error)
            return 0
        for row in rows:
            self._under_way[row[1]] += 1
            self._posts.spawn(self._carry(session, *row), "callback")
        return len(rows)

    async def _carry(
        self, session: aiohttp.ClientSession, number: int, tenant: str, cascade: str, body: str, tries: int
    ) -> None:
        try:
            await self._post(session, number, tenant, cascade, body, tries)
        finally:
            was_full = self._under_way[tenant] >= AT_ONCE or self._under_way.total() >= MOST
            self._under_way[tenant] -= 1
            if not self._under_way[tenant]:
                del self._under_way[tenant]
            if was_full:
                self._some.set()

    async def _post(
        self, session: aiohttp.ClientSession, number: int, tenant: str, cascade: str, body: str, tries: int
    ) -> None:
        client = self.clients.get(tenant)
        if client is None or client.callback is None:
            self.counters["nobody"] += 1
            await self._done(number, None)  # nobody is there any more to hear it
            return
        name, stamp = f"{cascade}.{number}", int(clock.epoch())
        headers = signed_headers(client.callback.key, name, stamp, body)
        status, why = 0, ""
        try:
            async with session.post(
                client.callback.url, data=body.encode(), headers=headers, allow_redirects=False
            ) as answer:
                status, why = answer.status, str(answer.status)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            why = type(error).__name__
        if 200 <= status < 300:
            self.counters["heard"] += 1
            await self._done(number, None)
        elif status == _GONE or tries >= len(PAUSES):
            self.counters["given_up"] += 1
            self._log.error("callback given up", tenant=tenant, cascade=cascade, why=why, tries=tries + 1)
            await self._done(number, None)
        else:
            self.counters["again"] += 1
            await self._done(number, clock.epoch() + PAUSES[tries])

    async def _done(self, number: int, again_at: float | None) -> None:
        try:
            await self._store.done_callback(number, again_at=again_at)
        except StoreError:
            pass  # it is heard twice, with the same id
        except Exception as error:  # noqa: BLE001  # a fault of ours: the others are posted all the same
            self._on_fault(error)
