"""Two clocks, ours and the database's: it is said once that they differ, and once that this is over."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from controller import clock
from controller.broker.clocks import measure, watch_clock
from controller.messages.reducer import reduce
from controller.store.opening import open_store
from tests.store.postgres import Server


class Lines:
    """A log that is read; the clock is set as soon as something is said."""

    def __init__(self, settings: list[float]) -> None:
        self.said: list[str] = []
        self._settings = settings
        self.ahead = settings.pop(0)
        self.over = asyncio.Event()

    def error(self, event: str, *, ahead: float, advice: str) -> None:
        assert "NTP" in advice
        self.info(f"{event} {ahead:g}")

    def info(self, event: str) -> None:
        self.said.append(event)
        if self._settings:
            self.ahead = self._settings.pop(0)
        else:
            self.over.set()


def test_clocks_that_differ_are_told_of(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = clock.epoch

    async def main() -> list[str]:
        store = open_store(postgres.new_url(), tmp_path, reduce)
        await store.open()
        assert await measure(store) == 0.0
        lines: Any = Lines([-90.0, 0.0, 3600.0, 0.0])
        monkeypatch.setattr(clock, "epoch", lambda: real() + lines.ahead)
        with suppress(TimeoutError):
            async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(watch_clock(store, lines, every=0.01))
                await lines.over.wait()
                watching.cancel()
        await store.close()
        said: list[str] = lines.said
        return said

    assert asyncio.run(main()) == ["clocks differ -90", "clocks agree", "clocks differ 3600", "clocks agree"]


def test_a_store_of_our_own_has_our_clock(tmp_path: Path) -> None:
    async def main() -> None:
        store = open_store("", tmp_path, reduce)
        await store.open()
        assert await measure(store) == 0.0
        await store.close()

    asyncio.run(main())
