"""Lists and mappings in brackets: on one line where they fit, else each line below the bracket it belongs to.

Owns where their lines end and how deep they stand.
"""

from __future__ import annotations

from controller.config.layout.lines import STEP, Bracket, Kind, Line, Part

WIDTH = 120  # characters of a line that is put together


def join_brackets(lines: list[Line]) -> list[Line]:
    """Put together what fits on one line; not where nothing follows the bracket on its line, or comments stand inside."""
    found: list[Line] = []
    index = 0
    while index < len(lines):
        line = lines[index]
        last = _last_of(lines, index)
        if last > index and _joins(lines[index : last + 1]):
            for more in lines[index + 1 : last + 1]:
                line.pieces += more.pieces
            line.comment, line.comment_was = lines[last].comment, lines[last].comment_was
            line.levels_after, line.open_after = lines[last].levels_after, None
            found.append(line)
        else:
            found += lines[index : last + 1]
        index = last + 1
    for line in found:
        _drop_last_comma(line)
    return found


def _last_of(lines: list[Line], index: int) -> int:
    """Where the brackets are closed that a line opens: there, if it closes them itself."""
    last = index
    while lines[last].open_after is not None:
        last += 1
        while lines[last].kind is not Kind.CONTENT:
            last += 1
    return last


def _joins(lines: list[Line]) -> bool:
    if any(line.kind is not Kind.CONTENT for line in lines) or any(line.comment for line in lines[:-1]):
        return False
    if lines[0].pieces[-1].part is Part.OPEN or any(line.inside is None for line in lines[1:]):
        return False
    if any(len(line.pieces) == 1 and line.pieces[0].part is Part.TEXT and "\n" in line.text for line in lines):
        return False
    if any(_is_torn(line) for line in lines[:-1]):
        return False
    whole = Line(Kind.CONTENT, indent=lines[0].indent, pieces=[piece for line in lines for piece in line.pieces])
    _drop_last_comma(whole)
    return whole.width <= WIDTH


def _is_torn(line: Line) -> bool:
    """A text goes over its end: what it is then depends on where it breaks."""
    text = line.pieces[-1].text
    return line.pieces[-1].part is Part.TEXT and text[:1] in {'"', "'"} and (len(text) == 1 or text[-1] != text[0])


def _drop_last_comma(line: Line) -> None:
    parts = [piece.part for piece in line.pieces]
    line.pieces = [
        piece
        for piece, next_part in zip(line.pieces, [*parts[1:], None], strict=False)
        if not (piece.part is Part.COMMA and next_part is Part.CLOSE)
    ]


def place_inside(lines: list[Line]) -> None:
    """Say how deep those lines stand that begin within brackets, from the first to the last."""
    for line in lines:
        if line.kind is Kind.CONTENT:
            if line.open_after is not None and line.pieces[-1] is line.open_after.piece:
                line.open_after.hangs = True
            if line.inside is not None:
                line.indent = _depth(line.inside, closes=line.pieces[0].part is Part.CLOSE)


def _depth(bracket: Bracket, *, closes: bool) -> int:
    if not bracket.hangs:
        return bracket.line.column_of(bracket.piece) + (0 if closes else 1)
    dashes = sum(piece.part is Part.DASH for piece in bracket.line.pieces)
    return bracket.line.indent + dashes * STEP + (0 if closes else STEP)


def depth_within(bracket: Bracket) -> int:
    """How deep a line stands that begins within a bracket and does not close it."""
    return _depth(bracket, closes=False)
