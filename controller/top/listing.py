"""A list for a terminal: rows of one or two lines, of which one is chosen.

Owns the choice, which stays with its row when others move, and which rows are in sight: no other one is drawn, however many there
are. Must not know what rows say.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

_MARK, _REVERSE = "> ", Style(reverse=True)
INDENT = len(_MARK)


@dataclass(frozen=True, slots=True)
class Item:
    """A row. ``draw`` is told how many columns there are."""

    key: str  # "": a heading, which cannot be chosen
    draw: Callable[[int], Sequence[Text]]
    height: int = 1


class Listing(ScrollView, can_focus=True):
    """See the top of the file."""

    DEFAULT_CSS = """
    Listing { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 0; background: transparent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup,ctrl+b", "page(-1)", show=False),
        Binding("pagedown,ctrl+f,space", "page(1)", show=False),
        Binding("home,g", "end(-1)", show=False),
        Binding("end,G", "end(1)", show=False),
        Binding("enter", "open", show=False),
        Binding("tab,right", "app.turn(1)", show=False),  # screens have the tab key for themselves
        Binding("shift+tab,left", "app.turn(-1)", show=False),
    ]

    class Chosen(Message):
        """Another row is chosen."""

    class Opened(Message):
        """Somebody wants to know more about the chosen row."""

    def __init__(self) -> None:
        super().__init__()
        self._items: Sequence[Item] = ()
        self._ends: list[int] = []  # the line after each item
        self._choices: list[int] = []  # places of items that can be chosen
        self._drawn: dict[int, Strip] = {}  # by the line of the screen
        self._key = ""
        self._place = 0  # among the choices
        self._moved = False  # somebody chose a row, and it stays chosen wherever it goes; else the first one is

    @property
    def key(self) -> str:
        """That of the chosen row; "" while there is none."""
        return self._key

    @property
    def place(self) -> tuple[int, int]:
        """Which row is chosen, from 1 on, and how many there are."""
        return (self._place + 1 if self._choices else 0), len(self._choices)

    def show(self, items: Sequence[Item], *, anew: bool = False) -> None:
        """These instead; ``anew``: it is another list, begun at its top."""
        self._items = items
        self._ends = list(accumulate(item.height for item in items))
        self._choices = [place for place, item in enumerate(items) if item.key]
        places = {items[place].key: index for index, place in enumerate(self._choices)}
        if anew:
            self._place, self._moved = 0, False
        elif self._moved:
            self._place = places.get(self._key, min(self._place, max(0, len(self._choices) - 1)))
        self._key = self._key_at_place()
        self.virtual_size = Size(self.size.width, self._ends[-1] if self._ends else 0)
        if self._moved:
            self._keep_in_sight()
        elif anew:
            self.scroll_to(y=0, animate=False, force=True)
        self._draw_what_changed()

    def _key_at_place(self) -> str:
        return self._items[self._choices[self._place]].key if self._choices else ""

    def choose(self, key: str) -> None:
        """That row, if it is there."""
        for index, place in enumerate(self._choices):
            if self._items[place].key == key:
                self._go(index)

    def action_move(self, by: int) -> None:
        """So many rows on."""
        self._go(self._place + by)

    def action_page(self, by: int) -> None:
        """So many screens on."""
        heights = self._ends[-1] / len(self._items) if self._items else 1
        self._go(self._place + by * max(1, int(self.size.height / heights) - 1))

    def action_end(self, where: int) -> None:
        """To the first or the last row."""
        self._go(0 if where < 0 else len(self._choices))

    def action_open(self) -> None:
        """More about the chosen row."""
        if self._key:
            self._moved = True  # who has looked at it finds it again
            self.post_message(self.Opened())

    def _go(self, place: int) -> None:
        if not self._choices:
            return
        self._place = max(0, min(place, len(self._choices) - 1))
        self._key, self._moved = self._key_at_place(), True
        self._keep_in_sight()
        self._draw_what_changed()
        self.post_message(self.Chosen())

    def _keep_in_sight(self) -> None:
        if not self._choices:
            return
        item = self._choices[self._place]
        end = self._ends[item]
        start = 0 if self._place == 0 else end - self._items[item].height  # with the headings above the first one
        top = self.scroll_offset.y
        if start < top:
            self.scroll_to(y=start, animate=False, force=True)
        elif end > top + self.size.height:
            self.scroll_to(y=end - self.size.height, animate=False, force=True)

    def render_line(self, y: int) -> Strip:
        """One line of what is in sight."""
        strip = self._drawn[y] = self._draw(y)
        return strip

    def _draw_what_changed(self) -> None:
        for y in range(self.size.height):
            if self._drawn.get(y) != self._draw(y):
                self.refresh(Region(0, y, self.size.width, 1))

    def _draw(self, y: int) -> Strip:
        width, line = self.size.width, self.scroll_offset.y + y
        place = bisect_right(self._ends, line)
        if place >= len(self._items):
            return Strip.blank(width, self.rich_style)
        item = self._items[place]
        lines = item.draw(width - INDENT)
        first = self._ends[place] - item.height
        chosen = bool(item.key) and item.key == self._key
        text = Text(_MARK if chosen and line == first else " " * INDENT, no_wrap=True, end="")
        if line - first < len(lines):
            text.append_text(lines[line - first])
        strip = Strip(list(text.render(self.app.console))).adjust_cell_length(width).apply_style(self.rich_style)
        return strip.apply_style(_REVERSE) if chosen and line == first else strip
