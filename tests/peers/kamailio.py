"""Debian's Kamailio as a neighbour proxy: fills in kamailio.cfg and runs it. Owns its command line."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.peers.child import Child, PeerError
from tests.sipp.process import HOST

HERE = Path(__file__).parent


def find_kamailio() -> str:
    """Where Kamailio is; Debian has it where not everybody looks."""
    found = shutil.which("kamailio", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not found:
        raise PeerError("there is no kamailio here: apt-get install kamailio")
    return found


class Kamailio(Child):
    """One neighbour; it relays on return from its context's start."""

    def __init__(self, who: str, folder: Path, port: int, routes: Mapping[str, str], asks: int = 0) -> None:
        """``routes``: what a called number begins with (a regular expression) -> the URI of the next hop. ``asks``:
        whoever sends from this port has to bring credentials (callward, hunter2)."""
        lines = [f'  if ($rU =~ "^{number}") $du = "{hop}";' for number, hop in routes.items()]
        self._prepare(
            who, folder, port, "kamailio.cfg", ROUTES="\n".join(lines), ASKS=f"#!define ASKS {asks}" if asks else ""
        )

    def _prepare(self, who: str, folder: Path, port: int, template: str, **values: object) -> None:
        text = (HERE / template).read_text()
        for name, value in {"LISTEN": f"{HOST}:{port}", **values}.items():
            text = text.replace(f"@{name}@", str(value))
        config = folder / f"{who}.cfg"
        config.write_text(text)
        home = folder / f"{who}.run"
        home.mkdir()
        command = [find_kamailio(), "-DD", "-E", "-f", str(config), "-m", "32", "-M", "8", "-Y", str(home)]
        command += ["-P", str(home / "pid"), "-w", str(home)]
        Child.__init__(self, who, command, folder)

    def __enter__(self) -> Kamailio:
        """Start it."""
        super().__enter__()
        try:
            self.wait_for(lambda line: "ready" in line, "it to be ready")
        except PeerError:
            super().__exit__(None, None, None)
            raise
        return self


class KamailioRegistrar(Kamailio):
    """A carrier whose customers register, with digest."""

    def __init__(
        self, who: str, folder: Path, port: int, password: str, algorithm: str, *, expires: int = 3, nonce: int = 300
    ) -> None:
        """It grants ``expires`` seconds at most, and its nonces are good for ``nonce``."""
        values = {"PASSWORD": password, "ALGORITHM": algorithm, "EXPIRES": expires, "NONCE": nonce}
        self._prepare(who, folder, port, "registrar.cfg", **values)

    def count(self, what: str) -> int:
        """How many lines begin so, of what it has said."""
        return sum(what in line for line in self.lines)


def speak_tls(folder: Path, who: str, port: int, certificate: Path, key: Path, ca: Path) -> None:
    """Have one that is not started yet speak TLS on this port too: it shows who it is and wants to know who calls."""
    config = folder / f"{who}.cfg"
    text = config.read_text().replace("listen=tcp:", f"enable_tls=yes\nlisten=tls:{HOST}:{port}\nlisten=tcp:", 1)
    load = f'loadmodule "tls.so"\nmodparam("tls", "config", "{folder}/{who}.tls")\nloadmodule "tm.so"'
    config.write_text(text.replace('loadmodule "tm.so"', load, 1))
    shown = f"certificate = {certificate}\nprivate_key = {key}\nca_list = {ca}\n"
    checks = "method = TLSv1.2+\nverify_certificate = yes\nrequire_certificate = yes\n"
    (folder / f"{who}.tls").write_text(f"[server:default]\n{checks}{shown}[client:default]\n{checks}{shown}")
