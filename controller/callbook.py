"""The calls that are up, kept over a restart: what limits count goes on where it was, `kill -9` included.

Owns one JSON file in the state folder. It is written aside, a few times a second if anything changed; no call waits for it,
and losing it costs counts, nothing else: a call up that it does not know is carried all the same. Instants in it are those of the epoch, so what is too
old when it is read counts no more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from controller.files import write_whole
from controller.rules.up import Up, dump_rows, load_rows

FILE = "calls.json"
FORMAT = 1  # of what `dump_rows` gives: raise it when that changes
OFTEN = 0.25  # seconds between two writings: an end that comes after the last one counts until its timers say so
SHARE = 0.05  # of the time may be spent on writing, however many calls are up


def load_calls(state_dir: Path, wall: float) -> dict[str, Up]:
    """The calls of the last life; ``wall`` is what to add to monotonic seconds for the epoch's. It blocks."""
    try:
        data = json.loads((state_dir / FILE).read_text(encoding="utf-8"))
        return load_rows(data["calls"], wall) if data["format"] == FORMAT else {}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def write_calls(state_dir: Path, rows: Mapping[str, Up], wall: float) -> None:
    """Write what `CallsUp.copy` gave; whole or not at all. It blocks."""
    data = json.dumps({"format": FORMAT, "calls": dump_rows(rows, wall)})
    with suppress(OSError):
        write_whole(state_dir / FILE, data.encode())
