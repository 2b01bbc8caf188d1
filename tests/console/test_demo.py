"""The demo in Chromium: what is simulated is killed and brought back by click, and seen to go down and come up."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from controller.demo.boxes import Condition
from tests.console.demo_scene import Demo
from tests.console.scene import Visitor
from tests.console.test_console import COLOURS, RULES, grave_findings


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    playing = Demo(tmp_path_factory.mktemp("demo"))
    yield playing
    playing.close()


@pytest.fixture
def page(demo: Demo, browser: Browser) -> Iterator[Page]:
    """The demo's page, by the link that the demo prints; no errors are seen on it."""
    visitor = Visitor(browser, demo.show.console)
    visitor.page.goto(demo.show.link)
    visitor.page.get_by_role("heading", level=1, name="Demo").wait_for()
    yield visitor.page
    visitor.context.close()
    assert not visitor.errors, visitor.errors


def test_a_trunk_is_killed_by_a_click_goes_down_and_is_brought_back_by_a_click(page: Page, demo: Demo) -> None:
    row = page.locator('[data-name="hq-pbx"]')
    expect(row.locator(".badge")).to_have_text("Up")
    page.get_by_role("button", name="Kill hq-pbx").click()
    expect(row.locator(".simulated")).to_have_text("port closed")
    expect(row.locator(".badge")).to_have_text("Down")
    page.get_by_role("button", name="Place a call").click()
    expect(page.locator(".demo-news")).to_contain_text(
        "anna-mobile via carrier-a"
    )  # the next call is none the worse for it
    page.get_by_role("link", name="Board").click()
    board = page.locator('.view.board [data-name="hq-pbx"]')
    expect(board.locator(".badge")).to_have_text("Down")
    expect(page.locator(".tiles .down dd")).to_have_text("2 of 3")
    page.get_by_role("link", name="Demo").click()
    page.get_by_role("button", name="Revive hq-pbx").click()
    expect(row.locator(".simulated")).to_have_text("running")
    expect(row.locator(".badge")).to_have_text("Up")
    assert "kill hq-pbx" in demo.printed.getvalue()


def test_a_provider_is_killed_by_a_click_and_codes_go_another_way(page: Page) -> None:
    page.get_by_role("button", name="Kill whatsapp-1").click()
    expect(page.locator('[data-name="whatsapp-1"] .simulated')).to_have_text("port closed")
    page.get_by_role("button", name="Send a code").click()
    code = page.locator(".demo-news tr", has_text="whatsapp-1: did not bring it")
    expect(code.first).to_contain_text("sms-1")
    page.get_by_role("button", name="Revive whatsapp-1").click()
    expect(page.locator('[data-name="whatsapp-1"] .simulated')).to_have_text("running")


def test_whoever_is_on_call_is_told_of_it_and_that_it_is_over(page: Page, demo: Demo) -> None:
    page.get_by_role("button", name="Silence carrier-b").click()
    page.get_by_role("link", name="Alerts").click()
    expect(page.get_by_text("trunk carrier-b is down").first).to_be_visible()
    page.get_by_role("link", name="Demo").click()
    page.get_by_role("button", name="Revive carrier-b").click()
    for _ in range(300):
        if "over: trunk carrier-b is down" in demo.printed.getvalue():
            break
        page.wait_for_timeout(100)
    else:
        raise AssertionError(demo.printed.getvalue())


def test_cascades_are_counted_plotted_and_listed(page: Page) -> None:
    page.get_by_role("button", name="Send a code").click()
    page.get_by_role("link", name="Cascades").click()
    row = page.locator(".cascades-list [data-row]").first
    expect(row).to_contain_text("demo")  # the tenant
    expect(row.locator(".badge")).to_have_text("Completed")
    ended = page.locator("figure", has_text="Cascades that ended")
    expect(ended.get_by_role("img")).to_have_attribute("aria-label", re.compile(", last hour: [1-9][0-9]* completed, "))
    assert ended.locator("rect.up").evaluate_all("bars => bars.some((bar) => Number(bar.getAttribute('height')) > 20)")
    assert ended.locator("rect").count() == 120
    times = page.locator("figure", has_text="Median time to completion")
    expect(times.get_by_role("img")).to_have_attribute("aria-label", re.compile("by the minute, at most [0-9.]+ m?s"))
    expect(times.locator("path.dots")).to_have_attribute("d", re.compile("^M"))
    page.wait_for_function(  # what the figures say agrees, whenever one looks
        """() => {
          const figure = (name) => [...document.querySelectorAll(".tiles dt")].find((each) => each.textContent === name).nextSibling.textContent;
          const sum = (table) => [...document.querySelectorAll(`[aria-label="${table}"] tbody tr`)].map((row) => Number(row.children[1].textContent)).reduce((a, b) => a + b, 0);
          const drawn = document.querySelector(".plot").getAttribute("aria-label").match(/: (\\d+) completed, (\\d+) not/);
          return Number(figure("Ended")) > 0 && sum("By country") === Number(figure("Ended")) && Number(drawn[1]) + Number(drawn[2]) === Number(figure("Ended"));
        }"""
    )
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # a literal, in a loop
        assert not grave_findings(page), scheme
        colours = ended.locator("rect.up, rect.down").evaluate_all(
            "bars => [...new Set(bars.map((bar) => getComputedStyle(bar).fill))]"
        )
        assert len(colours) == 2, "what came through is told from what did not"


def test_nobody_but_an_operator_breaks_anything(page: Page, demo: Demo) -> None:
    url, guest = f"{demo.show.console}/v1/demo", demo.show.plan.tokens["guest"]
    kill = f"{url}/hq-pbx/kill"
    as_guest = {"authorization": f"Bearer {guest}"}
    assert page.request.get(url, headers=as_guest).status == 200
    assert page.request.post(kill, headers=as_guest).status == 403
    assert page.request.post(f"{url}/call", headers=as_guest).status == 403
    assert page.request.post(kill).status == 403  # the operator's cookie, but not from our page
    page.request.delete(f"{demo.show.console}/v1/session", headers={"x-callward": "page"})
    assert page.request.post(kill, headers={"x-callward": "page"}).status == 401
    assert demo.show.testbed.boxes["hq-pbx"].condition is Condition.RUNNING


def test_the_demos_page_is_for_everybody(page: Page) -> None:
    page.locator('[data-name="mail"]').wait_for()
    for scheme, rules in (("light", RULES), ("dark", COLOURS)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # a literal, in a loop
        assert not grave_findings(page, rules), scheme
    for size in (320, 390, 3840):
        page.set_viewport_size({"width": size, "height": 800})
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, (size, wider)
