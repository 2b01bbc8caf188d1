"""The secrets on disk that let established calls survive the daemon.

Owns one small JSON file, readable by its owner only: the key of branch ids, which never changes, and the seal keys
by id, the newest of which seals. Losing the file costs the calls that are up (their BYE is refused), nothing else.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from controller.files import write_whole
from sip.seal import KEY_BYTES, Seal

FILE = "keys.json"
KEPT = 3  # seal keys kept by `rotate`: calls that are up keep working through two rotations


class KeyFileError(Exception):
    """The key file cannot be used; the message says why and what to do."""


@dataclass(slots=True)
class Keys:
    """What the file holds."""

    branch: bytes
    seals: dict[str, bytes]
    current: str

    def seal(self) -> Seal:
        """The seal that these keys make."""
        return Seal(self.seals, self.current)


def load_keys(state_dir: Path) -> Keys:
    """Read the keys, or make them on the first start.

    Raises `KeyFileError`.
    """
    path = state_dir / FILE
    try:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _write(path, Keys(secrets.token_bytes(KEY_BYTES), {"1": secrets.token_bytes(KEY_BYTES)}, "1"))
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _not_keys(path, error) from error
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}; give --state-dir a folder that this user may write") from error
    return _parse(path, text)


def rotate_keys(state_dir: Path) -> Keys:
    """Add a seal key and make it the current one; the oldest beyond `KEPT` is dropped.

    Raises `KeyFileError`, also where a daemon never was: what it would make there nobody would read.
    """
    if not (state_dir / FILE).exists():
        raise KeyFileError(f"{state_dir / FILE}: there are no keys to rotate; is --state-dir another folder?")
    keys = load_keys(state_dir)
    newest = str(int(keys.current) + 1)
    seals = dict(list(keys.seals.items())[-(KEPT - 1) :])
    rotated = Keys(keys.branch, {**seals, newest: secrets.token_bytes(KEY_BYTES)}, newest)
    try:
        _write(state_dir / FILE, rotated)
    except OSError as error:
        raise KeyFileError(f"{state_dir / FILE}: {error.strerror}; the old keys stay in place") from error
    return rotated


def _parse(path: Path, text: str) -> Keys:
    try:
        data = json.loads(text)
        seals = {str(key_id): bytes.fromhex(key) for key_id, key in data["seals"].items()}
        keys = Keys(bytes.fromhex(data["branch"]), seals, str(data["current"]))
        int(keys.current)
        keys.seal()
        if len(keys.branch) != KEY_BYTES:
            raise ValueError(f"the branch key has {len(keys.branch)} bytes, not {KEY_BYTES}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _not_keys(path, error) from error
    return keys


def _not_keys(path: Path, error: Exception) -> KeyFileError:
    return KeyFileError(
        f"{path}: not a key file ({error}); restore it, or move it away to start with new keys"
        " (calls that are up then lose their BYE)"
    )


def _write(path: Path, keys: Keys) -> None:
    """Whole or not at all: a crash while writing must not cost the keys."""
    data = {
        "branch": keys.branch.hex(),
        "seals": {key_id: key.hex() for key_id, key in keys.seals.items()},
        "current": keys.current,
    }
    write_whole(path, json.dumps(data, indent=1).encode(), durable=True)
