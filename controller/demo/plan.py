"""The dialplan as the demo runs it: a copy with free ports, and with tokens that nobody else knows.

Owns the copy. The file itself and what it includes are read, and stay as they are.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from controller.config import load, render
from controller.demo.daemon import DemoError
from controller.demo.ports import hold_ports
from controller.types import Dialplan

_INCLUDE = re.compile(r"^include: ([\w.-]+\.yaml)", re.MULTILINE)
_TOKEN = re.compile(r"(\{name: (\w+), sha256: )[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run."""

    dialplan: Dialplan
    file: Path  # as it is run
    tokens: Mapping[str, str]  # by the name that they have in the file


@contextmanager
def prepare(file: Path, folder: Path, *, tokens: bool = False) -> Iterator[Plan]:
    """Copy the file into ``folder`` as far as it cannot be run where it is, and hold its ports; ``tokens``: each gets another
    one.

    Raises `DemoError`.
    """
    texts = {file.name: _read(file)}
    for name in _INCLUDE.findall(texts[file.name]):
        texts[name] = _read(file.parent / name)
    held = hold_ports([*texts.values()])
    if held is None:
        raise DemoError("no free block of ports on 127.0.0.1; end a demo that is still running and try again")
    moved, guard = held
    with guard:
        yield _make(file, folder, texts, moved, tokens=tokens)


def _make(file: Path, folder: Path, texts: Mapping[str, str], moved: list[str], *, tokens: bool) -> Plan:
    given: dict[str, str] = {}

    def give(match: re.Match[str]) -> str:
        token = given[match[2]] = secrets.token_urlsafe(12)
        return match[1] + hashlib.sha256(token.encode()).hexdigest()

    if tokens:
        moved = [_TOKEN.sub(give, text) for text in moved]
    if moved != [*texts.values()]:
        for name, text in zip(texts, moved, strict=True):
            (folder / name).write_text(text, encoding="utf-8")
        file = folder / file.name
    loaded = load(file)
    if loaded.dialplan is None:
        raise DemoError(render(loaded.diagnostics, loaded.sources))
    return Plan(loaded.dialplan, file, given)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise DemoError(f"{file}: {error.strerror}; run the demo from the project's own folder") from error
