"""One stage and one browser for a module of tests; no longer, for a browser that is driven keeps the loop of this thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.console.pager import alerts_section
from tests.console.scene import Backstage, Visitor, open_browser, open_scene
from tests.ops.stage import CONSOLE, with_echo


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as found:
        yield found


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, pick_port: Callable[[], int]) -> Iterator[Backstage]:
    # a port that is ours: the page must find the process again that is started anew
    console = CONSOLE.replace(":0", f":{pick_port()}")
    with (
        alerts_section(pick_port()) as alerts,
        open_scene(tmp_path_factory.mktemp("console"), console + alerts, _with_all) as found,
    ):
        yield found


def _with_all(plan: str) -> str:
    """A trunk that can be drilled, and calls outward."""
    outward = '  - {outbound: {prefix: "+44"}, from: [hq-pbx], via: [carrier-a, carrier-b]}\n'
    return with_echo(plan).replace("routes:\n", f"routes:\n{outward}", 1)


@pytest.fixture
def visit(scene: Backstage, browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Another window; it must have seen no errors at the end."""
    visitors: list[Visitor] = []

    def come(**more: Any) -> Visitor:
        visitors.append(Visitor(browser, scene.here.url, **more))
        return visitors[-1]

    yield come
    for visitor in visitors:
        visitor.context.close()
        assert not visitor.errors, visitor.errors
