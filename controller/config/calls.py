"""Which sections a dialplan cannot do without: those for calls, unless it is one of messages alone.

Owns which keys these are, and what the JSON Schema says of them. Must not look into any.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

#: What makes a dialplan one of messages.
_MESSAGES = ("providers", "cascades")
#: What calls that come in need, in the order of the language.
_CALLS = ("listen", "trunks", "endpoints", "chains", "routes")
#: What whoever calls or is called needs at least: a `voice` provider has trunks, and nobody's number.
_ANY_CALL = ("listen", "trunks")

_HAS_MESSAGES = {"anyOf": [{"required": [name]} for name in _MESSAGES]}
_HAS_CALLS = {"anyOf": [{"required": [name]} for name in (*_CALLS, "users")]}
SCHEMA_OF_CALLS: dict[str, Any] = {
    "if": _HAS_MESSAGES,
    "then": {"if": _HAS_CALLS, "then": {"required": [*_ANY_CALL]}},
    "else": {"required": [*_CALLS]},
}


def needed(keys: Collection[str]) -> tuple[str, ...]:
    """The sections that a file with these keys must have."""
    if not any(name in keys for name in _MESSAGES):
        return _CALLS
    return _ANY_CALL if any(name in keys for name in (*_CALLS, "users")) else ()
