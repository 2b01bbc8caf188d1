"""`callward top` in a terminal that is not ours (tmux): its keys, its colours and none of them, its end."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.top.canned import canned
from tests.top.eyes import PATIENCE

COLOURS = re.compile(r"\x1b\[[0-9;]*?(?<![0-9])(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?![0-9])")  # not 39, 49: as it is
RED = re.compile(r"\x1b\[[0-9;]*\b31m[^\x1b]*down")


class Terminal:
    """One of tmux, of 80 columns and 24 lines, with a program in it."""

    def __init__(self, folder: Path, *, environ: str = "") -> None:
        self._socket = str(folder / "tmux")
        command = f"{sys.executable} -m controller.cli top --state-dir {folder}"
        root = Path(__file__).parents[2]
        self._run(
            "-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "-c", str(root), "-e", f"PYTHONPATH={root}",
            f"stty -a > {folder}/before; env {environ} {command}; code=$?; stty -a > {folder}/after; echo ended with $code; exec cat",
        )  # fmt: skip

    def _run(self, *words: str) -> str:
        command = ["tmux", "-S", self._socket, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout

    def press(self, *keys: str) -> None:
        """As somebody who types."""
        self._run("send-keys", *keys)

    def read(self, *, raw: bool = False) -> str:
        """What stands there; ``raw``: with what says how."""
        return self._run("capture-pane", "-p", *(["-e"] if raw else []))

    async def until(self, holds: Callable[[str], object]) -> str:
        """Wait for the screen."""
        text = ""
        try:
            async with asyncio.timeout(PATIENCE):
                while not holds(text := await asyncio.to_thread(self.read)):  # noqa: ASYNC110  # tmux does not tell
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"this is what stands there:\n{text}") from None
        return text

    def pid(self) -> int:
        """Of the program."""
        shell = self._run("display-message", "-p", "#{pane_pid}").strip()
        found = subprocess.run(["pgrep", "-P", shell], check=True, capture_output=True, text=True, timeout=PATIENCE)
        return int(found.stdout.split()[0])

    def close(self) -> None:
        """It and all in it ends."""
        self._run("kill-server")


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not here: Debian's package of that name has it")
def test_keys_colours_and_the_end(tmp_path: Path) -> None:
    async def main() -> None:
        async with canned(tmp_path) as told:
            terminal = await asyncio.to_thread(Terminal, tmp_path)
            try:
                text = await terminal.until(lambda text: "> branch-pbx" in text and "1/9" in text)
                assert "▂ drained by" in text
                raw = terminal.read(raw=True)
                assert RED.search(raw)
                terminal.press("Down", "j", "Up", "d")
                await terminal.until(lambda text: "Drain carrier-b?" in text)
                terminal.press("y")
                await terminal.until(lambda text: "carrier-b is drained" in text)
                assert told == ["drain carrier-b"]
                terminal.press("4", "/")
                await terminal.until(lambda text: "words that a row must have" in text)
                terminal.press("failover", "Enter")
                await terminal.until(lambda text: "1/1" in text and "failover" not in text.splitlines())
                terminal.press("Enter")
                await terminal.until(lambda text: "200 OK" in text and "attempt 2 won" in text)
                terminal.press("q")
                await terminal.until(lambda text: "rows with: failover" in text)
                terminal.press("q")
                await terminal.until(lambda text: "ended with 0" in text)
            finally:
                await asyncio.to_thread(terminal.close)
        assert (tmp_path / "before").read_text() == (tmp_path / "after").read_text()

    asyncio.run(main())


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not here: Debian's package of that name has it")
def test_no_colours_for_who_wants_none_and_a_terminal_that_is_left_as_it_was(tmp_path: Path) -> None:
    async def main() -> None:
        async with canned(tmp_path):
            terminal = await asyncio.to_thread(Terminal, tmp_path, environ="NO_COLOR=1")
            try:
                await terminal.until(lambda text: "> branch-pbx" in text and "1/9" in text)
                raw = terminal.read(raw=True)
                assert "\x1b[7m" in raw  # the chosen row is marked all the same
                assert not COLOURS.search(raw), COLOURS.search(raw)
                os.kill(terminal.pid(), signal.SIGTERM)
                await terminal.until(lambda text: "ended with" in text)
            finally:
                await asyncio.to_thread(terminal.close)
        assert (tmp_path / "before").read_text() == (tmp_path / "after").read_text()

    asyncio.run(main())
