"""A PostgreSQL server of the tests' own: a cluster in a temporary folder, on a Unix socket, as a user that may run it.

Making and starting one takes about a second; each test gets a schema of its own.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Settings of a small server whose promises are real: it may be killed, and what it said is on disk is there.
_SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
port = 5432
max_connections = 60
shared_buffers = 32MB
fsync = on
synchronous_commit = on
full_page_writes = on
max_wal_size = 256MB
autovacuum_naptime = 10s
log_min_messages = fatal
"""


def find_programs() -> Path | None:
    """The folder of Debian's newest server programs."""
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None, key=lambda path: int(path.parent.name))


@contextmanager
def make_server() -> Iterator[Server]:
    """One that runs, in memory where there is enough: what is killed in tests is processes, not machines."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 1 << 30
    with tempfile.TemporaryDirectory(prefix="callward-pg-", dir=memory if roomy else None) as folder:
        Path(folder).chmod(0o711)  # the user that runs it must get in
        server = Server(Path(folder) / "cluster")
        server.make()
        server.start()
        try:
            yield server
        finally:
            if (server.data / "postmaster.pid").exists():
                server.stop("immediate")


class Server:
    """One server. Its folder must be one that the user `postgres` may enter, if we are root."""

    def __init__(self, folder: Path) -> None:
        programs = find_programs()
        assert programs is not None, "PostgreSQL is missing: make debian-test-packages"
        self.programs, self.folder, self.data = programs, folder, folder / "data"
        self._schemas = 0
        self._user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name

    def make(self) -> None:
        """Make the cluster, once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:
            shutil.chown(self.folder, self._user)
        self._run(
            "initdb", "-D", str(self.data), "-U", "callward", "-A", "trust", "--no-sync", "--no-locale", "-E", "UTF8"
        )
        (self.data / "postgresql.auto.conf").write_text(_SETTINGS.format(folder=self.folder))

    def start(self) -> None:
        """Start it, or start it again; returns when it answers."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-t", "60", "-l", str(self.folder / "log"), "start")

    def stop(self, mode: str = "fast") -> None:
        """``immediate`` is as good as a crash: nothing is written that was not written yet."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-t", "60", "-m", mode, "stop")

    def new_url(self) -> str:
        """The URL of an empty schema."""
        self._schemas += 1
        name = f"test_{self._schemas}"
        self.ask(f"CREATE SCHEMA {name}")
        return f"postgresql://callward@/postgres?host={self.folder}&search_path={name}"

    def ask(self, sql: str) -> str:
        """What psql answers, bare."""
        return self._run("psql", "-At", "-h", str(self.folder), "-U", "callward", "-c", sql, "postgres").strip()

    def _run(self, program: str, *args: str) -> str:
        command = [str(self.programs / program), *args]
        if os.getuid() == 0:
            command = ["setpriv", f"--reuid={self._user}", f"--regid={self._user}", "--clear-groups", *command]
        done = subprocess.run(command, cwd="/", text=True, capture_output=True, check=False, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"
        return done.stdout
