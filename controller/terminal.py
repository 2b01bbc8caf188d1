"""Lines for a terminal. Owns how one that is too long goes on. Must not know what it says."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table


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
