"""The secrets on disk that let established calls survive the daemon.

Owns what one small JSON file means: the key of branch ids, which never changes, and the seal keys by id, the newest of which
seals. Losing the file costs the calls that are up (their BYE is refused), nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from controller.keyfile import KeyFile, KeyFileError, Ring
from sip.seal import KEY_BYTES, Seal

__all__ = ["FILE", "KEPT", "KeyFileError", "Keys", "load_keys", "rotate_keys"]

FILE = "keys.json"
KEPT = 3  # seal keys kept by `rotate_keys`: calls that are up keep working through two rotations
_FILE = KeyFile(FILE, "branch", "seals", KEY_BYTES, KEPT, "calls that are up then lose their BYE")


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
    return _keys(_FILE.load(state_dir))


def rotate_keys(state_dir: Path) -> Keys:
    """Add a seal key and make it the current one; the oldest beyond `KEPT` is dropped.

    Raises `KeyFileError`, also where a daemon never was: what it would make there nobody would read.
    """
    if not (state_dir / FILE).exists():
        raise KeyFileError(f"{state_dir / FILE}: there are no keys to rotate; is --state-dir another folder?")
    return _keys(_FILE.turn(state_dir))


def _keys(ring: Ring) -> Keys:
    return Keys(ring.fixed, ring.keys, ring.current)
