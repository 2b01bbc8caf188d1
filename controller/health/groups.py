"""What is known of a name with several addresses, from what is known of each of them.

Owns that sum, by which conditions and people ask: such a trunk is as well as the best of its addresses, and DOWN when
all of them are. Must not judge an address; the detectors do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from controller.types import TargetState, Trunk, TrunkHealth

#: The best first.
_ORDER = (TargetState.UP, TargetState.DEGRADED, TargetState.UNKNOWN, TargetState.SUSPECT, TargetState.DOWN)


def find_groups(trunks: Iterable[Trunk]) -> dict[str, list[str]]:
    """The trunks that are addresses of one name, by that name."""
    groups: dict[str, list[str]] = {}
    for trunk in trunks:
        if trunk.group:
            groups.setdefault(trunk.group, []).append(trunk.name)
    return groups


def add_groups(shown: dict[str, TrunkHealth], groups: Mapping[str, Sequence[str]]) -> None:
    """Show the names beside their addresses. A fall of all is as old as the last of them."""
    for name, members in groups.items():
        known = [shown[member] for member in members if member in shown]
        if not known:
            continue
        best = min(known, key=lambda health: _ORDER.index(health.state))
        if best.state is TargetState.DOWN:
            best = max(known, key=lambda health: health.since)
        shown[name] = best
