"""What a dialplan was made of: every file and every environment variable that was read for it, by its digest.

Owns the question whether all of it is still the same, so that a dialplan that was compiled once need not be compiled
again. It keeps no content: digests only.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Inputs:
    """Digests by absolute path, and by name of the variable."""

    files: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def note_file(self, path: Path, data: bytes) -> None:
        """A file was read, and held this."""
        self.files[str(path.absolute())] = _digest(data)

    def note_variable(self, name: str, value: str) -> None:
        """An environment variable was read, and held this."""
        self.variables[name] = _digest(os.fsencode(value))

    def join(self, other: Inputs) -> None:
        """Take over what was read for a part."""
        self.files.update(other.files)
        self.variables.update(other.variables)

    def are_unchanged(self) -> bool:
        """Whether each of them holds now what it held then. It reads them all."""
        return all(_holds(path, digest) for path, digest in self.files.items()) and all(
            name in os.environ and _digest(os.fsencode(os.environ[name])) == digest
            for name, digest in self.variables.items()
        )


def _holds(path: str, digest: str) -> bool:
    try:
        return _digest(Path(path).read_bytes()) == digest
    except OSError:
        return False


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
