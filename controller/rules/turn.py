"""Whose turn it is among the paths of a target, once a run has gone a part of the way.

Owns what is passed over, and that nothing is while nothing else is left. Must not remember anything: the run does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from controller.types import Path


def choose_path(paths: Sequence[Path], cursor: int, lost: Collection[str], stuck: Collection[str]) -> int:
    """The path that is tried next, by its place. A trunk that went down meanwhile is passed over, and so are more
    addresses of a name of which one was heard of and kept the caller waiting in vain: that is its owner's doing, and not
    the address's (RFC 3263 §4.3 goes on to the next one for silence and for 503). Unless it is all there is."""
    alive = [place for place in range(cursor, len(paths)) if paths[place].trunk not in lost]
    others = (place for place in alive if not paths[place].group or paths[place].group not in stuck)
    return next(others, alive[0] if alive else cursor)


def bring_forward(
    paths: Sequence[Path], order: Sequence[int] | None, cursor: int, behind: Collection[str]
) -> list[int]:
    """The order of the paths from now on: at the cursor comes the first one whose trunk is not among ``behind``, if any.

    Those that it comes before keep their turn after it, so that nothing is left out for good."""
    places = list(range(len(paths)) if order is None else order)
    first = next((at for at in range(cursor, len(places)) if paths[places[at]].trunk not in behind), cursor)
    places.insert(cursor, places.pop(first))
    return places
