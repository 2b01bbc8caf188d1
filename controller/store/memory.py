"""What need not be read twice: a bounded mapping for things that never change.

Owns forgetting: in two generations, so that every step is one atomic operation and threads may share it.
"""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Memory(Generic[T]):
    """Holds between ``limit`` and twice as many of what was used last."""

    __slots__ = ("_limit", "_old", "_young")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._young: dict[str, T] = {}
        self._old: dict[str, T] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old.keys() - self._young.keys())

    def get(self, key: str) -> T | None:
        """What was put, or None."""
        found = self._young.get(key)
        if found is None and (found := self._old.get(key)) is not None:
            self.put(key, found)
        return found

    def put(self, key: str, value: T) -> None:
        """Remember it for a while."""
        if len(self._young) >= self._limit:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def forget(self, key: str) -> None:
        """It is no longer so."""
        self._old.pop(key, None)
        self._young.pop(key, None)

    def clear(self) -> None:
        """Nothing is so any longer."""
        self._old, self._young = {}, {}
