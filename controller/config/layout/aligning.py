"""What stands below each other: mappings in braces, behind the names of their entries; comments at the ends of lines.

Owns the columns. Comments stand at column 36; where lines are longer, behind the longest of those that follow each other,
and what is short stays at 36 beside much longer ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from controller.config.layout.flows import depth_within
from controller.config.layout.lines import Kind, Line, Part

COMMENTS_AT = 36
_GAP = 2  # spaces before a comment, at least
_STILL_TOGETHER = 48
#: Sections whose keys are names of entries, not words of the language.
_NAMED = {
    (section,)
    for section in (
        "users", "trunks", "probes", "sites", "tenants", "hours", "endpoints", "chains", "providers", "cascades",
        "templates",
    )
} | {("alerts", "notifiers"), ("messages", "clients")}  # fmt: skip
#: A longer name moves nobody else's mapping.
_LONGEST_NAME = 24


def align_entries(lines: Iterable[Line]) -> None:
    """Put the braces of entries that follow each other into one column."""
    run: list[Line] = []
    for line in lines:
        if _is_short_entry(line):
            run.append(line)
        elif line.kind is not Kind.COMMENT:
            _align(run)
            run = []
    _align(run)


def _is_short_entry(line: Line) -> bool:
    """``name: {...}`` on one line."""
    if line.path not in _NAMED or line.open_after is not None or len(line.pieces) < 3:
        return False
    opening = line.pieces[2] if not line.pieces[2].text.startswith("&") else line.pieces[min(3, len(line.pieces) - 1)]
    return opening.part is Part.OPEN and opening.text == "{" and line.pieces[-1].part is Part.CLOSE


def _align(run: list[Line]) -> None:
    fitting = [line for line in run if len(line.pieces[0].text) <= _LONGEST_NAME]
    widest = max((len(line.pieces[0].text) for line in fitting), default=0)
    for line in fitting:
        line.pieces[2].pad = widest - len(line.pieces[0].text)


def align_comments(lines: Sequence[Line]) -> None:
    """Say at which column each comment behind something stands, and what goes on with it below."""
    run: list[Line] = []
    for line in lines:
        if line.follows is not None:
            continue
        if line.kind is Kind.CONTENT and line.comment:
            run.append(line)
        elif not (run and _is_one_of_many(line)):
            _place_run(run)
            run = []
    _place_run(run)
    for line in lines:
        if line.follows is not None:
            line.indent = line.follows.comment_at


def _is_one_of_many(line: Line) -> bool:
    """An entry or item on one line: those around it belong together, whether this one has a comment or not."""
    if _is_short_entry(line):
        return True
    parts = [piece.part for piece in line.pieces]
    return parts[:2] == [Part.DASH, Part.OPEN] and parts[-1] is Part.CLOSE


def _place_run(run: list[Line]) -> None:
    longest = max((line.width for line in run), default=0)
    together = longest <= _STILL_TOGETHER
    for line in run:
        fits = line.width + _GAP <= COMMENTS_AT
        line.comment_at = COMMENTS_AT if fits and not together else max(longest + _GAP, COMMENTS_AT)


def place_comments(lines: list[Line]) -> None:
    """Say how deep those comments stand that have a line to themselves."""
    before: Line | None = None  # the last line with content
    above: Line | None = None  # the line above
    for index, line in enumerate(lines):
        if line.kind is Kind.COMMENT:
            below, is_apart = _find_below(lines, index)
            owner = above if above is None or above.kind is Kind.CONTENT else above.follows
            if owner and owner.comment and owner.comment_was == line.was and (below is None or below.was != line.was):
                line.follows = owner
            elif is_apart and above is not None and above.kind is not Kind.BLANK:
                line.indent = _depth(line, before, None)
            else:
                line.indent = _depth(line, before, below)
        elif line.kind is Kind.CONTENT:
            before = line
        above = line


def _find_below(lines: list[Line], index: int) -> tuple[Line | None, bool]:
    """The next line with content, and whether a blank one stands before it."""
    is_apart = False
    for line in lines[index + 1 :]:
        if line.kind is Kind.CONTENT:
            return line, is_apart
        is_apart |= line.kind is Kind.BLANK
    return None, is_apart


def _depth(line: Line, before: Line | None, below: Line | None) -> int:
    """How deep a comment stands: as the line below it if it began there, else as the level around it at which it began."""
    if before is not None and before.open_after is not None:
        return depth_within(before.open_after)
    if below is not None and below.was == line.was:
        return below.indent
    levels = [*(before.levels_after if before else ()), *(below.levels if below else ())]
    return max(((was, now) for was, now in levels if was <= line.was), default=(0, 0))[1]
