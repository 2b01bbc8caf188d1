"""A pjsua2 phone as a test sees it: it is told what to do, and what it tells is waited for.

Owns how softphone.py is started and spoken to, and where it can run at all.
"""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.peers.child import Child, PeerError
from tests.sipp.process import HOST, Ports

SCRIPT = Path(__file__).with_name("softphone.py")
#: What pjsua2-python has wheels for, as in pyproject.toml.
HAS_PJSUA2 = (
    sys.version_info[:2] in {(3, 11), (3, 12)}
    and (sys.platform, platform.machine(), platform.python_implementation()) == ("linux", "x86_64", "CPython")
)  # fmt: skip
NO_PJSUA2 = "pjsua2-python has wheels for CPython 3.11 and 3.12 on Linux, x86-64, only"


@dataclass(slots=True)
class Softphone:
    """pjsua2 (softphone.py). Events are waited for in order: those before the last one found are past."""

    user: str
    folder: Path
    ports: Ports
    transport: str  # udp, tcp or tls
    tone: Path  # WAV that it plays, over and over, while it talks
    listens: bool = False  # its Contact over TCP is where it listens, not the connection that it has opened
    says: str = ""  # the address in its SDP, wherever it listens: behind NAT they differ; "" where they do not
    host: str = HOST
    password: str = ""  # "" has none
    secure: tuple[str, str, str] | None = None  # over TLS: its certificate, its key, whom it trusts: PEM files
    session: tuple[int, int] | None = None  # RFC 4028: Session-Expires and Min-SE, in seconds
    registrar: str = ""  # URI where it registers; "" does not
    port: int = field(init=False)
    _child: Child = field(init=False)
    _next: int = 0  # the first line that is not past

    def __post_init__(self) -> None:
        self.port = self.ports.pick()
        settings: dict[str, object] = {"user": self.user, "port": self.port, "transport": self.transport}
        settings |= {"tone": str(self.tone), "listens": self.listens, "says": self.says or self.host}
        settings |= {"host": self.host, "password": self.password, "secure": self.secure, "session": self.session}
        settings |= {"registrar": self.registrar}
        settings["media"] = self.port + 2  # even, as RTP wants it, and the next one is RTCP's
        # Its SWIG wrappers warn of themselves on every import.
        command = [sys.executable, "-W", "ignore", str(SCRIPT), json.dumps(settings)]
        self._child = Child(self.user, command, self.folder)

    @property
    def uri(self) -> str:
        """Where a trunk finds it."""
        return f"sip:{self.host}:{self.port};transport={self.transport}"

    def __enter__(self) -> Softphone:
        """Start it; it takes calls on return."""
        self._child.__enter__()
        try:
            self.wait_for("ready")
        except PeerError:
            self._child.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *why: Any) -> None:
        """End it."""
        self._child.__exit__(*why)

    def do(self, command: str, **how: object) -> None:
        """Tell it to do something: see Phone.obey in softphone.py."""
        self._child.say(json.dumps({"do": command, **how}))

    def wait_for(self, event: str, **facts: object) -> dict[str, Any]:
        """The next event with these facts."""

        def is_it(line: str) -> bool:
            return line.startswith("{") and {"event": event, **facts}.items() <= json.loads(line).items()

        what = " ".join([event, *(f"{name}={value}" for name, value in facts.items())])
        found = self._child.wait_for(is_it, what, self._next)
        self._next = found + 1
        return dict(json.loads(self._child.lines[found]))

    def requests(self) -> dict[str, set[int]]:
        """The methods of the requests that came within its calls, and through how many hops each came: its Vias."""
        events = [json.loads(line) for line in self._child.lines if line.startswith("{")]
        hops: dict[str, set[int]] = {}
        for event in events:
            if event["event"] == "request":
                hops.setdefault(event["method"], set()).add(event["vias"])
        return hops
