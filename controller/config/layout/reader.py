"""A YAML text -> its lines.

Owns what YAML's scanner says of a text (tokens with their places), and how deep each line belongs: two spaces a level,
the items of a list one level below their key. Comments are no tokens: they are what is left of a line behind its last one.
Must not know a key of the language, and moves no line.

What no dialplan needs (``? key``, directives) is refused: `NotLaidOutError`.
"""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from controller.config.layout.lines import STEP, Bracket, Kind, Line, Part, Piece
from controller.config.layout.quoting import requote
from controller.config.source import LOADER


class NotLaidOutError(Exception):
    """There is something in the text that is left as it is; says what. ``line`` counts from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


@dataclass(slots=True)
class _Level:
    """A list or mapping that is open. ``dash``: a list whose dashes stand below their key, which ends without a token."""

    is_map: bool
    was: int
    now: int
    bracket: Bracket | None = None
    dash: bool = False
    key: str = ""


_PARTS = {
    yaml.ValueToken: Part.COLON,
    yaml.FlowEntryToken: Part.COMMA,
    yaml.FlowSequenceStartToken: Part.OPEN,
    yaml.FlowMappingStartToken: Part.OPEN,
    yaml.FlowSequenceEndToken: Part.CLOSE,
    yaml.FlowMappingEndToken: Part.CLOSE,
    yaml.BlockEntryToken: Part.DASH,
    yaml.ScalarToken: Part.TEXT,
    yaml.AnchorToken: Part.TEXT,
    yaml.AliasToken: Part.TEXT,
    yaml.TagToken: Part.TEXT,
    yaml.DocumentStartToken: Part.TEXT,
}


def read_lines(text: str) -> list[Line]:
    """All lines of a text that YAML's parser has taken. Line breaks are ``\\n``."""
    reader = _Reader(text)
    for token in yaml.scan(text, Loader=LOADER):
        reader.take(token)
    return reader.finish()


