"""Scanners look for us: to strangers there is nothing, not one device and not one extension.

SIPVicious is what they use. Each scan is made of another daemon as well that takes it for a trunk, and there it finds
what there is: a scanner that could not find anything would prove nothing.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest

from tests.sip import wire
from tests.sipp.daemon import ROOT, Daemon

pytestmark = pytest.mark.peers

TOOLS = Path(sys.executable).parent
DIALPLAN = """\
version: 1
listen: [{{udp: "127.0.0.1:{port}"}}]
trunks:
  carrier: {{uri: "sip:127.0.0.78:{desk}", sources: [{source}], probe: off}}
endpoints:
  desk: {{user: "100", via: [carrier], live: true}}
chains:
  main: [{{ring: [desk]}}]
routes:
  - {{did: "150", chain: main}}
"""
LIMIT = 300.0  # seconds; a safety net


@dataclass
class Scan:
    """One scanner at work, in a folder of its own for its sessions."""

    process: subprocess.Popen[str]

    def result(self) -> str:
        """What it has found, once it has ended."""
        said, _ = self.process.communicate(timeout=LIMIT)
        return said


def scan(stack: ExitStack, folder: Path, tool: str, *arguments: str) -> Scan:
    """Start a tool of SIPVicious; it scans from 127.0.0.1."""
    home = folder / f"{tool}-{len(list(folder.iterdir()))}"
    home.mkdir()
    command = [str(TOOLS / f"sipvicious_{tool}"), *arguments, "127.0.0.1"]
    process = subprocess.Popen(
        command, cwd=home, env={"HOME": str(home), "PATH": ""}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    stack.callback(process.wait)
    stack.callback(process.kill)
    return Scan(process)


class Desk:
    """A phone that rings: without it no extension would be worth finding."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.78", 0))
        self.port = self.sock.getsockname()[1]
        self.thread = Thread(target=self._ring, name="desk", daemon=True)
        self.thread.start()

    def _ring(self) -> None:
        while data := self.sock.recvfrom(65_535):
            message, source = data
            if not message:
                return
            if not message.startswith(b"ACK"):
                status = 180 if message.startswith(b"INVITE") else 200
                self.sock.sendto(wire.answer(wire.parsed(message), status), source)

    def close(self) -> None:
        """Hang up for good."""
        self.sock.sendto(b"", self.sock.getsockname())
        self.thread.join(LIMIT)
        self.sock.close()


def silenced(state: Path) -> int:
    """How many messages of strangers have met silence."""
    command = [sys.executable, "-m", "controller.cli", "status", "--json", "--state-dir", str(state)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    counters = json.loads(done.stdout)["edge"]
    return int(counters["unknown"] + counters["over_budget"])


def walk(port: int, method: str, extensions: int) -> bytes:
    """What svwar would send if it did not give up on who is silent at its first question; returns what comes back.

    A trunk asks in between, and is answered: nothing of it was lost on the way.
    """
    target = ("127.0.0.1", port)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trunk,
    ):
        stranger.bind(("127.0.0.66", 0))
        trunk.bind(("127.0.0.77", 0))
        trunk.settimeout(LIMIT)
        for number in range(1, extensions + 1):
            name = f"{method}-{number}"
            via = f"SIP/2.0/UDP 127.0.0.66:{stranger.getsockname()[1]}"
            request = wire.request(method, f"sip:{number}@127.0.0.1", via=via, branch=f"z9hG4bK-{name}", call_id=name)
            stranger.sendto(request, target)
            if number % 50 == 0:
                via = f"SIP/2.0/UDP 127.0.0.77:{trunk.getsockname()[1]}"
                trunk.sendto(wire.request("OPTIONS", via=via, branch=f"z9hG4bK-trunk-{name}", call_id=name), target)
                assert trunk.recv(65_535).startswith(b"SIP/2.0 200 ")
        stranger.setblocking(False)
        with suppress(BlockingIOError):
            return stranger.recv(65_535)
        return b""


def look_for_us(folder: Path, hidden: int, seen: int, extensions: int) -> None:
    """Scan for devices, and for extensions from 1 up by all methods; the scanner is a stranger to one of the ports."""
    methods = ("OPTIONS", "INVITE", "REGISTER")
    with ExitStack() as stack:
        desk = Desk()
        stack.callback(desk.close)
        for port, source in ((hidden, "127.0.0.77"), (seen, "127.0.0.1")):
            file = folder / f"{port}.yaml"
            file.write_text(DIALPLAN.format(port=port, source=source, desk=desk.port))
            stack.enter_context(Daemon(file, folder / f"state-{port}"))
        devices = {
            (port, method): scan(stack, folder, "svmap", f"-p{port}", "-m", method)
            for port in (hidden, seen)
            for method in methods
        }
        numbers = (f"-p{hidden}", f"-e1-{extensions}", "--force")
        users = {method: scan(stack, folder, "svwar", *numbers, "-m", method) for method in methods}
        heard = [walk(hidden, method, extensions) for method in methods]
        known = scan(stack, folder, "svwar", f"-p{seen}", "-e140-160", "-m", "INVITE", "--force")
        for (port, method), one in devices.items():
            said = one.result()
            assert (f"127.0.0.1:{port}" in said) is (port == seen), f"svmap {method}:\n{said}"
        assert "150" in known.result(), "it finds the extension that there is"
        for method, one in users.items():
            said = one.result()
            assert "found nothing" in said, f"svwar {method}:\n{said}"
        assert heard == [b""] * 3
        assert silenced(folder / f"state-{hidden}") >= 3 * extensions, "all of it was sent, and met silence"


def test_a_scanner_finds_neither_us_nor_an_extension(tmp_path: Path, pick_port: Callable[[], int]) -> None:
    look_for_us(tmp_path, pick_port(), pick_port(), 200)


@pytest.mark.long
def test_a_scanner_finds_none_of_ten_thousand_extensions(tmp_path: Path, pick_port: Callable[[], int]) -> None:
    look_for_us(tmp_path, pick_port(), pick_port(), 10_000)
