"""What an import has to say: what it did not take over, and why; what it cannot read at all.

Owns the shape and the order: file by file, line by line, each thing once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from controller.config.diagnostics import printable


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file that is imported. ``line`` counts from 1; 0: the file as a whole."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class UnreadableError(Exception):
    """A file that is not what it should be; what, and what to do."""

    def __init__(self, at: Place, message: str, hint: str) -> None:
        super().__init__(f"{at}: {message}; {hint}")
        self.at = at


@dataclass(slots=True)
class Notes:
    """Collects what is said."""

    files: dict[str, int] = field(default_factory=dict)  # in the order in which they were named
    _found: dict[tuple[Place, str], None] = field(default_factory=dict)

    def add(self, at: Place, text: str) -> None:
        """``text``: what was not taken over, and why."""
        self.files.setdefault(at.file, len(self.files))
        self._found.setdefault((at, printable(text)))

    def sorted(self) -> list[tuple[Place, str]]:
        """All of them, as a reader of the files meets them."""
        return sorted(self._found, key=lambda note: (self.files[note[0].file], note[0].line))

    def __len__(self) -> int:
        return len(self._found)
