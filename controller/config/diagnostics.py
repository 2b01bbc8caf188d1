"""What is wrong with a dialplan, said to people: where, what, what to do; for the terminal and as JSON.

Owns the shape of a finding, its rendering and the way a piece of the operator's text is quoted.
Must not know YAML or the rules of the language.

Messages and hints are lower case without a final period; codes are short and stable. Lines and columns count from 1,
columns in characters.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from textwrap import TextWrapper
from typing import Literal

from controller.config.hidden import mask_line, mask_urls
from controller.inputs import Inputs

Severity = Literal["error", "warning"]

#: Line breaks as YAML 1.1 counts them; ``str.splitlines`` knows more and would shift every later line.
BREAKS = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
#: Findings about secrets, which never repeat any of them.
_SAYS_NOTHING = frozenset(("BAD_CREDENTIAL",))
_WINDOW = 160  # characters of a long line that are shown
_LEAD = 60  # of these, before the first caret
_NARROW = 40  # columns that no terminal lacks
_GUTTER = "      | "
_QUOTED = 60  # characters of a name or value that a message repeats


@dataclass(slots=True, eq=False)
class Span:
    """A place in the source, on one line; ``end_col`` is the first column after it.

    ``file`` is named where there are several. ``origin``: the reference a value came from, which is shown instead of
    it; "!" where that could not be read, and said so.
    """

    line: int
    col: int
    end_col: int
    file: str = field(default="", kw_only=True)
    origin: str = field(default="", kw_only=True)

    def __str__(self) -> str:
        return f"line {self.line}, column {self.col}" + (f" of {self.file}" if self.file else "")

    @property
    def line_of_file(self) -> str:
        """The line alone, for hints."""
        return f"line {self.line}" + (f" of {self.file}" if self.file else "")


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding."""

    file: str
    line: int
    col: int
    end_col: int
    severity: Severity
    message: str
    hint: str  # what to do; may be empty
    code: str


class Mistake(ValueError):
    """A value that is not in the language: raised by what reads a value, placed by what knows where it stood."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


@dataclass(slots=True)
class Report:
    """Collects the findings of a file and what it includes; what is found twice at one place is kept once."""

    file: str
    _found: dict[Diagnostic, None] = field(default_factory=dict)  # an ordered set
    errors: int = 0
    inputs: Inputs = field(default_factory=Inputs)  # what was read
    ignored: dict[Diagnostic, str] = field(default_factory=dict)  # what the file says is meant, and why

    def error(self, at: Span, code: str, message: str, hint: str = "") -> None:
        self._add(at, "error", code, message, hint)
        self.errors += 1

    def warning(self, at: Span, code: str, message: str, hint: str = "") -> None:
        self._add(at, "warning", code, message, hint)

    def ignore(self, found: Diagnostic, reason: str) -> None:
        """Take a warning out, because the file says why it is right."""
        del self._found[found]
        self.ignored[found] = reason

    def join(self, other: Report) -> None:
        """Take over the findings of an included file."""
        self._found.update(other._found)
        self.errors += other.errors
        self.inputs.join(other.inputs)

    def _add(self, at: Span, severity: Severity, code: str, message: str, hint: str) -> None:
        if at.origin == "!":
            return
        if at.origin and code in _SAYS_NOTHING:
            message = f"{message} (in {quoted(at.origin)})"
        elif at.origin:
            message, hint = f"what {quoted(at.origin)} holds does not fit here ({code})", "look at what it holds"
        file = at.file or self.file
        self._found[Diagnostic(file, at.line, at.col, at.end_col, severity, message, hint, code)] = None

    def sorted(self) -> list[Diagnostic]:
        """The findings in the order in which a reader of the file meets them."""
        return sorted(self._found, key=lambda found: (found.file != self.file, found.file, found.line, found.col))


def quoted(text: str) -> str:
    """Quote a piece of the operator's text: cut when long, and unable to steer a terminal."""
    if len(text) > _QUOTED:
        text = text[: _QUOTED - 3] + "..."
    return f"'{printable(mask_urls(text))}'"


def printable(text: str) -> str:
    """Escape what a terminal would not show as it is."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


# --------------------------------------------------------------------------- output


def render(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str], width: int = 0) -> str:
    """Show findings with their lines, underlined; ``sources`` holds the text of each file by name.

    ``width``: columns of a terminal, whose lines go on where they belong; 0: nothing is broken.
    """
    lines = {name: BREAKS.split(text) for name, text in sources.items() if text}
    return "".join(_render_one(found, lines.get(found.file, ()), width) for found in diagnostics)


def to_json(diagnostics: Iterable[Diagnostic]) -> str:
    """The same findings for machines: a JSON array of objects with the fields of `Diagnostic`."""
    return json.dumps([asdict(found) for found in diagnostics], indent=2)


def _render_one(found: Diagnostic, lines: list[str] | tuple[()], width: int) -> str:
    label = "" if found.severity == "error" else f"{found.severity}: "
    is_named = found.severity == "warning" and found.code not in found.message  # so that it can be ignored
    code = f" ({found.code})" if is_named else ""
    head = _fit(f"{found.file}:{found.line}:{found.col}: {label}{found.message}{code}", "    ", width, first="")
    if found.line > len(lines):
        return head + (_fit(found.hint, _GUTTER, width) if found.hint else "")
    window = min(_WINDOW, max(_NARROW, width - len(_GUTTER))) if width else _WINDOW
    text = mask_line(lines[found.line - 1])
    start = found.col - 1
    end = max(found.end_col - 1, start + 1)
    first = max(0, start - min(_LEAD, window // 2)) if len(text) > window else 0
    text = text[first : first + window]
    pad = " " * _width(text[: start - first])
    carets = "^" * max(1, _width(text[start - first : end - first]))
    shown = "".join(c if c.isprintable() else " " for c in text).rstrip()
    below = f"{_GUTTER}{pad}{carets} {found.hint}".rstrip()
    if width and _width(below) > width:
        below = f"{_GUTTER}{pad}{carets}\n{_fit(found.hint, _GUTTER, width)}".rstrip()
    return f"{head}{found.line:>5} | {shown}\n{below}\n"


def _fit(text: str, indent: str, width: int, first: str | None = None) -> str:
    """Lines of it, with ``indent`` before each; ``first`` is that of the first one."""
    first = indent if first is None else first
    if not width or len(first) + _width(text) <= width:
        return f"{first}{text}\n"
    words = TextWrapper(
        max(_NARROW, width),
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,  # paths and YAML are copied
        break_on_hyphens=False,
    )
    return words.fill(text) + "\n"


def _width(text: str) -> int:
    """Columns on a terminal: wide East Asian characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
