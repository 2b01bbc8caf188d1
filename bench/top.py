"""What `callward top` costs, and how soon it shows what has happened.

`python -m bench.top [--seconds 10] [--deaths 40]`. Daemons that were invented, on real sockets, and `top` itself on a
pseudo-terminal. CPU is that of `top` alone, in seconds a minute; bytes are what a terminal gets a second. An event's time is that
at which it was told; a terminal's, when the name of the trunk with its state was written to it. 1 if p95 is above 150 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from controller import clock
from controller.control import FILE, Answer, ControlServer, Request, open_control
from controller.feed import FILE as FEED
from controller.feed import Feed
from tests.top.canned import LIVE, LOST, STATUS, WON, _call, _trunk

BAR = 0.150  # seconds
#: Trunks, calls a second, columns and lines, and the key of a view.
SCENES = ((10, 0, 80, 24, b"1"), (1000, 0, 80, 24, b"1"), (1000, 200, 80, 24, b"2"), (1000, 200, 180, 50, b"1"))


class Scene:
    """A daemon with so many trunks, all alike."""

    def __init__(self, trunks: int) -> None:
        self.began = clock.epoch()
        self.trunks = [_trunk(f"trunk-{number:04}", "up", 100.0, carrier="a") for number in range(trunks)]
        self.feed: Feed

    async def status(self, _: Request) -> Answer:
        """Round trips tremble, as real ones do."""
        age = clock.epoch() - self.began
        shown = [
            {**each, "for": each["for"] + age, "round_trip": 0.01 + (number * 7 + int(age)) % 90 / 1e4}
            for number, each in enumerate(self.trunks)
        ]
        return {"ok": True, "status": {**STATUS, "trunks": shown, "registrations": []}}

    def call(self, number: int) -> None:
        """One more that failed over."""
        call = _call(clock.epoch() - 4.0, [LOST, WON], "anna-mobile via trunk-0001", "", 200, 4.2)
        self.feed.tell(("call", {**call, "call": f"{number}@h;b;h:1"}), clock.epoch())
        self.feed.flush()

    def kill(self, number: int) -> float:
        """A trunk goes down: when that was told."""
        row, at = self.trunks[number], clock.epoch()
        row |= {"state": "down", "for": self.began - at, "code": "PROBE_TIMEOUT", "why": "silence"}
        data = {"trunk": row["name"], "old": "up", "new": "down", "code": "PROBE_TIMEOUT", "why": "silence", "at": 1.0}
        self.feed.tell(("trunk", data), at)
        self.feed.flush()
        return at


@asynccontextmanager
async def play(folder: Path, trunks: int) -> AsyncIterator[Scene]:
    """It, listening."""
    scene = Scene(trunks)

    async def calls(_: Request) -> Answer:
        return {"ok": True, "calls": LIVE}

    server = ControlServer(open_control(folder), {"status": scene.status, "calls": calls}, print)
    await server.start()
    scene.feed = Feed(folder, lambda news: news, FEED)
    scene.feed.start(asyncio.get_running_loop())
    try:
        yield scene
    finally:
        scene.feed.close()
        server.close()
        assert not (folder / FILE).exists()


class Terminal:
    """`top` on a pseudo-terminal, and what it has written."""

    def __init__(self, folder: Path, columns: int, lines: int) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        command = [sys.executable, "-m", "controller.cli", "top", "--state-dir", str(folder)]
        environ = {**os.environ, "TERM": "xterm-256color"}
        self._process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environ)
        os.close(theirs)
        self.written = 0
        self.last = b""  # of what was written
        self.changed = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._ours, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._ours, 1 << 16)
        except OSError:
            asyncio.get_running_loop().remove_reader(self._ours)
            return
        self.written += len(data)
        self.last = (self.last + data)[-(1 << 18) :]
        self.changed.set()

    def press(self, key: bytes) -> None:
        """As somebody who types."""
        os.write(self._ours, key)

    async def until(self, words: bytes) -> float:
        """When these were written since `last` was cleared."""
        async with asyncio.timeout(30):
            while words not in self.last:
                self.changed.clear()
                await self.changed.wait()
        return clock.epoch()

    @property
    def cpu(self) -> float:
        """Seconds that it has used."""
        words = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    async def close(self) -> None:
        """Press q."""
        self.press(b"q")
        await asyncio.to_thread(self._process.wait)
        asyncio.get_running_loop().remove_reader(self._ours)
        os.close(self._ours)


async def cost(trunks: int, rate: int, columns: int, lines: int, key: bytes, seconds: float) -> None:
    """One row of the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with play(folder, trunks) as scene:
            terminal = Terminal(folder, columns, lines)
            await terminal.until(b"trunk-0000")
            terminal.press(key)
            await asyncio.sleep(2)
            cpu, written, number = terminal.cpu, terminal.written, 0
            end = asyncio.get_running_loop().time() + seconds
            while (left := end - asyncio.get_running_loop().time()) > 0:
                due = int((seconds - left) * rate)
                for each in range(number, due):
                    scene.call(each)
                number = due
                await asyncio.sleep(0.02)
            used, more = terminal.cpu - cpu, terminal.written - written
            print(f"  {trunks:6} {rate:8} {columns:6} x {lines:<4} {used / seconds * 60:14.1f} {more / seconds:12.0f}")
            await terminal.close()


async def delay(deaths: int) -> list[float]:
    """Seconds from what was told of a trunk to the terminal."""
    found: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with play(folder, 100) as scene:
            terminal = Terminal(folder, 80, 24)
            await terminal.until(b"trunk-0000")
            for number in range(min(deaths, 100)):
                await asyncio.sleep(0.3 + number % 7 / 10)  # at any phase of the questions once a second
                terminal.last = b""
                at = scene.kill(99 - number)
                found.append(await terminal.until(f"{99 - number}/100 trunks up".encode()) - at)
            await terminal.close()
    return sorted(found)


def main() -> int:
    """Measure, and say so."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--deaths", type=int, default=40)
    given: Any = parser.parse_args()
    print("  trunks  calls/s         size   CPU s a minute  bytes a second")
    for scene in SCENES:
        asyncio.run(cost(*scene, given.seconds))
    times = asyncio.run(delay(given.deaths))
    p50, p95 = times[len(times) // 2], times[int(len(times) * 0.95)]
    print(
        f"from what was told of a trunk to the terminal: p50 {p50 * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms of {len(times)}"
    )
    return int(p95 > BAR)


if __name__ == "__main__":
    sys.exit(main())
