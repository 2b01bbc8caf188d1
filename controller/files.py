"""Files of the state folder, written whole or not at all, and readable by their owner only.

Owns the way: a draft beside the file, then one rename. One writer at a time, whichever thread it is in: two with one
draft would put half a file in place. What is written, and what becomes of errors, is the caller's business.
"""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock

DEFAULT_STATE_DIR = Path("/var/lib/callward")
_WRITING = Lock()


def write_whole(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Put ``data`` in the place of a file. ``durable``: only once the disk has it. It blocks.

    Raises `OSError`; what was there before is there still.
    """
    draft = path.with_suffix(".new")
    with _WRITING:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
            if durable:
                out.flush()
                os.fsync(out.fileno())
        draft.replace(path)
