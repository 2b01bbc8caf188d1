"""Tells a collector of OpenTelemetry, by OTLP over HTTP: calls within seconds, metrics twice a minute.

Owns what waits, and that a collector that is lost costs nothing but what it misses. Must not know what is in a request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any

import aiohttp

from controller import clock
from controller.ops.consumer import CALLS, Event, Picture
from controller.ops.consumers import Tools
from controller.ops.otel.shapes import show_calls, show_metrics

#: Seconds between two looks for calls, and from one to the next telling of metrics.
OFTEN, SELDOM = 5.0, 30.0
#: Calls that wait while the collector is lost, and those of one request.
WAITING, AT_ONCE = 2_000, 200
PATIENCE = 5.0
#: By OTLP (opentelemetry.io/docs/specs/otlp, "Failures"): taken; to be tried again. Whatever else is refused for good.
_TAKEN, _AGAIN = 200, frozenset((429, 502, 503, 504))


class Otel:
    """A consumer."""

    def __init__(self, tools: Tools) -> None:
        assert tools.ops.otel is not None
        self._settings = tools.ops.otel
        self._log = tools.log
        self._meter = tools.meter
        self._calls: deque[Mapping[str, Any]] = deque(maxlen=WAITING)
        self._told_at = 0.0
        self._why: dict[str, str] = {}  # by path: why the collector does not take what it is told there, or ""
        self.refused = 0  # calls that it did not want
        self._telling = asyncio.Lock()
        tools.meter.parts["otel"] = lambda: [("callward_otel_taken", (), float(not any(self._why.values())))]

    def hear(self, event: Event) -> None:
        """A call is over."""
        if event.source == CALLS and event.kind == "call" and not event.old:
            self._calls.append(event.data)

    def see(self, picture: Picture) -> None:
        """The meter has seen it."""

    async def keep(self) -> None:
        """Tell, for ever."""
        while True:
            await self._tell()
            await asyncio.sleep(OFTEN)

    async def close(self) -> None:
        """Tell of what is left."""
        self._told_at = 0.0
        await self._tell()

    async def _tell(self) -> None:
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        async with self._telling, aiohttp.ClientSession(timeout=timeout, headers=self._headers()) as session:
            while self._calls:
                some = [self._calls[number] for number in range(min(AT_ONCE, len(self._calls)))]
                status = await self._post(session, "/v1/traces", show_calls(some))
                if not status or status in _AGAIN:
                    return
                # refused or taken: what is refused would be refused for ever, with all that waits behind it
                self.refused += len(some) if status != _TAKEN else 0
                for call in some:
                    if self._calls and self._calls[0] is call:
                        self._calls.popleft()
            now = clock.epoch()
            if now - self._told_at >= SELDOM:
                self._told_at = now
                self._meter.gather()
                await self._post(
                    session, "/v1/metrics", show_metrics(self._meter.registry.collect(), self._meter.since, now)
                )

    def _headers(self) -> dict[str, str]:
        shown = {"content-type": "application/x-protobuf"}
        return shown | ({"authorization": f"Bearer {self._settings.token}"} if self._settings.token else {})

    async def _post(self, session: aiohttp.ClientSession, path: str, body: bytes) -> int:
        """The status of the answer; 0 for none."""
        why, status = "", 0
        try:
            async with session.post(self._settings.endpoint + path, data=body, allow_redirects=False) as answer:
                status = answer.status
                if status != _TAKEN:
                    why = f"it answers {status} to {path}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = str(error) or "no answer in time"
        before, self._why[path] = self._why.get(path, ""), why
        if why and not before:
            self._log.warning("the collector of OpenTelemetry does not take what it is told", why=why)
        elif before and not why:
            self._log.info("the collector of OpenTelemetry takes what it is told", what=path)
        return status
