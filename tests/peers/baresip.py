"""Debian's baresip as a phone: writes its configuration, runs it, speaks JSON in netstrings with its module ctrl_tcp."""

from __future__ import annotations

import json
import shutil
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.peers.child import PATIENCE, Child, PeerError
from tests.sipp.process import HOST, Ports

# The modules lie where Debian puts them. No sound card: it plays a file, and nobody listens to what it hears. Of
# loopback `net_interface` wants the address, not the name.
CONFIG = """\
module_path /usr/lib/baresip/modules
sip_listen {host}:{port}
net_interface {host}
rtp_ports {rtp}-{last_rtp}
audio_source aufile,{tone}
audio_player aubridge,nobody
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
ctrl_tcp_listen {host}:{control}
module g711.so
module aufile.so
module aubridge.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
"""


SECURE = """\
sip_certificate {certificate}
sip_cafile {authorities}
sip_verify_server yes
"""


class Baresip(Child):
    """One phone. Events are waited for in order: those before the last one found are past."""

    def __init__(
        self,
        user: str,
        folder: Path,
        ports: Ports,
        tone: Path,
        host: str = HOST,
        account: str = "",
        secure: tuple[Path, Path] | None = None,
    ) -> None:
        """It rings until it is told to accept; ``tone`` is a WAV that it plays while it talks, ``account`` are parameters
        of its account. ``secure``: over TLS it shows the certificate and key in one file, and trusts those in another.
        """
        self.port = ports.pick()  # with SIP over TLS on the next one
        self._control = self.port + 2
        rtp = ports.pick()
        home = folder / f"{user}.home"
        home.mkdir()
        numbers = {"port": self.port, "control": self._control, "rtp": rtp, "last_rtp": rtp + 3}
        config, kind = CONFIG.format(host=host, tone=tone, **numbers), ""
        if secure is not None:
            config, kind = SECURE.format(certificate=secure[0], authorities=secure[1]) + config, ";transport=tls"
        (home / "config").write_text(config)
        (home / "accounts").write_text(f"<sip:{user}@{host}{kind}>;regint=0;answermode=manual{account}\n")
        (home / "contacts").touch()
        super().__init__(user, ["baresip", "-f", str(home), "-s"], folder)
        self._host = host
        self._socket: socket.socket | None = None
        self._bytes = b""

    def __enter__(self) -> Baresip:
        """Start it; it takes calls on return."""
        if not shutil.which("baresip"):
            raise PeerError("there is no baresip here: apt-get install baresip-core")
        super().__enter__()
        try:
            self.wait_for(lambda line: "baresip is ready" in line, "it to be ready")
            self._socket = socket.create_connection((self._host, self._control), PATIENCE)
        except (PeerError, OSError) as error:
            self.__exit__(None, None, None)
            raise PeerError(f"{error}; it said:\n{self.said()}") from None
        return self

    def __exit__(self, *why: Any) -> None:
        """End it."""
        if self._socket is not None:
            self._socket.close()
        super().__exit__(*why)

    def do(self, command: str, params: str = "") -> None:
        """Give it a command: accept, hangup, dial URI."""
        assert self._socket is not None
        text = json.dumps({"command": command, "params": params}).encode()
        self._socket.sendall(b"%d:%s," % (len(text), text))

    def wait_for_event(self, kind: str) -> dict[str, Any]:
        """The next event of this type: CALL_INCOMING, CALL_ESTABLISHED, CALL_CLOSED ..."""
        message: dict[str, Any] = {}
        while message.get("type") != kind:
            with suppress(TimeoutError):
                message = self._next_message()
                continue
            raise PeerError(f"{self.who}: waiting for {kind}; it said:\n{self.said()}")
        return message

    def _next_message(self) -> dict[str, Any]:
        """An event or a response: LENGTH:JSON,"""
        assert self._socket is not None
        while True:
            size, colon, rest = self._bytes.partition(b":")
            if colon and len(rest) > int(size):
                self._bytes = rest[int(size) + 1 :]
                return dict(json.loads(rest[: int(size)]))
            data = self._socket.recv(65536)
            if not data:
                raise PeerError(f"{self.who} is gone; it said:\n{self.said()}")
            self._bytes += data
