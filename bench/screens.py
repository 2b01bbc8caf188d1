"""The pictures of the console in `docs/screens`: made of the demo, which is broken for them. `python -m bench.screens [FOLDER]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from controller.demo.live import TALK
from tests.console.demo_scene import Demo
from tests.console.scene import Visitor, open_browser

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "screens"
SIZE, TALL = (1280, 720), (1280, 960)


def main() -> None:
    """Make all of them."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    with tempfile.TemporaryDirectory() as kept, open_browser() as browser:
        demo = Demo(Path(kept))
        try:
            visitor = Visitor(browser, demo.show.console, size=SIZE)
            page = visitor.page
            page.goto(demo.show.link)
            page.get_by_role("heading", level=1, name="Demo").wait_for()
            calls = page.locator(".demo-news tr.news", has_text="Call")
            calls.nth(3).wait_for(timeout=60_000)
            page.wait_for_timeout((TALK + 0.5) * 1000)  # it is over, and the next one is not there yet
            for verb, name in (("Silence", "hq-pbx"), ("Fail", "whatsapp-1"), ("Slow", "carrier-b")):
                page.get_by_role("button", name=f"{verb} {name}").click()
                if name == "hq-pbx":  # before any probe could notice
                    page.get_by_role("button", name="Place a call").click()
            page.locator('[data-name="hq-pbx"] .badge.down').wait_for()
            page.get_by_role("button", name="Send a code").click()
            page.locator(".demo-news tr", has_text="whatsapp-1: did not").first.wait_for()
            page.set_viewport_size({"width": TALL[0], "height": TALL[1]})
            _shoot(page, folder / "demo.png")
            page.set_viewport_size({"width": SIZE[0], "height": SIZE[1]})
            calls.filter(has_text="front-desk via hq-pbx").filter(has_text="anna-mobile").first.get_by_role(
                "link"
            ).click()
            page.locator(".ladder svg").wait_for()
            _shoot(page, folder / "call.png")
            for view in ("board", "chains", "cascades"):
                visitor.see(view)
                page.locator("[data-row]:visible, .stage:visible").first.wait_for()
                _shoot(page, folder / f"{view}.png")
            if visitor.errors:
                raise SystemExit("\n".join(visitor.errors))
        finally:
            demo.close()


def _shoot(page: Page, file: Path) -> None:
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(300)  # what was just told is drawn
    page.screenshot(path=file)
    print(file)


if __name__ == "__main__":
    main()
