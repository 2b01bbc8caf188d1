"""The console in a real browser: the stage of `tests.ops.stage` in a loop of its own, and one Chromium that looks at it.

Owns both and that each page is watched for errors. What is looked at is the tests' business.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.ops.stage import CONSOLE, OPERATOR, VIEWER, Stage, stage

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --disable-dev-shm-usage"
).split()
PATIENCE = 20_000.0  # milliseconds that a browser waits for something to come true; a busy machine is no failure
WIDE, NARROW = (1280, 800), (390, 844)
T = TypeVar("T")

expect.set_options(timeout=PATIENCE)


class Backstage:
    """The stage, played in a thread of its own."""

    def __init__(self, folder: Path, more: str, change: Callable[[str], str]) -> None:
        self.here: Stage
        self.loop: asyncio.AbstractEventLoop
        self._folder, self._more, self._change = folder, more, change
        self._ready, self._over = threading.Event(), threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._play()), name="stage")
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    async def _play(self) -> None:
        try:
            async with stage(self._folder, self._more, self._change) as here:
                self.here, self.loop = here, asyncio.get_running_loop()
                self._end = asyncio.Event()
                self._ready.set()
                await self._end.wait()
        except BaseException as error:  # noqa: BLE001  # whoever waits hears of it
            self._failure = error
            self._ready.set()

    def do(self, act: Callable[[Stage], Awaitable[T]]) -> T:
        """Something on the stage, to its end."""
        return self.begin(act).result(60)

    def begin(self, act: Callable[[Stage], Awaitable[T]]) -> concurrent.futures.Future[T]:
        """Something on the stage that takes its time."""

        async def run() -> T:
            return await act(self.here)

        return asyncio.run_coroutine_threadsafe(run(), self.loop)

    def tell(self, act: Callable[[Stage], Any]) -> None:
        """Something that is done at once."""

        async def run(here: Stage) -> None:
            act(here)

        self.do(run)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self._end.set)
        self._thread.join(30)


class Visitor:
    """One browser window of its own, and what went wrong in it."""

    def __init__(self, browser: Browser, url: str, size: tuple[int, int] = WIDE, scheme: Any = "light") -> None:
        viewport: Any = {"width": size[0], "height": size[1]}
        self.context: BrowserContext = browser.new_context(
            viewport=viewport, color_scheme=scheme, reduced_motion="reduce"
        )
        self.context.set_default_timeout(PATIENCE)
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.url = url
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.errors.append(f"{error}\n{error.stack}"))

    def _on_console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"{message.text} {message.location.get('url', '')}")

    def log_in(self, token: str = OPERATOR) -> Page:
        """By the form, as people do."""
        self.page.goto(self.url + "/")
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Log in").click()
        self.page.get_by_role("heading", level=1, name="Board").wait_for()
        self.page.locator("[data-row]").first.wait_for()
        return self.page

    def see(self, view: str, size: tuple[int, int] | None = None) -> Page:
        """Another view."""
        if size is not None:
            self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.page.evaluate("hash => { location.hash = hash; }", f"#/{view}")
        self.page.locator(f".view.{view.partition('/')[0]}").wait_for()
        return self.page


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Debian's Chromium, with a profile of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_scene(folder: Path, more: str = CONSOLE, change: Callable[[str], str] = str) -> Iterator[Backstage]:
    """The stage."""
    backstage = Backstage(folder, more, change)
    try:
        yield backstage
        backstage.tell(_without_faults)
    finally:
        backstage.close()


def _without_faults(here: Stage) -> None:
    assert not here.faults(), here.faults()


__all__ = ["NARROW", "OPERATOR", "VIEWER", "WIDE", "Backstage", "Visitor", "open_browser", "open_scene"]
