"""Simulated time for a whole daemon: the command line, in a process whose clock the test moves.

`Clock` is the test's end: hours pass when it says so. Simulated providers in the test's own process live by it as well
(`use`), so that what they sign is neither old nor of the future. Seconds of waiting stay real ones.
"""

from __future__ import annotations

import mmap
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from controller import clock

if TYPE_CHECKING:
    import pytest

_SIZE = 8
_machine = clock.epoch


class Clock:
    """Seconds that are added to the time of the machine, in a file that several processes see at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(bytes(_SIZE))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _SIZE)

    @property
    def ahead(self) -> float:
        """By so many seconds."""
        return float(struct.unpack("d", self._map[:_SIZE])[0])

    def epoch(self) -> float:
        """The simulated time."""
        return _machine() + self.ahead

    def to(self, epoch: float) -> None:
        """Let time pass until then."""
        self._map[:_SIZE] = struct.pack("d", epoch - _machine())

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """In this process too."""
        monkeypatch.setattr(clock, "epoch", self.epoch)


if __name__ == "__main__":
    clock.epoch = Clock(Path(sys.argv.pop(1))).epoch
    from controller.cli import main

    main()
