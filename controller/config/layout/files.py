"""Files that `callward fmt` is given: which they are, and how one is replaced.

Owns finding, reading and replacing; must not know what a layout is. A file is replaced whole or not at all, keeps who may
read it, and is left alone where it has changed since it was read.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from controller.config.diagnostics import Diagnostic, Report, Span, printable
from controller.config.layout import CannotFormatError, format_text
from controller.config.source import decode, read_text

_ENDINGS = {".yaml", ".yml"}


class NothingToFormatError(ValueError):
    """There is no such file; the message says what to do."""


@dataclass(slots=True)
class Formatted:
    """What came of one file: its text, and the one that it should have; or what is wrong with it."""

    name: str
    before: str = ""
    after: str = ""
    findings: list[Diagnostic] = field(default_factory=list)

    @property
    def is_changed(self) -> bool:
        """Whether it is not laid out as it should be."""
        return self.before != self.after


def find_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files that are meant; of a folder those that end in .yaml or .yml."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(each for each in path.iterdir() if each.suffix in _ENDINGS and each.is_file())
        if not found:
            raise NothingToFormatError(f"no file in {printable(str(path))} ends in .yaml; name a dialplan")
        yield from found


def format_file(path: Path) -> Formatted:
    """Read a file and lay it out; it is not written."""
    name = printable(str(path))
    report = Report(name)
    text = read_text(path, report)
    if report.errors:
        return Formatted(name, text, text, report.sorted())
    return _format(text, name)


def format_bytes(data: bytes, name: str) -> Formatted:
    """Lay out what was read from elsewhere; ``name`` is what findings are named after."""
    report = Report(name)
    text = decode(data, report)
    return Formatted(name, text, text, report.sorted()) if report.errors else _format(text, name)


def _format(text: str, name: str) -> Formatted:
    try:
        return Formatted(name, text, format_text(text, name))
    except CannotFormatError as error:
        return Formatted(name, text, text, error.findings)


def replace_file(path: Path, done: Formatted) -> None:
    """Put the text that a file should have in its place. What keeps that from being done is a finding of ``done``."""
    real = Path(os.path.realpath(path))  # a link stays one
    report = Report(done.name)
    try:
        if real.read_bytes() != done.before.encode():
            report.error(Span(1, 1, 2), "NOT_WRITTEN", "the file has changed meanwhile", "format it again")
        else:
            _replace(real, done.after.encode())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        hint = "check the permissions of its folder: the file is replaced as a whole"
        report.error(Span(1, 1, 2), "NOT_WRITTEN", f"cannot write the file: {reason}", hint)
    done.findings += report.sorted()


def _replace(path: Path, data: bytes) -> None:
    was = path.stat()
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
            os.fchmod(out.fileno(), was.st_mode & 0o7777)
            with suppress(PermissionError):  # only root may give a file away
                os.fchown(out.fileno(), was.st_uid, was.st_gid)
            out.flush()
            os.fsync(out.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
