"""A diff for people: what is new, gone, changed; one block for all numbers that change alike.

Owns the layout; what is said stands in `diff`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape

from controller.explain.diff import Diff, Moved
from controller.terminal import print_hanging

SHOWN = 6  # routes of a block that are named; `--json` names all
_INDENT = 2


def print_diff(found: Diff, console: Console) -> None:
    """All that differs, and a first line that says how much."""
    if found.is_same:
        console.print("nothing changes")
        return
    new, gone, changed = (sum(len(each.routes) for each in some) for some in (found.new, found.gone, found.changed))
    console.print(f"numbers: {changed} of {found.routes} change, {new} new, {gone} gone", soft_wrap=True)
    cascades = found.cascades
    if cascades.is_different:
        counts = f"{len(cascades.changed)} change, {len(cascades.new)} new, {len(cascades.gone)} gone"
        console.print(f"cascades: {counts}", soft_wrap=True)
    for word, moved in (("new", found.new), ("gone", found.gone)):
        for each in moved:
            _print_moved(word, each, console)
    for change in found.changed:
        _print_block(f"{_list(change.routes)} (chain {change.chain})", change.changes, console)
    for word, names in (("new cascade", cascades.new), ("cascade gone", cascades.gone)):
        for name in names:
            _print_block(f"{word}: {name}", (), console)
    for cascade in cascades.changed:
        _print_block(f"cascade {cascade.cascade}", cascade.changes, console)
    for head, changes in (("policies", cascades.policies), ("messages", cascades.other), ("sections", found.other)):
        if changes:
            _print_block(head, changes, console)


def _print_moved(word: str, moved: Moved, console: Console) -> None:
    _print_block(f"{word}: {_list(moved.routes)} (chain {moved.chain})", (f"rings {moved.rings}",), console)


def _print_block(head: str, lines: Iterable[str], console: Console) -> None:
    console.print()
    print_hanging(console, "", escape(head), 0)
    for line in lines:
        print_hanging(console, "", escape(line), _INDENT)


def _list(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return f"{', '.join(names[:SHOWN])} and {more} more" if more > 1 else ", ".join(names)
