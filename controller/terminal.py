"""Lines and tables for a terminal. Owns how they look and how what is too long goes on. Must not know what they say."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection
from typing import IO, Any, Literal, TextIO, cast

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

WIDE = 1000  # columns: more than any row of ours
_HANGS = 4  # columns
_OBEYED = re.compile(
    r"\x1b(?!\[[0-9;]*m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]"
)  # all but colours, tabs and line ends


class _Harmless:
    """A stream on which nothing is written that a terminal obeys, but for colours: what is shown comes from anywhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(_OBEYED.sub("?", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Console(Console):
    """As rich's, but for a reader that goes away, as `head` does: whoever runs the command ends it, with its own exit code."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def make_console() -> Console:
    """What all commands print on: no colours of its own guess, no pictures out of `:b:` in an address.

    Where nobody looks a row stays one line, for `grep` and its like.
    """
    console = _Console(highlight=False, emoji=False, file=cast("IO[str]", _Harmless(sys.stdout)))
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDE
    return console


def is_too_wide(table: Table, console: Console) -> bool:
    """Whether something in it would have to be broken."""
    return console.measure(table, options=console.options.update(max_width=WIDE)).maximum > console.width


def print_line(console: Console, text: str) -> None:
    """A line, which may have markup: on a terminal what is too long goes on below, a bit further in; elsewhere it stays one."""
    line = Text.from_markup(text)
    if not console.is_terminal or line.cell_len <= console.width:
        console.print(line, soft_wrap=True)
        return
    indent = len(line.plain) - len(line.plain.lstrip())
    parts = line[indent:].wrap(console, max(20, console.width - indent - _HANGS))
    for number, part in enumerate(parts):
        part.rstrip()
        console.print(Text(" " * (indent + (_HANGS if number else 0))) + part, soft_wrap=True)


def make_table(*columns: str, right: Collection[str] = (), whole: Collection[str] = ()) -> Table:
    """A calm table; columns in ``right`` hold figures, those in ``whole`` (and the first) are never cut."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
    for index, column in enumerate(columns):
        justify: Literal["left", "right"] = "right" if column in right else "left"
        longest = max(map(len, column.split()), default=0)
        no_wrap = index == 0 or column in whole
        table.add_column(column, justify=justify, no_wrap=no_wrap, overflow="fold", min_width=longest)
    return table


def print_hanging(console: Console, head: str, text: str, indent: int) -> None:
    """``text`` behind ``head``, from column ``indent`` on: on a terminal what is too long goes on below itself.

    ``text`` may have markup. Elsewhere it stays one line, for whoever looks for words in it.
    """
    if not console.is_terminal:
        console.print(f"{escape(head):<{indent}}{text}".rstrip(), soft_wrap=True)
        return
    line = Table.grid(padding=0)
    if indent:
        line.add_column(width=max(indent, len(head)), no_wrap=True)
    line.add_column(overflow="fold")
    line.add_row(*([escape(head)] if indent else []), text)
    console.print(line)
