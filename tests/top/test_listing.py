"""The list: a choice stays with its row, and only what is in sight is drawn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from rich.text import Text
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from controller.top.listing import Item, Listing
from tests.top.eyes import read


class Scene(App[None]):
    """Nothing but a list, ten lines high."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[str] = []
        self.opened: list[str] = []

    def compose(self) -> ComposeResult:
        """The list."""
        yield Listing()

    def item(self, name: str, height: int = 1) -> Item:
        """A row that says its name, and counts how often it is asked to."""

        def draw(_: int) -> list[Text]:
            self.drawn.append(name)
            return [Text(f"{name} {line}") for line in range(height)]

        return Item("" if name.startswith("-") else name, draw, height)

    def on_listing_opened(self) -> None:
        """Somebody pressed Enter."""
        self.opened.append(self.query_one(Listing).key)


Act = Callable[[Scene, Listing, Pilot[Any]], Awaitable[None]]


def play(act: Act) -> None:
    async def main() -> None:
        scene = Scene()
        async with scene.run_test(size=(30, 10)) as pilot:
            listing = scene.query_one(Listing)
            listing.focus()
            await act(scene, listing, pilot)

    asyncio.run(main())


def test_the_first_row_is_chosen_until_somebody_chooses_another_which_stays_chosen() -> None:
    async def act(scene: Scene, listing: Listing, pilot: Pilot[Any]) -> None:
        listing.show([scene.item(name) for name in "abc"])
        assert (listing.key, listing.place) == ("a", (1, 3))
        listing.show([scene.item(name) for name in "zabc"])
        assert listing.key == "z"
        await pilot.press("down", "j")
        assert listing.key == "b"
        listing.show([scene.item(name) for name in "yzabc"])
        assert (listing.key, listing.place) == ("b", (4, 5))
        listing.show([scene.item(name) for name in "yzac"])  # it is gone: the one in its place
        assert listing.key == "c"
        listing.show([scene.item(name) for name in "ya"])
        assert listing.key == "a"
        listing.show([])
        assert (listing.key, listing.place) == ("", (0, 0))
        await pilot.press("down", "up", "enter", "pagedown", "G", "home")
        assert scene.opened == []
        listing.show([scene.item(name) for name in "ab"], anew=True)
        assert listing.key == "a"
        await pilot.press("enter")
        assert scene.opened == ["a"]
        listing.show([scene.item(name) for name in "zab"])
        assert listing.key == "a"  # it was looked at

    play(act)


def test_headings_are_passed_over_and_what_is_chosen_is_in_sight() -> None:
    async def act(scene: Scene, listing: Listing, pilot: Pilot[Any]) -> None:
        names = [f"{'-' if number % 10 == 0 else ''}{number}" for number in range(1000)]
        listing.show([scene.item(name, 2) for name in names])
        await pilot.pause()
        assert read(pilot)[:4] == ["  -0 0", "  -0 1", "> 1 0", "  1 1"]
        for keys, first in (
            (["end"], "999"),
            (["pageup"], "995"),
            (["g"], "1"),
            (["pagedown"], "5"),
            (["down"] * 5, "11"),
        ):
            await pilot.press(*keys)
            await pilot.pause()
            assert listing.key == first
            assert f"> {first} 0" in read(pilot)
        listing.show([scene.item(name, 2) for name in ["new", *names]])
        await pilot.pause()
        assert "> 11 0" in read(pilot)

    play(act)


def test_only_what_is_in_sight_is_drawn_and_only_what_changed_again() -> None:
    async def act(scene: Scene, listing: Listing, pilot: Pilot[Any]) -> None:
        listing.show([scene.item(str(number)) for number in range(10_000)])
        await pilot.pause()
        assert len(set(scene.drawn)) <= 11
        lines: list[int] = []
        paint = listing.render_line

        def count(y: int) -> Any:
            lines.append(y)
            return paint(y)

        listing.render_line = count  # type: ignore[method-assign]
        items = [scene.item(str(number)) for number in range(10_000)]
        listing.show(items)
        await pilot.pause()
        assert lines == []
        items[3] = scene.item("another")
        listing.show(items)
        await pilot.pause()
        assert set(lines) == {3}

    play(act)