class _Reader:
    def __init__(self, text: str) -> None:
        self._rows = text.split("\n")
        self._lines: dict[int, Line] = {}
        self._ends: dict[int, int] = {}  # where the last token of a row ends
        self._open: list[_Level] = []
        self._is_key = False  # a key comes next

    def take(self, token: yaml.Token) -> None:
        """Take the next token."""
        kind = type(token)
        if kind in {yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken}:
            now = self._open[-1].now + STEP if self._open else 0
            self._open.append(_Level(kind is yaml.BlockMappingStartToken, token.start_mark.column, now))
        elif kind is yaml.BlockEndToken:
            self._end_dashes()
            self._open.pop()
        elif kind is yaml.KeyToken:
            if token.end_mark.column > token.start_mark.column:
                raise NotLaidOutError(token.start_mark.line + 1, "a key with '?'")
            self._end_dashes()
            self._is_key = True
        elif kind in _PARTS:
            self._take_text(token, kind)
        elif kind not in {yaml.StreamStartToken, yaml.StreamEndToken}:
            raise NotLaidOutError(token.start_mark.line + 1, "a directive or the end of a document")

    def _end_dashes(self) -> None:
        if self._open and self._open[-1].dash:
            self._open.pop()

    def _take_text(self, token: yaml.Token, kind: type[yaml.Token]) -> None:
        row, col = token.start_mark.line, token.start_mark.column
        if kind is yaml.BlockEntryToken and self._open and self._open[-1].is_map:
            self._open.append(_Level(False, col, self._open[-1].now + STEP, dash=True))
        part = _PARTS[kind]
        if self._is_key and part in {Part.OPEN, Part.COLON}:
            raise NotLaidOutError(row + 1, "a key that is no word")
        line = self._line(row, col, kind)
        end = token.end_mark
        if isinstance(token, yaml.ScalarToken):
            self._take_scalar(token, line)
        else:
            piece = Piece(part, self._rows[row][col : end.column])
            line.pieces.append(piece)
            self._ends[row] = end.column
            if part is Part.OPEN:
                is_map = kind is yaml.FlowMappingStartToken
                self._open.append(_Level(is_map, 0, 0, Bracket(line, piece)))
            elif part is Part.CLOSE:
                self._open.pop()
        if kind is yaml.ScalarToken:
            self._is_key = False
        self._leave(self._lines.get(end.line, line))

    def _line(self, row: int, col: int, kind: type[yaml.Token]) -> Line:
        """The line of a row; a new one is as deep as what it begins with."""
        if row in self._lines:
            return self._lines[row]
        top = self._open[-1] if self._open else None
        line = self._lines[row] = Line(Kind.CONTENT, was=col, levels=self._levels())
        if top is None:
            return line
        line.inside = top.bracket
        line.indent = top.now if self._is_key or kind is yaml.BlockEntryToken else top.now + STEP
        if self._is_key and not top.bracket and all(level.is_map for level in self._open):
            line.path = tuple(level.key for level in self._open[:-1])
        return line

    def _leave(self, line: Line) -> None:
        line.levels_after = self._levels()
        line.open_after = self._open[-1].bracket if self._open else None

    def _levels(self) -> tuple[tuple[int, int], ...]:
        return tuple((level.was, level.now) for level in self._open if level.bracket is None)

    # ----------------------------------------------------------------------- values

    def _take_scalar(self, token: yaml.ScalarToken, line: Line) -> None:
        row, col, end = token.start_mark.line, token.start_mark.column, token.end_mark
        if self._is_key and self._open:
            self._open[-1].key = token.value
            if line.path is not None and not line.key:
                line.key = token.value
        if token.style in {"|", ">"}:
            self._take_block(token, line)
        elif end.line == row:
            written = self._rows[row][col : end.column]
            if not self._is_key:
                written = requote(written, token.value, token.style or "", self._key())
            line.pieces.append(Piece(Part.TEXT, written))
            self._ends[row] = end.column
        else:
            self._take_folded(token, line)

    def _key(self) -> str:
        """The key of the value that comes now, that of its list for an item."""
        return next((level.key for level in reversed(self._open) if level.is_map), "")

    def _take_folded(self, token: yaml.ScalarToken, line: Line) -> None:
        """A text over several lines, in quotes or not: how deep they stand means nothing."""
        row, col, end = token.start_mark.line, token.start_mark.column, token.end_mark
        top = self._open[-1] if self._open else None
        depth = top.now + STEP if top else 0
        line.pieces.append(Piece(Part.TEXT, self._rows[row][col:].rstrip(" \t")))
        self._ends[row] = len(self._rows[row])
        for number in range(row + 1, end.line):
            raw = self._rows[number].strip(" \t")
            self._lines[number] = Line(Kind.RAW, indent=depth if raw else 0, raw=raw)
        last = Line(Kind.CONTENT, indent=depth, levels=self._levels(), inside=top.bracket if top else None)
        last.pieces.append(Piece(Part.TEXT, self._rows[end.line][: end.column].strip(" \t")))
        self._lines[end.line], self._ends[end.line] = last, end.column

    def _take_block(self, token: yaml.ScalarToken, line: Line) -> None:
        """A text behind ``|`` or ``>``: it moves as a whole."""
        row, col, end = token.start_mark.line, token.start_mark.column, token.end_mark
        header = self._rows[row][col:].rstrip()
        line.pieces.append(Piece(Part.TEXT, header))
        self._ends[row] = len(self._rows[row])
        last = end.line if end.column else end.line - 1
        rows = self._rows[row + 1 : last + 1]
        depths = [len(each) - len(each.lstrip(" ")) for each in rows if each.strip(" ")]
        least = min(depths, default=0)
        top = self._open[-1] if self._open else None
        keeps, says_depth = "+" in header.split("#")[0], any(sign.isdigit() for sign in header.split("#")[0])
        shift = 0 if top is None else top.now - top.was if says_depth else top.now + STEP - least
        while rows and not keeps and not rows[-1].strip(" "):
            rows.pop()  # blank lines at its end are not part of it
        for number, each in enumerate(rows, row + 1):
            spaces = len(each) - len(each.lstrip(" "))
            is_blank = spaces == len(each)
            depth = 0 if is_blank and spaces <= least else max(0, spaces + shift)
            self._lines[number] = Line(Kind.RAW, indent=depth, raw=each[spaces:])

    # ----------------------------------------------------------------------- what is no token

    def finish(self) -> list[Line]:
        """All lines in order, with their comments."""
        lines: list[Line] = []
        for row, text in enumerate(self._rows):
            line = self._lines.get(row)
            if line is None:
                lines.append(self._without_token(row, text))
                continue
            if line.kind is Kind.CONTENT:
                rest = text[self._ends[row] :]
                line.comment, line.comment_was = rest.strip(), len(text) - len(rest.lstrip())
                if line.comment and not line.comment.startswith("#"):
                    raise NotLaidOutError(row + 1, "something between two values")
            lines.append(line)
        return lines

    @staticmethod
    def _without_token(row: int, text: str) -> Line:
        raw = text.strip()
        if not raw:
            return Line(Kind.BLANK)
        if not raw.startswith("#"):
            raise NotLaidOutError(row + 1, "something between two lines")
        return Line(Kind.COMMENT, was=len(text) - len(text.lstrip()), raw=raw)
