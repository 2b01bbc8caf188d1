"""The lines of a YAML file as they are laid out: pieces with the spaces between them, comments, and how deep they stand.

Owns what a line is and how it is written. Must not know YAML's grammar (that is `reader`) or a key of the language.

Columns count from 0, in characters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

STEP = 2  # spaces, of each level


class Kind(Enum):
    """What a line holds."""

    CONTENT = auto()
    COMMENT = auto()
    BLANK = auto()
    RAW = auto()  # the inside of a text that goes over several lines


class Part(Enum):
    """What a piece is, as far as spaces go."""

    TEXT = auto()  # a value or key; anchors and aliases
    DASH = auto()
    COLON = auto()
    COMMA = auto()
    OPEN = auto()
    CLOSE = auto()


#: What follows without a space, but for a key without a value: `{key: }`.
_CLOSING = {Part.COMMA, Part.CLOSE}


@dataclass(slots=True, eq=False)
class Piece:
    """Something without a space that could be changed."""

    part: Part
    text: str
    pad: int = 0  # more spaces before it


@dataclass(slots=True, eq=False)
class Bracket:
    """A bracket that is open where a line begins or ends."""

    line: Line
    piece: Piece
    hangs: bool = False  # nothing follows it on its line


@dataclass(slots=True, eq=False)
class Line:
    """One line. ``was``: the column at which it began; ``levels``: (was, is) of the lists and mappings around it."""

    kind: Kind
    was: int = 0
    indent: int = 0
    pieces: list[Piece] = field(default_factory=list)
    raw: str = ""  # of COMMENT and RAW
    comment: str = ""  # at its end
    comment_was: int = 0
    comment_at: int = 0
    levels: tuple[tuple[int, int], ...] = ()
    levels_after: tuple[tuple[int, int], ...] = ()
    inside: Bracket | None = None  # the innermost one that is open where it begins
    open_after: Bracket | None = None
    follows: Line | None = None  # COMMENT: it goes on with the comment at the end of that line
    path: tuple[str, ...] | None = None  # the keys above, where it begins with a key outside of lists and brackets
    key: str = ""  # that key

    @property
    def text(self) -> str:
        """It, without its comment and the spaces before it."""
        return "".join(_spaced(self.pieces))

    @property
    def width(self) -> int:
        """Characters of it, with the spaces before it, without its comment."""
        return self.indent + sum(map(len, _spaced(self.pieces)))

    def column_of(self, piece: Piece) -> int:
        """Where a piece of it stands."""
        before = self.pieces[: self.pieces.index(piece) + 1]
        return self.indent + sum(map(len, _spaced(before))) - len(piece.text)

    def show(self) -> str:
        """The whole line."""
        if self.kind is Kind.CONTENT:
            whole = " " * self.indent + self.text
            return f"{whole:<{self.comment_at}}{self.comment}" if self.comment else whole
        return (" " * self.indent + self.raw).rstrip() if self.kind is Kind.COMMENT else " " * self.indent + self.raw


def _spaced(pieces: list[Piece]) -> list[str]:
    found: list[str] = []
    before: Part | None = None
    for piece in pieces:
        closes = piece.part in _CLOSING and before is not Part.COLON
        glued = before in {None, Part.OPEN} or piece.part is Part.COLON or closes
        found.append(("" if glued else " ") + " " * piece.pad + piece.text)
        before = piece.part
    return found
