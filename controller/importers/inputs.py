"""Reading a file that is imported. Owns how much of it is read, and as what text; knows no format."""

from __future__ import annotations

from pathlib import Path

from controller.config.diagnostics import printable
from controller.importers.notes import Place, UnreadableError

MAX_BYTES = 64 << 20  # a dump of all tables of a large PBX has some megabytes


def read_bytes(path: Path) -> bytes:
    """What is in a file; raises `UnreadableError`."""
    at = Place(name_of(path))
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnreadableError(at, f"cannot read the file: {reason}", "check the path and its permissions") from None
    if len(data) > MAX_BYTES:
        raise UnreadableError(at, f"file is larger than {MAX_BYTES >> 20} MiB", "export the named tables alone")
    return data


def read_text(path: Path) -> str:
    """The same as text; what is not UTF-8 is taken for Latin-1, as old databases have it."""
    data = read_bytes(path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def name_of(path: Path) -> str:
    """A file, as it is named to people."""
    return printable(str(path))
