"""What each view looks like, to the letter: 80 columns and 24 lines, and what more there is in more room.

`CALLWARD_SCREENS=1` writes the files in `screens/` anew; look at them before they are kept.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from controller import clock
from controller.top.app import Top
from tests.top.canned import T, canned
from tests.top.eyes import read, shows, until

SCREENS = Path(__file__).parent / "screens"
#: By name: columns and lines, and keys, each with words that stand there once it has done what it does.
CASES: dict[str, tuple[tuple[int, int], list[tuple[str, str]]]] = {
    "trunks": ((80, 24), []),
    "trunks-end": ((80, 24), [("G", "9/9")]),
    "trunks-wide": ((180, 30), []),
    "trunks-narrow": ((40, 12), []),
    "trunks-filtered": ((80, 24), [("slash", "words that"), *((key, "") for key in "carrier up"), ("enter", "1/1")]),
    "calls": ((80, 24), [("2", "1/5")]),
    "cascades": ((80, 24), [("3", "1/3")]),
    "timeline": ((80, 24), [("4", "1/7")]),
    "trunk": ((80, 24), [("enter", "lately")]),
    "call": ((80, 24), [("2", "1/5"), ("down", "2/5"), ("down", "3/5"), ("enter", "attempt 2 won")]),
    "ringing": ((80, 24), [("2", "1/5"), ("enter", "anna-mobile via carrier-a: alerting")]),
    "cascade": ((80, 24), [("3", "1/3"), ("G", "3/3"), ("enter", "delivered")]),
    "question": ((80, 24), [("d", "Drain branch-pbx?")]),
    "help": ((80, 24), [("question_mark", "drained    an operator")]),
}


@pytest.fixture(autouse=True)
def _fixed_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(clock, "epoch", lambda: T)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("name", CASES)
def test_screen(name: str, tmp_path: Path) -> None:
    (columns, lines), keys = CASES[name]

    async def main() -> list[str]:
        async with canned(tmp_path):
            app = Top(tmp_path, now=lambda: T)
            async with app.run_test(size=(columns, lines)) as pilot:
                await _settle(pilot)
                for key, words in keys:
                    await pilot.press(key)
                    await shows(pilot, words)
                return await _still(pilot)

    found = asyncio.run(main())
    assert len(found) == lines
    path = SCREENS / f"{name}.txt"
    text = "".join(f"{line}\n" for line in found)
    if os.environ.get("CALLWARD_SCREENS"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), "is this as it should be? CALLWARD_SCREENS=1 writes it anew"
    assert max(map(len, found)) <= columns


async def _settle(pilot: Pilot[Any]) -> None:
    """Until all of both was heard."""
    app = pilot.app
    assert isinstance(app, Top)
    await until(
        pilot,
        lambda text: len(app.seen.timeline()) == 7 and "/9" in text and "! alert" in text and "! carrier-d" in text,
    )


async def _still(pilot: Pilot[Any]) -> list[str]:
    """The screen once nothing moves any more: time stands still here."""
    seen: list[list[str]] = []
    while len(seen) < 3 or seen[-1] != seen[-2] or seen[-2] != seen[-3]:
        await pilot.pause(0.1)
        seen.append(read(pilot))
    return seen[-1]
