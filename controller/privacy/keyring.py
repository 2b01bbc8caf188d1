"""The keys of messages on disk: who was written to, and what.

Owns one small JSON file, readable by its owner only: data keys by id, the newest of which seals, and the index key. They
are apart from `controller.keys`, so that whoever carries calls need not hold them. The index key never changes: opt-outs
are kept by it alone, and nobody could compute them anew. Daemons that share a store need the same file. Losing it costs
every number, address and text that is kept, and all opt-outs; cascades end, but nothing more can be sent for them.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from controller.files import write_whole

FILE = "message-keys.json"
KEY_BYTES = 32  # AES-256; HMAC-SHA256
KEPT = 8  # data keys kept by `rotate_keyring`: one a month opens what was sealed in the last seven


class KeyringError(Exception):
    """The key file cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """What the file holds."""

    data: dict[str, bytes] = field(repr=False)  # by id, oldest first
    current: str  # the id that seals
    index: bytes = field(repr=False)

    def fingerprint(self) -> str:
        """The same for daemons that can share a store, and tells nothing of the keys."""
        return hashlib.sha256(b"callward fingerprint" + self.index).hexdigest()[:16]


def load_keyring(state_dir: Path) -> Keyring:
    """Read the keys, or make them on the first start. Two daemons that start at once get the same.

    Raises `KeyringError`.
    """
    path = state_dir / FILE
    try:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _write_first(path, Keyring({"1": secrets.token_bytes(KEY_BYTES)}, "1", secrets.token_bytes(KEY_BYTES)))
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _not_keys(path, error) from error
    except OSError as error:
        raise KeyringError(f"{path}: {error.strerror}; give --state-dir a folder that this user may write") from error
    return _parse(path, text)


def rotate_keyring(state_dir: Path) -> Keyring | None:
    """Add a data key and make it the current one; the oldest beyond `KEPT` is dropped. None where there are no keys:
    not every dialplan sends messages.

    Raises `KeyringError`.
    """
    path = state_dir / FILE
    if not path.exists():
        return None
    keyring = load_keyring(state_dir)
    newest = str(int(keyring.current) + 1)
    kept = dict(list(keyring.data.items())[-(KEPT - 1) :])
    rotated = Keyring({**kept, newest: secrets.token_bytes(KEY_BYTES)}, newest, keyring.index)
    try:
        write_whole(path, _spell(rotated), durable=True)
    except OSError as error:
        raise KeyringError(f"{path}: {error.strerror}; the old keys stay in place") from error
    return rotated


def _parse(path: Path, text: str) -> Keyring:
    try:
        parsed = json.loads(text)
        data = {str(key_id): bytes.fromhex(key) for key_id, key in parsed["data"].items()}
        keyring = Keyring(data, str(parsed["current"]), bytes.fromhex(parsed["index"]))
        int(keyring.current)
        if keyring.current not in data:
            raise ValueError(f"there is no data key {keyring.current!r}")
        for name, key in [
            *((f"data key {key_id!r}", key) for key_id, key in data.items()),
            ("index key", keyring.index),
        ]:
            if len(key) != KEY_BYTES:
                raise ValueError(f"the {name} has {len(key)} bytes, not {KEY_BYTES}")
        if not all(key_id.isascii() and key_id.isdigit() for key_id in data):
            raise ValueError("ids of data keys are numbers")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _not_keys(path, error) from error
    return keyring


def _not_keys(path: Path, error: Exception) -> KeyringError:
    return KeyringError(
        f"{path}: not a key file ({error}); restore it, or move it away to start with new keys"
        " (what was sealed before then stays unreadable, and opt-outs are forgotten)"
    )


def _spell(keyring: Keyring) -> bytes:
    data = {
        "data": {key_id: key.hex() for key_id, key in keyring.data.items()},
        "current": keyring.current,
        "index": keyring.index.hex(),
    }
    return json.dumps(data, indent=1).encode()


def _write_first(path: Path, keyring: Keyring) -> None:
    """Whole or not at all, and only where nobody else was first."""
    draft = path.with_name(f"{path.stem}-{secrets.token_hex(8)}.json")
    write_whole(draft, _spell(keyring), durable=True)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
