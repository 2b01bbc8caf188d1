"""What stays below the lines that scroll: how each part is simulated, what callward says of it, the console, what is typed.

Owns columns and colours of the board. Fits into 80 columns, and leaves half of 24 lines to what scrolls.
"""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from controller import clock
from controller.demo.keyboard import Keyboard
from controller.demo.show import Show

PROMPT = "kill, silence, slow, fail, revive NAME · call · code · status · help · quit"
STATE_COLOURS = {
    "up": "green",
    "open": "green",
    "down": "red",
    "suspect": "yellow",
    "degraded": "yellow",
    "held": "yellow",
    "canary": "yellow",
    "rising": "yellow",
    "drained": "yellow",
    "parked": "yellow",
}


def draw_board(show: Show, keyboard: Keyboard) -> RenderableType:
    """All of it."""
    lines: list[RenderableType] = ["", draw_parts(show)]
    if keyboard.prompt:
        typed = Text(keyboard.typed, "bold") if keyboard.typed else Text(PROMPT, "dim")
        lines += [Text.assemble(("  console  ", "dim"), show.link), Text("  > ").append(typed)]
    return Group(*lines)


def draw_parts(show: Show) -> Table:
    """How the parts are, and what the daemon says of them."""
    now = clock.monotonic()
    table = grid((0, 11, 14, 17, 0))
    table.add_row("", *(Text(word, "dim") for word in ("", "simulated as", "callward says", "leads to")))
    signs = show.testbed.signs | show.signs
    for part in show.controls.show():
        sign, gate = signs[part["name"]], show.testbed.gates.get(part["name"])
        if sign.state == "up" and gate is not None and gate.state != "open":
            sign = gate
        state = Text.assemble(
            (f"{sign.state:<8}", STATE_COLOURS.get(sign.state, "")), f" {_duration(now - sign.at):>6}"
        )
        broken = "" if part["verb"] == "revive" else "red"
        leads = Text(part["leads_to"], "dim", no_wrap=True, overflow="ellipsis")
        table.add_row("", part["name"], Text(part["condition"], broken), state if sign.at else "", leads)
    return table


def grid(widths: tuple[int, ...], right: int | None = None) -> Table:
    """Columns of these widths; 0 takes what is left. ``right`` is the column set flush right."""
    table = Table.grid(padding=(0, 2))
    for index, width in enumerate(widths):
        justify: Any = "right" if index == right else "left"
        table.add_column(width=width or None, justify=justify, overflow="fold")
    return table


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
