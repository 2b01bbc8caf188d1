"""Names that nothing uses.

Owns what each section's names are there for.
"""

from __future__ import annotations

from controller.config.diagnostics import quoted
from controller.config.lint.ground import Ground
from controller.config.names import KINDS

_USERS = {
    "trunks": "the 'via' of an endpoint or an outbound route",
    "probes": "the 'probe' of a trunk",
    "endpoints": "the 'ring' of a stage",
    "chains": "the 'chain' of a route",
    "hours": "the 'when' of a stage",
    "tenants": "the 'tenant' of a route",
    "providers": "a step of its channel",
}


def check_unused(ground: Ground) -> None:
    """A name that nothing uses is a name that somebody forgot."""
    for section, kind in KINDS.items():
        for key in ground.names.unused(section) if section in _USERS else ():
            message = f"{kind} {quoted(key.text)} is never used"
            ground.report.warning(key, "UNUSED", message, f"use it in {_USERS[section]}, or remove it")
