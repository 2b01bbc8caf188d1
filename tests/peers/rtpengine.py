"""Debian's rtpengine, in user space: runs it, and asks it what it carries. Owns its command line."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
from pathlib import Path
from typing import Any

from tests.peers.child import PATIENCE, Child, PeerError
from tests.sipp.process import HOST, TICK, Ports, is_bound


def find_rtpengine() -> str:
    """Where rtpengine is."""
    found = shutil.which("rtpengine")
    if not found:
        raise PeerError("there is no rtpengine here: apt-get install rtpengine-daemon")
    return found


class Rtpengine(Child):
    """One relay; it answers on return from its context's start."""

    def __init__(self, folder: Path, ports: Ports) -> None:
        self.port, first = ports.pick(), ports.pick()
        for _ in range(9):
            last = ports.pick()  # a block of them for media, all next to each other but for what is taken
        command = [find_rtpengine(), "--foreground", "--log-stderr", "--table=-1", f"--interface={HOST}"]
        command += [f"--listen-ng={HOST}:{self.port}", f"--port-min={first}", f"--port-max={last + 3}"]
        command += ["--delete-delay=0", "--num-threads=1", f"--pidfile={folder / 'rtpengine.pid'}"]
        super().__init__("rtpengine", command, folder)

    def __enter__(self) -> Rtpengine:
        """Start it."""
        super().__enter__()
        with self._heard:
            while not is_bound(self.port) and not self._over:
                self._heard.wait(TICK)
        self.ask(command="ping")
        return self

    def ask(self, **command: object) -> dict[str, Any]:
        """Its answer to a command of the ng protocol."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(PATIENCE)
            sock.connect((HOST, self.port))
            try:
                sock.send(f"{secrets.token_hex(4)} {json.dumps(command)}".encode())  # one cookie, one answer
                return dict(json.loads(sock.recv(65536).partition(b" ")[2]))
            except OSError as error:
                raise PeerError(f"rtpengine does not answer ({error}); it said:\n{self.said()}") from error

    def calls(self) -> list[str]:
        """The Call-IDs that it carries media of."""
        return list(self.ask(command="list")["calls"])
