"""The canonical layout of a dialplan: `callward fmt`.

The way of a text: `reader` (text -> lines of pieces, and how deep they belong), `quoting`, `flows` (brackets), `aligning`
(columns), `sections` (their order), and `same`, which is asked before anybody gets the new text. Comments are kept, values
are not touched; what is not understood stays as it is.
"""

from __future__ import annotations

import re

from controller.config.diagnostics import Diagnostic, Report, Span
from controller.config.layout.aligning import align_comments, align_entries, place_comments
from controller.config.layout.flows import join_brackets, place_inside
from controller.config.layout.lines import Kind, Line
from controller.config.layout.reader import NotLaidOutError, read_lines
from controller.config.layout.same import says_the_same
from controller.config.layout.sections import order_sections
from controller.config.source import compose

__all__ = ["CannotFormatError", "format_text"]

_ODD_BREAKS = re.compile("[\x85\u2028\u2029]")


class CannotFormatError(Exception):
    """A text that is left as it is; ``findings`` says where and why."""

    def __init__(self, findings: list[Diagnostic]) -> None:
        super().__init__(findings[0].message)
        self.findings = findings


def format_text(text: str, filename: str) -> str:
    """The text in its canonical layout, which says the same. ``filename`` is what findings are named after.

    Raises `CannotFormatError` where the text is not YAML, or cannot be laid out without saying something else.
    """
    report = Report(filename)
    text = text.removeprefix("\ufeff")
    root = compose(text, report, "there is nothing to format")
    if root is None or report.errors:
        raise CannotFormatError(report.sorted())
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    if odd := _ODD_BREAKS.search(plain):
        raise _left(filename, plain[: odd.start()].count("\n") + 1, "a line break of another kind")
    try:
        for sections in (True, False):
            laid_out = _lay_out(plain, sections=sections)
            if says_the_same(text, laid_out, filename):
                return laid_out
    except NotLaidOutError as error:
        raise _left(filename, error.line, str(error)) from None
    raise _left(filename, 1, "something that would say something else")


def _left(filename: str, line: int, what: str) -> CannotFormatError:
    report = Report(filename)
    hint = "write it in another way; nothing was changed"
    report.error(Span(line, 1, 2), "NOT_FORMATTED", f"the layout is left as it is: there is {what}", hint)
    return CannotFormatError(report.sorted())


def _lay_out(text: str, *, sections: bool) -> str:
    lines = join_brackets(read_lines(text))
    align_entries(lines)
    place_inside(lines)
    place_comments(lines)
    if sections:
        lines = order_sections(lines)
    align_comments(lines)
    return "".join(f"{line.show()}\n" for line in _without_gaps(lines))


def _without_gaps(lines: list[Line]) -> list[Line]:
    """Never two blank lines, and none at either end."""
    found: list[Line] = []
    for line in lines:
        if line.kind is not Kind.BLANK or (found and found[-1].kind is not Kind.BLANK):
            found.append(line)
    while found and found[-1].kind is Kind.BLANK:
        found.pop()
    return found
