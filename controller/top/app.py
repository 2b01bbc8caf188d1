"""The application: what is heard goes to `seen`, what is pressed to the views, and what has changed to the screen.

Owns when the screen is drawn: soon after something happened, and together for all that happens at once. Must not decide anything
about calls; draining asks first.
"""

from __future__ import annotations

import asyncio
import signal
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, Static

from controller import clock
from controller.exits import UNREACHABLE
from controller.ops.consumer import Event, Picture
from controller.top import rows
from controller.top.behind import Behind
from controller.top.link import Link
from controller.top.listing import INDENT, Listing
from controller.top.seen import Seen
from controller.top.views import View, explain, show
from controller.top.windows import Help, Question, Sheet
from controller.top.words import time_of
from sip.text import clean

#: Seconds from something that happens until it is drawn, together with what else happens by then.
SOON = 0.05
#: Seconds between two questions for what no news tell: the calls of this moment, alerts.
EVERY = 1.0
#: Seconds that the result of a command stands there.
SHOWN = 6.0
#: Alarms that are shown.
ALARMS = 3
#: What somebody says yes to.
ASKED = {
    "drain": "New calls take another way wherever one leads; calls that are up finish.",
    "undrain": "Its calls come back in steps.",
}
KEYS = "Enter all about it  d drain  u undrain  / filter  1-4 view  ? help  q quit"


