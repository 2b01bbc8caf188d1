"""The whole demo after its story, without a terminal, for whoever looks at it in a browser.

Owns its thread. What is looked at is the tests' business.
"""

from __future__ import annotations

import asyncio
import io
import threading
from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console

from controller.demo import WHOLE
from controller.demo.live import LiveDemo
from controller.demo.screen import Screen
from controller.demo.show import Show, open_show


class Demo:
    """The demo after its story, played in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self.show: Show
        self.printed = io.StringIO()
        self._folder = folder
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._play()), name="demo")
        self._failure: BaseException | None = None
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    async def _play(self) -> None:
        ourselves = asyncio.current_task()
        assert ourselves is not None
        screen = Screen(Console(file=self.printed, width=100))
        try:
            async with (
                open_show(WHOLE, self._folder, screen.show_change, screen.show_page) as self.show,
                AsyncExitStack() as stack,
            ):
                await self.show.complete(stack)
                screen.show_beginning(self.show, "")
                self._loop, self._task = asyncio.get_running_loop(), ourselves
                self._ready.set()
                await LiveDemo(self.show, screen).run()
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001  # whoever waits hears of it
            self._failure = error
        finally:
            self._ready.set()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(30)
        assert self._failure is None, self._failure
