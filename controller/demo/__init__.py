"""`callward demo`: the real daemon among simulated carriers, a PBX and phones, on real sockets of this machine.

`ports` finds room, `daemon` runs callward beside us, `boxes` are the simulated parts, `testbed` joins them and makes
calls, `story` tells what happens when things break and judges it, `live` goes on with commands from the keyboard,
`screen` is all that is printed. Nothing here decides a call: that is the daemon's part, seen through its own log.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
from pathlib import Path
from typing import Any

from controller.demo.daemon import DemoError
from controller.demo.live import go_on
from controller.demo.screen import Screen
from controller.demo.story import tell
from controller.demo.testbed import open_testbed

__all__ = ["DIALPLAN", "DemoError", "run_demo"]

DIALPLAN = Path(__file__).resolve().parents[2] / "dialplans" / "demo.yaml"


def run_demo(*, once: bool) -> bool:
    """Show it; True if all went as it should.

    Raises `DemoError` when it cannot be shown at all.
    """
    return asyncio.run(_run(once))


async def _run(once: bool) -> bool:
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
            async with open_testbed(DIALPLAN, Path(folder), screen.show_trunk) as testbed:
                screen.show_scene(testbed)
                well = await tell(testbed, screen)
                if not once:
                    await go_on(testbed, screen)
                return well
    except asyncio.CancelledError:
        if crashes:
            raise crashes[0] from None
        screen.say("stopped")
        # a signal is how the long demo ends, but a story that is to be told once was not told to its end
        return not once if well is None else well
