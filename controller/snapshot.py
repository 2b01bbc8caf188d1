"""What calls have taught about the trunks, kept over a restart.

Owns one JSON file in the state folder. Losing it costs what was learnt, nothing else, so a file that cannot be read or
written is never an error. Times in it are monotonic, which only holds until the machine starts anew: a file of an
earlier boot is not used.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from controller.files import write_whole
from controller.health.score import Scores, Target

FILE = "scores.json"
FORMAT = 2  # of what `Scores.dump` gives: raise it when that changes
EVERY = 60.0  # seconds between two writings
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def load_scores(state_dir: Path, targets: Iterable[Target], wall: float) -> Scores | None:
    """The scores of the last life, or None; ``wall`` is what to add to monotonic seconds for the epoch's."""
    try:
        data = json.loads((state_dir / FILE).read_text(encoding="utf-8"))
        if (data["format"], data["boot"]) != (FORMAT, _boot_id()):
            return None
        scores = Scores.load(data["scores"], targets)
        scores.view(0.0)  # what is spoilt shows itself here, and not with the first call
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    scores.wall = wall
    return scores


def write_scores(state_dir: Path, scores: dict[str, Any]) -> None:
    """Write what `Scores.dump` gave; whole or not at all. It blocks."""
    data = json.dumps({"format": FORMAT, "boot": _boot_id(), "scores": scores})
    with suppress(OSError):
        write_whole(state_dir / FILE, data.encode())


def _boot_id() -> str:
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""
