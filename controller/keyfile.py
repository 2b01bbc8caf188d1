"""Files of keys: one key that never changes, and a ring of keys by id, of which the newest does the work.

Owns how such a file is made, read, turned and refused: whole or not at all, readable by its owner only, the same for two
processes that start at once. What the keys are for, and what is lost with them, is for `controller.keys` (calls) and
`controller.privacy.keyring` (messages) to say.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from controller.files import write_whole


class KeyFileError(Exception):
    """The key file cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Ring:
    """What such a file holds."""

    fixed: bytes
    keys: dict[str, bytes]  # by id, a number, the oldest first
    current: str


@dataclass(frozen=True, slots=True)
class KeyFile:
    """One kind of such files."""

    name: str
    fixed: str  # what its keys are called in the file
    ring: str
    key_bytes: int
    kept: int  # keys of the ring that `turn` leaves
    loss: str  # what it costs to move it away

    def load(self, state_dir: Path) -> Ring:
        """Read the keys, or make them on the first start. Two processes that start at once get the same.

        Raises `KeyFileError`.
        """
        path = state_dir / self.name
        try:
            state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not path.exists():
                self._write_first(path, Ring(self._make(), {"1": self._make()}, "1"))
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise self._refuse(path, error) from error
        except OSError as error:
            raise KeyFileError(
                f"{path}: {error.strerror}; give --state-dir a folder that this user may write"
            ) from error
        try:
            return self._read(text)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._refuse(path, error) from error

    def turn(self, state_dir: Path) -> Ring:
        """Add a key to the ring and make it the current one; the oldest beyond `kept` is dropped.

        Raises `KeyFileError`.
        """
        ring = self.load(state_dir)
        newest = str(int(ring.current) + 1)
        kept = dict(list(ring.keys.items())[-(self.kept - 1) :])
        turned = Ring(ring.fixed, {**kept, newest: self._make()}, newest)
        path = state_dir / self.name
        try:
            write_whole(path, self._spell(turned), durable=True)
        except OSError as error:
            raise KeyFileError(f"{path}: {error.strerror}; the old keys stay in place") from error
        return turned

    def _make(self) -> bytes:
        return secrets.token_bytes(self.key_bytes)

    def _read(self, text: str) -> Ring:
        data = json.loads(text)
        keys = {str(key_id): bytes.fromhex(key) for key_id, key in data[self.ring].items()}
        ring = Ring(bytes.fromhex(data[self.fixed]), keys, str(data["current"]))
        if ring.current not in keys:
            raise ValueError(f"there is no key {ring.current!r} in {self.ring!r}")
        if not all(key_id.isascii() and key_id.isdigit() for key_id in keys):
            raise ValueError(f"ids of {self.ring!r} are numbers")
        for name, key in (
            (f"key {self.fixed!r}", ring.fixed),
            *((f"key {key_id!r}", key) for key_id, key in keys.items()),
        ):
            if len(key) != self.key_bytes:
                raise ValueError(f"{name} has {len(key)} bytes, not {self.key_bytes}")
        return ring

    def _spell(self, ring: Ring) -> bytes:
        keys = {key_id: key.hex() for key_id, key in ring.keys.items()}
        return json.dumps({self.fixed: ring.fixed.hex(), self.ring: keys, "current": ring.current}, indent=1).encode()

    def _write_first(self, path: Path, ring: Ring) -> None:
        """Only where nobody else was first."""
        draft = path.with_name(f"{path.stem}-{secrets.token_hex(8)}.json")
        write_whole(draft, self._spell(ring), durable=True)
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()

    def _refuse(self, path: Path, error: Exception) -> KeyFileError:
        return KeyFileError(
            f"{path}: not a key file ({error}); restore it, or move it away to start with new keys ({self.loss})"
        )
