"""The addresses that were believed last, kept over a restart: a start does not depend on a resolver.

Owns one JSON file in the state folder. Losing it costs a look-up at the start, nothing else, so a file that cannot be
read or written is never an error. Reading and writing block.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from controller.files import write_whole
from controller.resolver.book import Book
from controller.types import Address, Dialplan

FILE = "addresses.json"
FORMAT = 1  # raise it when what `Book.dump` gives changes


def read_addresses(book: Book, state_dir: Path, now: float, epoch: float) -> None:
    """Put into the book what the last life believed; ``epoch`` is ``now`` in seconds since the epoch."""
    try:
        data = json.loads((state_dir / FILE).read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            return
        book.load(data["names"], now - max(0.0, epoch - float(data["written"])), now)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return


def last_addresses(dialplan: Dialplan, state_dir: Path) -> dict[str, tuple[Address, ...]]:
    """What the trunks of a dialplan led to when the daemon of a state folder wrote last."""
    book = Book()
    read_addresses(book, state_dir, 0.0, 0.0)
    book.follow(dialplan, 0.0)
    return book.addresses()


def write_addresses(names: list[object], state_dir: Path, epoch: float) -> None:
    """Write what `Book.dump` gave; whole or not at all."""
    data = json.dumps({"format": FORMAT, "written": epoch, "names": names})
    with suppress(OSError):
        write_whole(state_dir / FILE, data.encode())
