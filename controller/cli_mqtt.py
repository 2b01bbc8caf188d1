"""What `callward status` says of the broker: whether it has all, else why not.

Owns that question alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

_PATIENCE = 2.0  # seconds


def see_mqtt(state_dir: Path) -> dict[str, Any]:
    """For `callward status`; nothing where there is no `mqtt`."""
    from controller.control import OPS, ControlError, ask, is_served

    if not is_served(state_dir, OPS):
        return {}
    try:
        answer = ask(state_dir, "mqtt", OPS, _PATIENCE)
    except ControlError:
        return {}
    return {"mqtt": answer["status"]} if answer["ok"] else {}
