"""What outcomes have taught about providers, kept over a restart.

Owns one JSON file in the state folder. Losing it costs what was learnt, nothing else, so a file that cannot be read or
written is never an error. Times in it are seconds since the epoch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from controller.files import write_whole
from controller.health.score import Scores, Target
from controller.messages.bursts import Bursts

FILE = "message-scores.json"
FORMAT = 2  # of what `Scores.dump` and `Bursts.dump` give: raise it when that changes
EVERY = 60.0  # seconds between two writings


def read_scores(state_dir: Path, targets: Iterable[Target], now: float) -> tuple[Scores, int, Bursts]:
    """The scores of the last life, or new ones; how far it had read the history that daemons share; and how much usually
    comes. It blocks."""
    targets = list(targets)
    try:
        data = json.loads((state_dir / FILE).read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            return Scores(targets), 0, Bursts()
        scores = Scores.load(data["scores"], targets)
        scores.view(now)  # what is spoilt shows itself here, and not with the first message
        return scores, int(data["read"]), Bursts.load(data["bursts"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return Scores(targets), 0, Bursts()


def write_scores(state_dir: Path, scores: dict[str, Any], read: int, bursts: dict[str, Any]) -> None:
    """Write what `Scores.dump` and `Bursts.dump` gave; whole or not at all. It blocks."""
    data = json.dumps({"format": FORMAT, "read": read, "scores": scores, "bursts": bursts})
    with suppress(OSError):
        write_whole(state_dir / FILE, data.encode())
