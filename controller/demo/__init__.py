"""`callward demo`: the real daemon among simulated carriers, a PBX, phones and providers, on real sockets of this machine.

`ports` and `plan` find room, `daemon` runs callward beside us, `boxes` (each behind its `line`) and `providers` are the
simulated parts, `testbed` joins daemon and trunks and makes calls, `codes` sends messages, `show` is all of it. `story` tells
what happens when things break and judges it, `live` goes on with commands from the keyboard and from the console's `buttons`,
both by `controls`; `screen` and `board` are all that is printed. Nothing here decides a call or a message: that is the daemon's
part, seen through its own log.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from controller.demo.browser import open_browser
from controller.demo.daemon import DemoError
from controller.demo.live import LiveDemo
from controller.demo.screen import Screen
from controller.demo.show import open_show
from controller.demo.story import tell

__all__ = ["DIALPLAN", "WHOLE", "DemoError", "run_demo"]

#: Its calls, and all of it.
DIALPLAN = Path(__file__).resolve().parents[2] / "dialplans" / "demo.yaml"
WHOLE = DIALPLAN.with_name("demo-all.yaml")


def run_demo(*, once: bool, browser: bool = True) -> bool:
    """Show it; True if all went as it should. ``browser``: the console is opened in one, if there is one.

    Raises `DemoError` when it cannot be shown at all.
    """
    return asyncio.run(_run(once, browser))


async def _run(once: bool, browser: bool) -> bool:
    loop, screen = asyncio.get_running_loop(), Screen()
    ourselves = asyncio.current_task()
    assert ourselves is not None
    crashes: list[BaseException] = []

    def give_up(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        crashes.append(context.get("exception") or RuntimeError(context["message"]))
        ourselves.cancel()

    loop.set_exception_handler(give_up)  # a callback that failed must not leave a demo that waits for ever
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, ourselves.cancel)
    well: bool | None = None
    try:
        with tempfile.TemporaryDirectory(prefix="callward-demo-") as folder:
            async with (
                open_show(WHOLE, Path(folder), screen.show_change, screen.show_page) as show,
                AsyncExitStack() as stack,
            ):
                screen.show_scene(show)
                well = await tell(show, screen, stack)
                if not once:
                    screen.show_beginning(show, open_browser(show.link) if browser else "")
                    await LiveDemo(show, screen).run()
                return well
    except asyncio.CancelledError:
        if crashes:
            raise crashes[0] from None
        screen.say("stopped")
        # a signal is how the long demo ends, but a story that is to be told once was not told to its end
        return not once if well is None else well
