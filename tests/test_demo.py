from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import pytest
from rich.console import Console

from bench.newcomer import README, missing, read_steps
from controller.config import load
from controller.demo import DIALPLAN, WHOLE, DemoError, testbed
from controller.demo.boxes import Condition
from controller.demo.browser import open_browser
from controller.demo.daemon import Daemon
from controller.demo.keyboard import Keyboard
from controller.demo.line import SLOW, Line
from controller.demo.live import LiveDemo
from controller.demo.plan import prepare
from controller.demo.ports import hold_ports, is_free, move_ports
from controller.demo.providers import Providers, open_providers
from controller.demo.screen import Screen
from controller.demo.show import open_show
from controller.demo.story import AT_THE_DESK, ON_MOBILE, judge, judge_code
from sip.agent import Agent
from sip.connection import open_tcp
from sip.endpoint import open_udp
from sip.transaction import Hop

DEMO = [sys.executable, "-m", "controller.cli", "demo"]
PATIENCE = 180.0  # seconds; it takes ten, on a quiet machine


def test_the_story_is_told_once_and_ends_well() -> None:
    ran = subprocess.run(
        [*DEMO, "--once"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "5 of 5 calls answered where they should be" in ran.stdout
    assert "2 of 2 codes arrived, each of them once" in ran.stdout
    assert not ran.stderr
    story = next(step for step in read_steps(README.read_text(encoding="utf-8")) if step.command.endswith("--once"))
    assert not missing(story, ran.stdout)  # it is the README's
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


def test_whoever_looks_can_break_and_repair_trunks_and_providers(tmp_path: Path) -> None:
    printed = io.StringIO()

    async def play() -> None:
        screen = Screen(Console(file=printed, width=100))
        async with open_show(WHOLE, tmp_path, screen.show_change) as show, AsyncExitStack() as stack:
            testbed = show.testbed
            live = LiveDemo(show, screen)

            async def type_in(*lines: str) -> None:
                live.keyboard.feed("".join(f"{line}\n" for line in lines))
                wanted = {name: verb for verb, _, name in (line.partition(" ") for line in lines)}
                found = lambda: {(each["name"], each["verb"]) for each in show.controls.show()}  # noqa: E731
                assert await testbed.until(lambda: wanted.items() <= found(), within=PATIENCE)

            await type_in("silence hq-pbx")
            outcome = await testbed.call(lambda seen: screen.show_line_of_call(1, seen), talk=0.0)
            assert judge(outcome, testbed.story(outcome.call), expected=ON_MOBILE) == []
            assert len(judge(outcome, testbed.story(outcome.call), expected=AT_THE_DESK)) == 2
            assert await testbed.until(lambda: testbed.signs["hq-pbx"].state == "down", within=PATIENCE)
            await type_in("kill carrier-a", "revive hq-pbx")
            live.keyboard.feed("kill nobody\nkill\nsing\nhelp\nstatus\n")
            assert await testbed.until(lambda: testbed.signs["hq-pbx"].state == "up", within=PATIENCE)
            assert await testbed.until(lambda: testbed.signs["carrier-a"].state == "down", within=PATIENCE)
            await show.complete(stack)
            await type_in("kill whatsapp-1", "silence sms-1", "fail sms-2")
            code = await show.app.send()
            screen.show_line_of_code(1, code)
            assert judge_code(code, "mail") == []
            assert [send.provider for send in code.sends] == ["whatsapp-1", "sms-1", "sms-2", "mail"]
            assert len(judge_code(code, "sms-1")) == 2
            await type_in("revive whatsapp-1", "slow sms-1", "slow carrier-b")
            assert judge_code(await show.app.send(), "whatsapp-1") == []

    asyncio.run(play())
    text = printed.getvalue()
    for words in (
        "no reply",
        "kill wants the name of a trunk or provider",
        "'sing' is no command",
        "port closed",
        "a provider loses messages",
        "sms via sms-2",
        "email via mail",
    ):
        assert words in text


def test_a_daemon_that_cannot_start_says_why(tmp_path: Path) -> None:
    async def play() -> None:
        gone = asyncio.Event()
        daemon = Daemon(lambda line: gone.set() if line["event"] == "gone" else None)
        file = tmp_path / "broken.yaml"
        file.write_text("version: 1\n", encoding="utf-8")
        await daemon.start(file, tmp_path)
        try:
            await gone.wait()
            daemon.check()
        finally:
            await daemon.stop()

    with pytest.raises(DemoError, match=r"exit code 1(.|\n)*broken\.yaml(.|\n)*callward was not started"):
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


def test_two_demos_at_once_take_different_ports(pick_port: Callable[[], int]) -> None:
    text = f"listen 127.0.0.1:{pick_port()}, smpp: {{host: 127.0.0.1, port: {pick_port()}}}"
    first, second = hold_ports([text]), hold_ports([text])
    assert first is not None
    assert second is not None
    with first[1], second[1]:
        assert first[0] != second[0]


def test_a_line_is_typed_with_corrections() -> None:
    lines: list[str] = []
    keyboard = Keyboard(lines.append, lambda: None)
    for keys in ("kilk", "\x7fl x", "\x1b[A", "\bhq", "\r", "junk\x15status\n\n", "\x04"):
        keyboard.feed(keys)
    assert lines == ["kill hq", "status", "quit"]
    assert not keyboard.typed


def test_a_slow_line_delays_both_ways_and_loses_nothing() -> None:
    agent, there = Agent("pbx", Hop("127.0.0.1", 5061)), Hop("127.0.0.1", 5060)
    line = Line(agent, Random(7))
    options = (
        b"OPTIONS sip:127.0.0.1:5061 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
        b"From: <sip:a@b>;tag=1\r\nTo: <sip:127.0.0.1:5061>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
    line.receive(options, there, 0.0)
    assert len(line.outbox) == 1  # clean: at once
    line.outbox.clear()
    line.change(SLOW)
    line.receive(options.replace(b"bK1", b"bK2"), there, 1.0)
    now = 1.0
    while not line.outbox:
        now = line.next_deadline()
        line.handle_timer(now)
    assert 1.0 + 2 * SLOW.delay <= now <= 1.0 + 2 * (SLOW.delay + SLOW.jitter)
    line.receive(options.replace(b"bK1", b"bK3"), there, now)
    line.clear()  # the power goes while it is under way
    line.outbox.clear()
    line.handle_timer(now + 1.0)
    assert not line.outbox


def test_every_provider_can_be_killed_and_revived(tmp_path: Path) -> None:
    async def play() -> None:
        with prepare(WHOLE, tmp_path) as plan:
            async with open_providers(plan.file) as providers:
                await kill_and_revive(providers)

    async def kill_and_revive(providers: Providers) -> None:
        for provider in providers.all.values():
            for _ in range(2):
                await provider.become(Condition.CLOSED)
                with pytest.raises(ConnectionRefusedError):
                    await asyncio.open_connection("127.0.0.1", provider.port)
                await provider.become(Condition.RUNNING)
                _, writer = await asyncio.open_connection("127.0.0.1", provider.port)
                writer.close()
                await writer.wait_closed()
        await provider.become(Condition.CLOSED)
        with open_tcp("127.0.0.1", provider.port), pytest.raises(DemoError, match="another program took it"):
            await provider.become(Condition.RUNNING)

    asyncio.run(play())


def test_what_calls_say_of_a_trunk_is_told_as_well() -> None:
    told: list[tuple[str, str]] = []
    dialplan = load(DIALPLAN).dialplan
    assert dialplan is not None
    bed = testbed.Testbed(dialplan, DIALPLAN, lambda name, sign: told.append((name, sign.state)))
    line = b'{"event": "quality", "trunk": "%s", "old": "open", "new": "held", "why": "503"}\n'
    bed.daemon.pipe_data_received(2, line % b"hq-pbx" + line % b"sms-1")  # the other one is no trunk
    assert told == [("hq-pbx", "held")]
    assert bed.gates["hq-pbx"].why == "503"


def test_the_console_is_opened_where_a_browser_can_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opener, opened = tmp_path / "xdg-open", tmp_path / "opened"
    os.mkfifo(opened)
    opener.write_text(f'#!/bin/sh\necho "$1" > {opened}\n', encoding="utf-8")
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    assert open_browser("http://one") == ""  # a pipe
    ours, terminal = os.openpty()
    with os.fdopen(ours, "rb", buffering=0), os.fdopen(terminal, "w", encoding="utf-8") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert open_browser("http://two") == "xdg-open"
        assert opened.read_text(encoding="utf-8") == "http://two\n"
        monkeypatch.setenv("SSH_CONNECTION", "far away")
        assert open_browser("http://three") == ""
        monkeypatch.delenv("SSH_CONNECTION")
        monkeypatch.delenv("DISPLAY")
        assert open_browser("http://four") == ""
        monkeypatch.undo()
