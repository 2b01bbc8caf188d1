"""Random bytes of the system, many at a time.

Asking the system lets go of the interpreter, and another thread may keep it for milliseconds: once for each nonce is too
often. Owns the bytes that are left; each is given out once. Not to be used on both sides of a fork.
"""

from __future__ import annotations

import secrets
from threading import Lock

POOL = 8192  # bytes that are asked for at once


class Chance:
    """Gives out random bytes. Threads may share it."""

    def __init__(self) -> None:
        self._pool = b""
        self._at = 0
        self._lock = Lock()

    def __call__(self, count: int) -> bytes:
        """So many bytes that nobody can know."""
        with self._lock:
            if self._at + count > len(self._pool):
                self._pool, self._at = secrets.token_bytes(max(POOL, count)), 0
            self._at += count
            return self._pool[self._at - count : self._at]