class Top(App[None]):
    """See the top of the file."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { background: ansi_default; color: ansi_default; }
    ModalScreen { background: transparent; }
    Static { height: auto; }
    #head, #alarms, #tabs, #columns, #said, #keys { text-wrap: nowrap; text-overflow: clip; }
    #alarms { color: ansi_red; text-style: bold; }
    #keys { text-style: dim; }
    #filter { height: 1; border: none; padding: 0; display: none; background: ansi_default; }
    #filter.on { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(view.value), f"view({view.value})", show=False) for view in View),
        Binding("d", "drain", show=False),
        Binding("u", "undrain", show=False),
        Binding("slash", "filter", show=False),
        Binding("escape", "unfilter", show=False),
        Binding("question_mark", "help", show=False),
        Binding("q", "quit", show=False),
        Binding("ctrl+c", "quit", show=False, priority=True),
    ]

    def __init__(self, state_dir: Path, *, whole: bool = False, now: Callable[[], float] = clock.epoch) -> None:
        """``whole``: numbers of people as they are; ``now`` in seconds since the epoch."""
        super().__init__(ansi_color=True)  # the terminal's own colours, whatever they are, or none
        self.theme = "ansi-dark"
        self.seen = Seen(whole=whole)
        self._now = now
        self._link = Link(state_dir, self._hear, self._see)
        self._behind = Behind(self.seen, self._link, now)
        self._view = View.TRUNKS
        self._wanted = ""
        self._said = ""  # the result of a command
        self._wish = asyncio.Event()  # somebody looks at another view
        self._is_due = False  # to be drawn
        self._drawn: dict[str, Text] = {}

    # -- the screen

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield Static(id="head")
        yield Static(id="alarms")
        yield Static(id="tabs")
        yield Static(id="columns")
        yield Listing()
        yield Static(id="said")
        yield Input(id="filter", placeholder="words that a row must have", compact=True)
        yield Static(Text(KEYS, no_wrap=True), id="keys")

    def on_mount(self) -> None:
        """Follow the daemons."""
        self.query_one(Listing).focus()
        if not self.is_headless:  # whoever ends us finds the terminal as it was
            for number in (signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(number, self.exit)
        for name, job in [*self._link.jobs(), ("ask", self._ask)]:
            self.run_worker(job(), name=name)
        self._draw()

    def on_resize(self) -> None:
        """Other columns."""
        self._draw_soon()

    def _draw_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self.set_timer(SOON, self._draw)

    def _draw(self, *, anew: bool = False) -> None:
        self._is_due = False
        if not self.screen_stack:  # it ends
            return
        now, width = self._now(), max(20, self.size.width)
        screen = self.screen_stack[0]

        def put(name: str, text: Text) -> None:
            if self._drawn.get(name) != text:
                self._drawn[name] = text
                screen.query_one(name, Static).update(text)

        put("#head", self._head(now, width))
        alarms = self.seen.alarms()
        if len(alarms) > ALARMS:
            alarms = [*alarms[: ALARMS - 1], f"and {len(alarms) - ALARMS + 1} more: callward status shows them all"]
        put("#alarms", Text("\n".join(f"! {rows.fit(text, width - 2).rstrip()}" for text in alarms)))
        screen.query_one("#alarms").display = bool(alarms)
        put("#tabs", self._tabs())
        head, items = show(self._view, self.seen, self._wanted, now, width - INDENT)
        put("#columns", Text(" " * INDENT).append_text(head))
        listing = screen.query_one(Listing)
        listing.show(items, anew=anew)
        put("#said", self._foot(listing, width))

    def _head(self, now: float, width: int) -> Text:
        head, parts = self.seen.head, []
        for kind in ("trunk", "provider"):
            found = self.seen.of_kind(kind)
            if found:
                up = sum(row["state"] == "up" for row in found)
                parts.append(f"{up}/{len(found)} {kind}s up")
        if head.get("listen"):
            parts.append(f"calls: {head['ringing']} ring, {head['up']} up")
        said = "callward " + (" · ".join(parts) if parts else "waiting for the daemon to say how it is")
        return Text(rows.fit(said, width - 9) + " " + time_of(now), "reverse", no_wrap=True)

    def _tabs(self) -> Text:
        text = Text(no_wrap=True)
        for view in View:
            name = f"{view.value} {view.title}"
            text.append(f"[{name}]" if view is self._view else f" {name} ", "bold" if view is self._view else "")
        if self._wanted:
            text.append(f"  rows with: {self._wanted} (escape: all)", "bold")
        return text

    def _foot(self, listing: Listing, width: int) -> Text:
        """Two lines: what somebody did, or more about the chosen row, and which one of how many that is."""
        place, count = listing.place
        where = f"{place}/{count}" if count else ""
        said = self._said or explain(listing.key, self.seen) or ("" if count else self._nothing())
        room = width - len(where) - 1
        first, second, *_ = *textwrap.wrap(clean(said), room, max_lines=2, placeholder=" …"), "", ""
        return Text(f"{first}\n{rows.fit(second, room)} {where}", "bold" if self._said else "", no_wrap=True)

    def _nothing(self) -> str:
        if self._wanted:
            return "no row has these words"
        return "" if self.seen.is_known else "nothing is known yet"

    # -- what is heard

    def _hear(self, event: Event) -> None:
        with self._other_words():
            self.seen.hear(event)
        self._draw_soon()

    def _see(self, picture: Picture) -> None:
        with self._other_words():
            self.seen.see(picture)
        self._draw_soon()

    @contextmanager
    def _other_words(self) -> Iterator[None]:
        """A daemon that was started before an upgrade may say things otherwise."""
        try:
            yield
        except (LookupError, TypeError) as error:
            why = f"{type(error).__name__}: {error}"
            self.exit(
                return_code=UNREACHABLE, message=f"the daemon is of another version of callward ({why}); restart it"
            )

    async def _ask(self) -> None:
        """What no news tell: calls and cascades under way only while somebody looks at them."""
        while True:
            if self._view is View.CALLS and (found := await self._link.calls()) is not None:
                self.seen.take_live(found)
                self._draw_soon()
            if self._view is View.CASCADES and (cascades := await self._link.cascades()) is not None:
                self.seen.take_cascades(cascades)
                self._draw_soon()
            self.seen.alerts = await self._link.alerts()
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._wish.wait()
            self._wish.clear()

    # -- what is pressed

    def action_view(self, number: int) -> None:
        """Another view."""
        self._view = View(number)
        self._wish.set()
        self._draw(anew=True)

    def action_turn(self, by: int) -> None:
        """The next view, or the one before."""
        self.action_view((self._view - 1 + by) % len(View) + 1)

    def action_help(self) -> None:
        """The keys."""
        self.push_screen(Help())

    def action_filter(self) -> None:
        """Words that rows must have."""
        box = self.query_one("#filter", Input)
        box.set_class(True, "on")
        box.focus()

    def action_unfilter(self) -> None:
        """All rows again."""
        box = self.query_one("#filter", Input)
        box.value = self._wanted = ""
        self._leave_filter()

    def _leave_filter(self) -> None:
        self.query_one("#filter", Input).set_class(False, "on")
        self.query_one(Listing).focus()
        self._draw()

    @on(Input.Changed, "#filter")
    def _on_words(self, event: Input.Changed) -> None:
        self._wanted = event.value.strip()
        self._draw()

    @on(Input.Submitted, "#filter")
    def _on_words_done(self) -> None:
        self._leave_filter()

    @on(Listing.Chosen)
    def _on_chosen(self) -> None:
        self._draw_soon()

    @on(Listing.Opened)
    def _on_opened(self) -> None:
        key = self.query_one(Listing).key
        act = partial(self._act, key) if key.startswith("trunk:") else None
        self.push_screen(Sheet(*self._behind.find(key), act))

    # -- drain and undrain

    def action_drain(self) -> None:
        """Send calls of the chosen trunk another way."""
        self._act(self.query_one(Listing).key, "drain")

    def action_undrain(self) -> None:
        """Give it its calls back."""
        self._act(self.query_one(Listing).key, "undrain")

    def _act(self, key: str, verb: str) -> None:
        row = self.seen.row(key)
        if row is None or row["kind"] != "trunk":
            self._say(f"{verb} is for trunks: choose one in view 1")
            return
        name = row["group"] or row["name"]

        def answered(yes: bool | None) -> None:
            if yes:
                self.run_worker(self._carry_out(verb, name), name=verb)

        self.push_screen(Question(f"{verb.capitalize()} {name}?", ASKED[verb]), answered)

    async def _carry_out(self, verb: str, name: str) -> None:
        self._say(await self._link.act(verb, name))

    def _say(self, text: str) -> None:
        self._said = text
        self._draw_soon()
        self.set_timer(SHOWN, lambda: self._unsay(text))

    def _unsay(self, text: str) -> None:
        if self._said == text:
            self._said = ""
            self._draw_soon()
