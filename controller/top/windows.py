"""What comes in front of the lists: a sheet about one row, a question, the keys.

Owns these windows and their keys. Must not know what they are about.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import ScrollableContainer, Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from controller.top.rows import fit

#: Seconds from one look at what is shown to the next.
EVERY = 1.0

HELP = """\
[b]Keys[/]
  up down, k j       from row to row       1 2 3 4, tab  from view to view
  page up, page down  a screen on          g G           first, last
  Enter    all about a row: why a trunk is as it is, the ladder of a call
  d  u     drain a trunk, give it its calls back (asks first)
  /        only rows with these words; Esc: all of them
  ?  q     this; leave

[b]The last hour[/], the worst state of each of sixty minutes, now on the right
  ▁ up   ▂ drained   ▄ suspect   ▆ degraded   █ down   · not known
  Of calls and cascades the height says how many.

[b]States[/]
  up         answers, and takes calls
  suspect    missed one sign of life, and is asked at once
  degraded   alive, but tried behind the others: the reason says why
  down       silent or closed: it is tried last
  drained    an operator sends its calls another way
"""


class Sheet(ModalScreen[None]):
    """All about one row, for as long as somebody looks."""

    DEFAULT_CSS = """
    Sheet { background: transparent; }
    Sheet > Vertical { background: ansi_default; }
    Sheet #title { height: 1; }
    Sheet #foot { height: 1; color: ansi_default; text-style: dim; }
    Sheet ScrollableContainer { height: 1fr; scrollbar-size-vertical: 0; scrollbar-size-horizontal: 1; }
    Sheet #page { width: auto; }
    Sheet .wraps #page { width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,backspace", "dismiss", show=False),
        Binding("d", "act('drain')", show=False),
        Binding("u", "act('undrain')", show=False),
        Binding("question_mark", "app.help", show=False),
        Binding("k", "scroll(-1)", show=False),
        Binding("j", "scroll(1)", show=False),
        Binding("ctrl+c", "app.quit", show=False, priority=True),
    ]

    def __init__(
        self, title: str, look: Callable[[int], Awaitable[Text]], act: Callable[[str], None] | None = None
    ) -> None:
        """``look`` says what there is to see, in so many columns; ``act`` drains or undrains what it is about."""
        super().__init__()
        self._act = act
        self._keys = "Esc back   up down left right scroll" + ("   d drain   u undrain" if act is not None else "")
        self._heading, self._look = title, look

    def compose(self) -> ComposeResult:
        """A title, the page, and which keys there are."""
        with Vertical():
            yield Static(id="title")
            with ScrollableContainer():
                yield Static(Text("looking ..."), id="page")
            yield Static(Text(self._keys), id="foot")

    def on_mount(self) -> None:
        """Look at once, and again and again; a daemon that takes its time does not hold up the keys."""
        self.query_one(ScrollableContainer).focus()
        self.run_worker(self._keep_looking())

    async def _keep_looking(self) -> None:
        while True:
            width = max(20, self.size.width)
            self.query_one("#title", Static).update(Text(fit(self._heading, width), "reverse"))
            page = await self._look(width)
            self.query_one(ScrollableContainer).set_class(not page.no_wrap, "wraps")
            self.query_one("#page", Static).update(page)
            await asyncio.sleep(EVERY)

    def action_act(self, verb: str) -> None:
        """On what this sheet is about, whichever row is chosen by now."""
        if self._act is not None:
            self._act(verb)

    def action_scroll(self, by: int) -> None:
        """A line on."""
        self.query_one(ScrollableContainer).scroll_relative(y=by, animate=False)


class Question(ModalScreen[bool]):
    """Yes or no."""

    DEFAULT_CSS = """
    Question { align: center middle; background: transparent; }
    Question > Vertical { width: 64; max-width: 100%; height: auto; border: round ansi_default; padding: 0 1; background: ansi_default; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", show=False),
        Binding("n,escape,q", "answer(False)", show=False),
        Binding("ctrl+c", "app.quit", show=False, priority=True),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._heading, self._text = title, text

    def compose(self) -> ComposeResult:
        """What is asked, and how to answer."""
        with Vertical():
            yield Static(Text(self._heading, "bold"))
            yield Static(Text(self._text))
            yield Static(Text("\ny yes   n no"))

    def action_answer(self, yes: bool) -> None:
        """That is the answer."""
        self.dismiss(yes)


class Help(ModalScreen[None]):
    """The keys, and what signs mean."""

    DEFAULT_CSS = """
    Help { align: center middle; background: transparent; }
    Help > Static { width: 78; max-width: 100%; height: auto; max-height: 100%; border: round ansi_default; padding: 0 1; background: ansi_default; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", show=False),
        Binding("ctrl+c", "app.quit", show=False, priority=True),
    ]

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static(Text.from_markup(HELP.rstrip()))
