"""Comments that say which findings are meant: `# callward: ignore CODE -- reason`.

Owns their syntax and what each covers: its line, or the one below where it stands alone, and, if a key or an item of a list
begins there, all that belongs to it. YAML's parser knows no comments: they are read from the text by line. A reason is
required, and a comment that ignores nothing is a finding itself: what was mended must not hide the next mistake.
Errors are never ignored.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from controller.config.diagnostics import BREAKS, Report, Span, quoted
from controller.config.lint.codes import WARNINGS

_COMMENT = re.compile(r"(?:^|(?<=\s))#\s*callward:\s*ignore\b[ \t]*(.*)")
_CODE = re.compile(r"[A-Za-z0-9_]+")
_REASON = re.compile(r"\s*(?:--|\u2013|\u2014)\s*(\S.*)")
_HOW = "write # callward: ignore CODE -- why it is right here"
#: Findings about comments: ignoring these would need comments about comments.
_OWN = {"BAD_IGNORE", "IDLE_IGNORE"}


@dataclass(slots=True)
class Ignore:
    """One comment: which codes, why, and in which lines; ``used`` are those that it ignored."""

    codes: dict[str, Span]
    reason: str
    first: int
    last: int
    used: set[str] = field(default_factory=set)


def apply_ignores(report: Report, sources: Mapping[str, str]) -> None:
    """Take out of the report what comments in the files say is meant, and report the comments that are wrong."""
    for name, text in sources.items():
        if "callward:" not in text:
            continue
        ignores = list(_read(BREAKS.split(text), name, report))
        for found in [found for found in report.sorted() if found.file == name and found.severity == "warning"]:
            for ignore in reversed(ignores):  # the nearest one: what is further out may be about something else
                if found.code in ignore.codes and ignore.first <= found.line <= ignore.last:
                    ignore.used.add(found.code)
                    report.ignore(found, ignore.reason)
                    break
        if not report.errors:  # else nobody has looked for all of them
            _report_idle(ignores, report)


def _report_idle(ignores: Iterable[Ignore], report: Report) -> None:
    for ignore in ignores:
        for code, at in ignore.codes.items():
            if code not in ignore.used:
                message = f"there is no {code} to ignore here"
                report.warning(at, "IDLE_IGNORE", message, "remove it, or move it to the line of the finding")


def _read(lines: list[str], name: str, report: Report) -> Iterator[Ignore]:
    for index, line in enumerate(lines):
        found = _COMMENT.search(line)
        if found is None or line[: found.start()].count('"') % 2:
            continue
        ignore = _parse(line, found, index + 1, name, report)
        if ignore is None:
            continue
        first = index
        while first < len(lines) and not _content(lines[first]):
            first += 1  # it stands alone, perhaps above others
        ignore.first, ignore.last = first + 1, _end_of(lines, first) + 1
        yield ignore


def _parse(line: str, found: re.Match[str], number: int, name: str, report: Report) -> Ignore | None:
    start = found.start() + 1
    codes: dict[str, Span] = {}
    at = found.start(1)
    while code := _CODE.match(line, at):
        codes[code[0]] = Span(number, code.start() + 1, code.end() + 1, file=name)
        at = code.end()
        if comma := re.compile(r"\s*,\s*").match(line, at):
            at = comma.end()
    whole = Span(number, start, len(line.rstrip()) + 1, file=name)
    if not codes:
        report.warning(whole, "BAD_IGNORE", "no code is named", _HOW)
        return None
    for code_name, span in list(codes.items()):
        if code_name not in WARNINGS or code_name in _OWN:
            close = difflib.get_close_matches(code_name.upper(), WARNINGS.keys() - _OWN, n=1)
            hint = f"did you mean {close[0]}?" if close else "the codes are in docs/lint.md; errors cannot be ignored"
            report.warning(span, "BAD_IGNORE", f"{quoted(code_name)} is the code of no warning", hint)
            del codes[code_name]
    reason = _REASON.fullmatch(line, at)
    if reason is None:
        report.warning(whole, "BAD_IGNORE", "the reason is missing", _HOW)
        return None
    return Ignore(codes, reason[1].strip(), number, number) if codes else None


def _content(line: str) -> str:
    """A line without its indentation; "" if there is nothing but a comment."""
    text = line.strip()
    return "" if text.startswith("#") else text


def _end_of(lines: list[str], first: int) -> int:
    """The last line of what begins at a line: those below it that are further in, or items at the depth of their key."""
    if first >= len(lines):
        return first
    head = _content(lines[first])
    depth = _depth(lines[first])
    is_key = head.split(" #", 1)[0].rstrip().endswith(":") and not head.startswith("- ")
    last = first
    for index in range(first + 1, len(lines)):
        text = _content(lines[index])
        if not text:
            continue
        inside = _depth(lines[index]) > depth or (
            is_key and _depth(lines[index]) == depth and (text.startswith("- ") or text == "-")
        )
        if not inside:
            break
        last = index
    return last


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
