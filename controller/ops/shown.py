"""Who sees which numbers in the console: an operator all of them, a viewer the last two digits.

Owns what is masked. The number that was called stands there whole where it is one of the dialplan's own. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.masking import mask_number, mask_numbers, mask_within


def mask_call(data: Mapping[str, Any], ours: frozenset[str]) -> dict[str, Any]:
    """A call for those who only look: its caller, and who was called from here, have their last two digits."""
    did, caller = str(data["did"]), str(data["caller"])
    return {
        **{key: value for key, value in data.items() if key not in ("decisions", "call")},
        "call": mask_within(str(data["call"]), did, caller),
        "did": did if did in ours else mask_number(did),
        "caller": mask_number(caller) if caller else "",
    }


def masked(found: Any) -> Any:
    """Anything else, with the last two digits of each number in its texts."""
    if isinstance(found, str):
        return mask_numbers(found)
    if isinstance(found, Mapping):
        return {key: masked(value) for key, value in found.items()}
    if isinstance(found, (list, tuple)):
        return [masked(value) for value in found]
    return found
