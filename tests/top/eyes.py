"""What stands on the screen of `callward top`, and waiting for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot

PATIENCE = 30.0  # seconds; nothing here takes more than two


def read(pilot: Pilot[Any]) -> list[str]:
    """The lines of the screen as people see them."""
    strips = pilot.app.screen._compositor.render_strips(pilot.app.size)
    return ["".join(segment.text for segment in strip).rstrip() for strip in strips]


async def until(pilot: Pilot[Any], holds: Callable[[str], Any], then: str = "") -> str:
    """Wait until it holds of the whole screen; what it was. ``then`` is a key to be pressed."""
    text = ""
    try:
        async with asyncio.timeout(PATIENCE):
            while not holds(text := "\n".join(read(pilot))):
                await pilot.pause(0.02)
    except TimeoutError:
        raise AssertionError(f"this is what stands there:\n{text}") from None
    if then:
        await pilot.press(then)
    return text


async def shows(pilot: Pilot[Any], *words: str) -> str:
    """Wait until all these stand somewhere on the screen."""
    return await until(pilot, lambda text: all(word in text for word in words))
