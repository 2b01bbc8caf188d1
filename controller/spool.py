"""What is to be handed to another process, kept on disk until that has it: `kill -9` loses nothing that was spooled.

Owns one file of the state folder: a line for each entry, sealed (AES-SIV, RFC 5297) with the newest seal key there, for
entries hold numbers, and a line for each that is done. Whoever puts an entry in goes on at once: a thread writes, and
empties the file when nothing is left. A line that a crash cut short is as if it were not there. Must not know what entries
mean, how many may wait, or when they are too old.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from controller.files import write_whole
from controller.keys import KeyFileError, load_keys

_PURPOSE = b"callward spool"
MOST_LINES = 5_000  # then the file is written anew, with what is still open
AGAIN_AFTER = 5.0  # seconds before a disk that took nothing is tried again
PARTING = 1.0  # seconds

Data = Mapping[str, Any]


class Spool:
    """One file. The thread exists from the first entry on."""

    def __init__(self, path: Path, complain: Callable[[str], object]) -> None:
        """``path`` lies in the state folder; ``complain(why)`` hears, from the thread, of a disk that takes nothing, once."""
        self._path = path
        self._complain = complain
        self._work: deque[tuple[str, Data | None]] = deque()  # keys and entries; None: done
        self._some, self._closing = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._reading = threading.Lock()
        self._found: dict[str, Data] | None = None  # what an earlier life left, once it is read
        self._open: dict[str, str] = {}  # the lines of what is not done
        self._lines = 0  # in the file
        self._whole = False  # the file holds what it should, and ends with a whole line
        self._ciphers: list[AESSIV] = []  # the newest key's first

    def read(self) -> dict[str, Data]:
        """What an earlier life put in and did not get done, by keys, the oldest first. It blocks."""
        with self._reading:
            if self._found is None:
                self._found = self._load()
            return self._found

    def put(self, key: str, data: Data) -> None:
        """Keep an entry, as JSON can hold it, until it is done; never blocks."""
        self._hand_over(key, data)

    def done(self, key: str) -> None:
        """An entry needs to be kept no longer; never blocks."""
        self._hand_over(key, None)

    def close(self) -> None:
        """Write what is left, for a second at most."""
        self._closing.set()
        self._some.set()
        if self._thread is not None:
            self._thread.join(PARTING)

    def _hand_over(self, key: str, data: Data | None) -> None:
        self._work.append((key, data))
        self._some.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep, name="spool", daemon=True)
            self._thread.start()

    # -- the thread

    def _keep(self) -> None:
        self.read()
        failed = False
        while True:
            self._some.wait(AGAIN_AFTER if failed else None)
            closing = self._closing.is_set()
            self._some.clear()
            try:
                self._keys()
                self._write([self._work.popleft() for _ in range(len(self._work))])
                failed = False
            except (OSError, KeyFileError) as error:
                self._whole = False
                if not failed:
                    why = error.strerror if isinstance(error, OSError) else str(error)
                    self._complain(f"{self._path}: {why}; what waits is in memory alone until it can be written")
                failed = True
            if closing:
                return

    def _write(self, work: list[tuple[str, Data | None]]) -> None:
        lines = []
        for key, data in work:
            if data is not None:
                self._open[key] = f"+{key} {self._seal(key, data)}\n"
                lines.append(self._open[key])
            elif self._open.pop(key, None) is not None:
                lines.append(f"-{key}\n")
        if not self._open:
            if self._lines or not self._whole:
                write_whole(self._path, b"")
        elif self._whole and self._lines + len(lines) <= MOST_LINES:
            self._append("".join(lines))
            self._lines += len(lines)
            return
        else:
            write_whole(self._path, "".join(self._open.values()).encode(), durable=True)
        self._lines, self._whole = len(self._open), True

    def _append(self, text: str) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(text.encode())
            out.flush()
            os.fdatasync(out.fileno())

    # -- lines

    def _seal(self, key: str, data: Data) -> str:
        sealed = self._keys()[0].encrypt(json.dumps(data).encode(), [_PURPOSE, key.encode()])
        return base64.b64encode(sealed).decode()

    def _keys(self) -> list[AESSIV]:
        if not self._ciphers:
            keys = load_keys(self._path.parent)
            others = [key for key_id, key in keys.seals.items() if key_id != keys.current]
            self._ciphers = [AESSIV(key) for key in (keys.seals[keys.current], *others)]
        return self._ciphers

    def _load(self) -> dict[str, Data]:
        try:
            lines = self._path.read_text(encoding="ascii", errors="replace").split("\n")
        except OSError:
            return {}
        found: dict[str, Data] = {}
        for line in lines:
            key, _, sealed = line[1:].partition(" ")
            if line.startswith("-"):
                found.pop(key, None)
            elif line.startswith("+") and (data := self._unseal(key, sealed)) is not None:
                found[key] = data
                self._open[key] = f"{line}\n"
        self._open = {key: self._open[key] for key in found}
        return found

    def _unseal(self, key: str, sealed: str) -> Data | None:
        try:
            data = base64.b64decode(sealed, validate=True)
            ciphers = self._keys()
        except (ValueError, KeyFileError):
            return None
        for cipher in ciphers:
            try:
                found = json.loads(cipher.decrypt(data, [_PURPOSE, key.encode()]))
            except (InvalidTag, ValueError):
                continue
            return found if isinstance(found, dict) else None
        return None
