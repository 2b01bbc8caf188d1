"""The keys of messages on disk: who was written to, and what.

Owns what one small JSON file means: data keys by id, the newest of which seals, and the index key. They
are apart from `controller.keys`, so that whoever carries calls need not hold them. The index key never changes: opt-outs
are kept by it alone, and nobody could compute them anew. Daemons that share a store need the same file. Losing it costs
every number, address and text that is kept, and all opt-outs; cascades end, but nothing more can be sent for them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from controller.keyfile import KeyFile, Ring

FILE = "message-keys.json"
KEY_BYTES = 32  # AES-256; HMAC-SHA256
KEPT = 8  # data keys kept by `rotate_keyring`: one a month opens what was sealed in the last seven
_LOSS = "what was sealed before then stays unreadable, and opt-outs are forgotten"
_FILE = KeyFile(FILE, "index", "data", KEY_BYTES, KEPT, _LOSS)


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

    Raises `KeyFileError`.
    """
    return _keyring(_FILE.load(state_dir))


def rotate_keyring(state_dir: Path) -> Keyring | None:
    """Add a data key and make it the current one; the oldest beyond `KEPT` is dropped. None where there are no keys:
    not every dialplan sends messages.

    Raises `KeyFileError`.
    """
    return _keyring(_FILE.turn(state_dir)) if (state_dir / FILE).exists() else None


def _keyring(ring: Ring) -> Keyring:
    return Keyring(ring.keys, ring.current, ring.fixed)
