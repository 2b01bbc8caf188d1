"""`callward top` over a real daemon whose dialplan knows of no console: what happens there is seen, and what is pressed is done."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from controller.control import ask_soon
from controller.demo import DIALPLAN
from controller.demo.daemon import Daemon
from controller.demo.testbed import Testbed as Bed
from controller.demo.testbed import open_testbed
from controller.top.app import Top
from controller.top.listing import Listing
from controller.top.once import take_picture
from tests.ops.stage import CONSOLE, stage
from tests.top.canned import canned
from tests.top.eyes import PATIENCE, shows, until

Act = Callable[[Bed, Path, Pilot[Any]], Awaitable[None]]


def play(folder: Path, act: Act) -> None:
    """One scene, at 80 columns and 24 lines."""

    async def main() -> None:
        state_dir = folder / "state"
        state_dir.mkdir()
        async with open_testbed(DIALPLAN, state_dir, lambda *_: None) as testbed:
            assert not (state_dir / "ops.sock").exists()
            app = Top(state_dir)
            async with app.run_test(size=(80, 24)) as pilot:
                await act(testbed, state_dir, pilot)

    asyncio.run(main())


def test_a_day_of_an_operator(tmp_path: Path) -> None:
    async def act(testbed: Bed, state_dir: Path, pilot: Pilot[Any]) -> None:
        await shows(pilot, "3/3 trunks up", "> hq-pbx")
        testbed.boxes["hq-pbx"].silence()
        await testbed.call(lambda _: None, talk=0.0)
        text = await shows(pilot, "2/3 trunks up", "█ PROBE_TIMEOUT", "hq-pbx: ")
        assert "> hq-pbx                 down " in text  # trouble stands on top, and says what it is in words
        await _drain(state_dir, pilot)
        await _look_at_calls(testbed, pilot)
        await pilot.press("4")
        text = await shows(
            pilot, "trunk     hq-pbx         down", "failover  sales          degraded front-desk via hq-pbx"
        )
        assert "quality" in text
        picture = await take_picture(state_dir, whole=True)
        assert picture is not None
        assert picture["trunks"][0]["state"] == "down"
        assert picture["calls"][0]["did"] == "+15557000"
        await _see_it_go(testbed, state_dir, pilot)

    play(tmp_path, act)


async def _drain(state_dir: Path, pilot: Pilot[Any]) -> None:
    await pilot.press("slash", *"carrier-b", "enter")
    await until(pilot, lambda text: "> carrier-b" in text and "hq-pbx  " not in text)
    await pilot.press("d")
    await shows(pilot, "Drain carrier-b?", "y yes   n no")
    await pilot.press("n", "d")
    await shows(pilot, "Drain carrier-b?", "y yes   n no")
    assert await _gate(state_dir, "carrier-b") == "open"  # nothing happens unless somebody says yes
    await pilot.press("y")
    await shows(pilot, "carrier-b is drained", "drained", "1/3 trunks up")
    assert await _gate(state_dir, "carrier-b") == "parked"
    await pilot.press("enter")
    await shows(pilot, "trunk carrier-b", "drained", "drained by")
    await pilot.press("u")
    await shows(pilot, "Undrain carrier-b?")
    await pilot.press("y", "escape", "escape")
    await shows(pilot, "carrier-b is undrained", "hq-pbx  ", "> carrier-b")
    assert await _gate(state_dir, "carrier-b") != "parked"


def test_a_sheet_acts_on_what_it_is_about_and_not_on_what_has_come_to_stand_first(tmp_path: Path) -> None:
    async def main() -> None:
        async with canned(tmp_path) as told:
            app = Top(tmp_path)
            async with app.run_test(size=(80, 24)) as pilot:
                await shows(pilot, "> branch-pbx", "1/9")
                await pilot.press("enter")
                await shows(pilot, "trunk branch-pbx", "u undrain")
                await pilot.press("q", "down", "enter")
                await shows(pilot, "trunk carrier-b", "u undrain")
                app.screen_stack[0].query_one(Listing).action_end(-1)
                await pilot.press("d")
                await shows(pilot, "Drain carrier-b?")
                await pilot.press("y")
                await until(pilot, lambda _: told)
            assert told == ["drain carrier-b"]

    asyncio.run(main())


async def _gate(state_dir: Path, name: str) -> str:
    answer = await ask_soon(state_dir, "status", PATIENCE)
    (row,) = (each for each in answer["status"]["trunks"] if each["name"] == name)
    return str((row["calls"] or {"gate": "open"})["gate"])


async def _look_at_calls(testbed: Bed, pilot: Pilot[Any]) -> None:
    await pilot.press("2")
    text = await shows(pilot, "answered", "> ", "anna-mob")
    assert "+15557000" not in text
    assert "5550100" not in text
    await pilot.press("enter")
    await shows(pilot, "INVITE", "200 OK", "attempt 1: front-desk via hq-pbx", "drawn from the record of the call")
    await pilot.press("escape")
    calling = asyncio.create_task(testbed.call(lambda _: None, talk=2 * PATIENCE))  # noqa: TID251  # ended below
    await shows(pilot, "1 up: 1 by carrier-a")
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)


async def _see_it_go(testbed: Bed, state_dir: Path, pilot: Pilot[Any]) -> None:
    await testbed.daemon.stop()
    text = await shows(pilot, "! the process for calls is gone since", "old rows, waiting for it")
    assert "hq-pbx" in text  # what was known stays
    again = Daemon(lambda _: None)
    await again.start(testbed.file, state_dir)
    try:
        await until(pilot, lambda text: "is gone" not in text and "trunks up" in text)
    finally:
        await again.stop()


ALERTS = """
alerts:
  notifiers:
    nobody: {webhook: {url: "http://127.0.0.1:9/", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}
  routes: [{notify: [nobody]}]
"""


def test_beside_the_process_for_operators_it_knows_of_alerts_and_has_the_messages_of_calls(tmp_path: Path) -> None:
    async def main() -> None:
        async with stage(tmp_path, CONSOLE + ALERTS) as here:
            app = Top(here.state_dir)
            async with app.run_test(size=(80, 24)) as pilot:
                await shows(pilot, "3/3 trunks up")
                here.testbed.boxes["hq-pbx"].silence()
                await here.call()
                await pilot.press("2")
                await shows(pilot, "> ", "answered")
                await pilot.press("enter")
                await until(pilot, lambda text: "100 Trying" in text and "127.0.0.1:" in text and "[SDP]" in text)
                await pilot.press("escape")
                await shows(pilot, "! alert: ", "hq-pbx")

    asyncio.run(main())


def test_one_picture_for_scripts(tmp_path: Path) -> None:
    async def main() -> None:
        async with canned(tmp_path):
            found = await _run("--state-dir", str(tmp_path), "--json")
            assert found.returncode == 0, found.stderr
            picture = json.loads(found.stdout)
            assert [row["name"] for row in picture["trunks"]][:2] == ["branch-pbx", "carrier-b"]  # trouble first
            assert {len(row["bars"]) for row in picture["trunks"]} == {60}
            assert [call["winner"] for call in picture["calls"]].count("anna-mobile via carrier-a") == 2
            assert [row["what"] for row in picture["timeline"]].count("trunk") == 3
            assert [row["status"] for row in picture["cascades"]] == ["active", "completed", "completed"]
            assert picture["alarms"][0] == "alert: site branch is down"
            assert "5550123" not in found.stdout
            found = await _run("--state-dir", str(tmp_path), "--json", "--numbers")
            assert json.loads(found.stdout)["calls"][0]["caller"] == "+12025550123"
            found = await _run("--state-dir", str(tmp_path))
            assert (found.returncode, found.stderr) == (2, "top wants a terminal; --json prints one picture\n")
        found = await _run("--state-dir", str(tmp_path), "--json")
        assert (found.returncode, found.stdout) == (3, "")
        assert "no daemon runs with --state-dir" in found.stderr

    asyncio.run(main())


async def _run(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "controller.cli", "top", *args]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=PATIENCE)
