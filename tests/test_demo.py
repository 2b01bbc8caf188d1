from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from controller.demo import DIALPLAN, DemoError
from controller.demo.daemon import Daemon
from controller.demo.keyboard import Keyboard
from controller.demo.live import LiveDemo
from controller.demo.ports import is_free, move_ports
from controller.demo.screen import Screen
from controller.demo.story import AT_THE_DESK, ON_MOBILE, judge
from controller.demo.testbed import open_testbed
from sip.endpoint import open_udp

DEMO = [sys.executable, "-m", "controller.cli", "demo"]
PATIENCE = 60.0  # seconds; it takes five


def test_the_story_is_told_once_and_ends_well() -> None:
    ran = subprocess.run(
        [*DEMO, "--once"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "5 of 5 calls answered where they should be" in ran.stdout
    assert not ran.stderr
    assert "\x1b" not in ran.stdout
    assert max(map(len, ran.stdout.splitlines())) <= 100


def test_a_signal_ends_the_demo_and_takes_the_daemon_along() -> None:
    with subprocess.Popen(DEMO, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        pid = next(int(line.rpartition("pid ")[2]) for line in demo.stdout if "pid " in line)
        os.kill(pid, 0)
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=PATIENCE)
        assert demo.returncode == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_whoever_looks_can_break_and_repair_trunks(tmp_path: Path) -> None:
    printed = io.StringIO()

    async def play() -> None:
        screen = Screen(Console(file=printed, width=100))
        async with open_testbed(DIALPLAN, tmp_path, screen.show_trunk) as testbed:
            live = LiveDemo(testbed, screen)
            live.keyboard.feed("silence hq-pbx\n")
            outcome = await testbed.call(lambda seen: screen.show_line_of_call(1, seen), talk=0.0)
            assert judge(outcome, testbed.story(outcome.call), expected=ON_MOBILE) == []
            assert len(judge(outcome, testbed.story(outcome.call), expected=AT_THE_DESK)) == 2
            assert await testbed.until(lambda: testbed.signs["hq-pbx"].state == "down", within=PATIENCE)
            live.keyboard.feed("kill carrier-a\nrevive hq-pbx\nkill nobody\nsing\nhelp\nstatus\n")
            assert await testbed.until(lambda: testbed.signs["hq-pbx"].state == "up", within=PATIENCE)
            assert await testbed.until(lambda: testbed.signs["carrier-a"].state == "down", within=PATIENCE)

    asyncio.run(play())
    text = printed.getvalue()
    for words in (
        "no reply",
        "kill wants the name of one trunk",
        "'sing' is no command",
        "port closed",
        "packets vanish",
    ):
        assert words in text


def test_a_daemon_that_cannot_start_says_why(tmp_path: Path) -> None:
    async def play() -> None:
        gone = asyncio.Event()
        daemon = Daemon(lambda line: gone.set() if line["event"] == "gone" else None)
        await daemon.start(tmp_path / "missing.yaml", tmp_path)
        try:
            await gone.wait()
            daemon.check()
        finally:
            await daemon.stop()

    with pytest.raises(DemoError, match=r"exit code 1(.|\n)*missing\.yaml(.|\n)*callward was not started"):
        asyncio.run(play())


def test_all_ports_move_together_when_one_is_taken(pick_port: Callable[[], int]) -> None:
    text = "listen 127.0.0.1:{0}, trunk 127.0.0.1:{1}, not 10.0.0.1:{0}"
    first, second = pick_port(), pick_port()
    before = text.format(first, second)
    assert move_ports(before) == before
    with open_udp("127.0.0.1", second):
        assert not is_free(second)
        moved = move_ports(before)
    assert moved is not None
    step = int(moved.split("127.0.0.1:")[1].split(",")[0]) - first
    assert step > 0
    assert moved == f"listen 127.0.0.1:{first + step}, trunk 127.0.0.1:{second + step}, not 10.0.0.1:{first}"


def test_a_line_is_typed_with_corrections() -> None:
    lines: list[str] = []
    keyboard = Keyboard(lines.append, lambda: None)
    for keys in ("kilk", "\x7fl x", "\x1b[A", "\bhq", "\r", "junk\x15status\n\n", "\x04"):
        keyboard.feed(keys)
    assert lines == ["kill hq", "status", "quit"]
    assert not keyboard.typed
